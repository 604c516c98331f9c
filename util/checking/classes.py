"""How much each split has of each class."""

from collections.abc import Mapping, Sequence

import pandas as pd

from util.bbox_csv import split_ignored
from util.checking.findings import Findings
from util.checking.truth import Truth
from util.errors import listed

_MOST_FOLDERS = 30
"""Folders are classes where there are so many at most."""


def count_classes(
    truth: Truth, splits: Mapping[str, Sequence[str]], findings: Findings
) -> tuple[str, pd.DataFrame]:
    """Count true boxes, labels or, where there are neither, images a folder, in each split.

    Returns:
        What is counted, and a table with a row a class and a column a split; '' and an empty one
        where there is nothing to count.
    """
    what, rows = _list_classes(truth, splits)
    split_of = pd.Series({i: name for name, ids in splits.items() for i in ids}, dtype=object)
    table = pd.DataFrame(rows, columns=["image", "class"])
    table["split"] = table["image"].map(split_of)
    counts = pd.crosstab(table["class"], table["split"]).reindex(columns=list(splits), fill_value=0)
    if len(counts) < 1 + (what == "images of each folder"):
        return "", counts.iloc[:0]
    lacking = [
        f"{name} ({', '.join(counts.columns[row == 0])})"
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
        if (row == 0).any() and row.any()
    ]
    if lacking:
        findings.warnings.append(f"classes that splits have nothing of: {listed(lacking, 6)}")
    return what, counts


def _list_classes(
    truth: Truth, splits: Mapping[str, Sequence[str]]
) -> tuple[str, list[tuple[str, str]]]:
    """List images and classes: what they are, and a pair for each that counts."""
    every = [image_id for ids in splits.values() for image_id in ids]
    if truth.labels:
        having = [i for i in every if i in truth.labels]
        return "labels", [(i, name) for i in having for name in truth.labels[i] or {"none"}]
    if truth.boxes is not None:
        objects, _ = split_ignored(truth.boxes)
        named = zip(objects["image"].tolist(), objects["obj_class"].tolist(), strict=True)
        return "true boxes", list(named)
    folders = [(i, i.rpartition("/")[0]) for i in every]
    few = len({folder for _, folder in folders}) <= _MOST_FOLDERS
    return "images of each folder", folders if few else []
