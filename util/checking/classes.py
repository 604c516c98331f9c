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

    Says which of them a split has nothing of, and of folders whatever else is counted: but where
    none is in two splits, they are what lists keep together, and each is lacking somewhere.

    Returns:
        What is counted, and a table with a row a class and a column a split; '' and an empty one
        where there is nothing to count.
    """
    folders = _tabulate(_list_folders(splits), splits)
    what, pairs = _list_classes(truth)
    counts = _tabulate(pairs, splits)
    if lacking := _find_lacking(counts):
        findings.warnings.append(f"classes that splits have nothing of: {listed(lacking, 6)}")
    is_torn = ((folders > 0).sum(axis=1) > 1).any()
    others = [told for told in _find_lacking(folders) if told not in lacking]
    if others and is_torn:
        findings.warnings.append(f"folders that splits have no image of: {listed(others, 6)}")
    if not what and len(folders) > 1:
        return "images of each folder", folders
    return (what, counts) if len(counts) else ("", counts)


def _list_classes(truth: Truth) -> tuple[str, list[tuple[str, str]]]:
    """List images and classes: what they are, and a pair for each that counts; '' = unknown."""
    if truth.labels:
        labels = truth.labels.items()
        return "labels", [(i, name) for i, names in labels for name in names or {"none"}]
    if truth.boxes is not None:
        objects, _ = split_ignored(truth.boxes)
        named = zip(objects["image"].tolist(), objects["obj_class"].tolist(), strict=True)
        return "true boxes", list(named)
    return "", []


def _list_folders(splits: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """List images and their folders; none where there are too many to be classes."""
    image_ids = dict.fromkeys(i for ids in splits.values() for i in ids)
    pairs = [(i, i.rpartition("/")[0]) for i in image_ids]
    return pairs if len({folder for _, folder in pairs}) <= _MOST_FOLDERS else []


def _tabulate(
    pairs: Sequence[tuple[str, str]], splits: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Count pairs of an image and a class, a row a class and a column a split.

    An image that stands in two splits counts in both.
    """
    standing = [(i, name) for name, ids in splits.items() for i in ids]
    of_split = pd.DataFrame(standing, columns=["image", "split"], dtype=object)
    of_class = pd.DataFrame(pairs, columns=["image", "class"], dtype=object)
    table = of_class.merge(of_split, on="image")
    counts = pd.crosstab(table["class"], table["split"])
    return counts.reindex(columns=list(splits), fill_value=0)


def _find_lacking(counts: pd.DataFrame) -> list[str]:
    """Name the classes that splits have nothing of, with these splits."""
    return [
        f"{name or 'no folder'} ({', '.join(counts.columns[row == 0])})"
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
        if (row == 0).any() and row.any()
    ]
