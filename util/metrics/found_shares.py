"""What share is found of what is truly there: pixels and boxes by class, images by label.

This needs no class to count as anomalous: it says what a label set marks, wanted or not.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

NO_LABEL = "(none)"
"""Stands for the label of images that were looked at and have none."""


def count_images(
    labels: Mapping[str, Collection[str]], image_ids: Sequence[str], found: Collection[str]
) -> dict[str, np.ndarray]:
    """Count images by label; one of several labels counts for each.

    Args:
        labels: Of images that were looked at, by id.
        image_ids: Those that count.
        found: Those of them in which anything was found.

    Returns:
        (2,) int64 of each label, in which nothing was found and in which something was; `NO_LABEL`
        last.
    """
    having = [image_id for image_id in image_ids if image_id in labels]
    names = sorted(set().union(*(labels[image_id] for image_id in having)))
    counts = {name: np.zeros(2, np.int64) for name in [*names, NO_LABEL]}
    for image_id in having:
        for name in labels[image_id] or [NO_LABEL]:
            counts[name][int(image_id in found)] += 1
    return counts


def tabulate_found(
    index: str, kind: str, what: str, counts: Mapping[str, Mapping[str, np.ndarray]]
) -> pd.DataFrame:
    """Lay counts out as a table for a CSV.

    Args:
        index: Column of what was judged, such as `label_set`.
        kind: Column of the names.
        what: What is counted, such as `pixels`.
        counts: (2,) int of each class or label, by name, of each that was judged: not found, found.

    Returns:
        Columns `index`, `kind`, `what`, found_`what` and found_share, which is nan where there is
        nothing; a row for each that was judged and each name.
    """
    rows = [
        {index: judged, kind: name, what: lost + found, f"found_{what}": found}
        for judged, of_names in counts.items()
        for name, (lost, found) in of_names.items()
    ]
    table = pd.DataFrame(rows, columns=[index, kind, what, f"found_{what}"])
    table["found_share"] = table[f"found_{what}"] / table[what].where(table[what] > 0)
    return table


def format_found(table: pd.DataFrame) -> str:
    """Lay the shares of `tabulate_found` out for the screen: a row each, a column a name."""
    index, kind = table.columns[:2]
    names = table[kind].unique()
    shares = table.pivot(index=index, columns=kind, values="found_share")
    shares = shares.loc[table[index].unique(), names].reset_index()
    return shares.rename_axis(columns=None).to_string(
        index=False, na_rep="-", float_format="{:.3f}".format
    )
