"""What share is found of what is truly there: of pixels by class, of images by label.

This needs no class to count as anomalous: it says what a label set marks, wanted or not.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def tabulate_found(
    index: str, kind: str, what: str, names: Sequence[str], counts: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Lay counts out as a table for a CSV.

    Args:
        index: Column of what was judged, such as `label_set`.
        kind: Column of the names.
        what: What is counted, such as `pixels`.
        names: Of C classes or labels.
        counts: (C, 2) int of each that was judged: not found, found.

    Returns:
        Columns `index`, `kind`, `what`, found_`what` and found_share, which is nan where there is
        nothing; a row for each that was judged and each name.
    """
    rows = [
        {index: judged, kind: name, what: lost + found, f"found_{what}": found}
        for judged, of_names in counts.items()
        for name, (lost, found) in zip(names, of_names.tolist(), strict=True)
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
