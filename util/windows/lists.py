"""Split lists and labels of windows, which are those of their frames."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from util.disk.whole_files import whole_file
from util.errors import UserError
from util.ground_truth.image_labels import COLUMNS
from util.images.splits import read_split
from util.windows.records import Frame, window_ids


def read_splits(folder: Path, image_ids: Collection[str]) -> dict[str, list[str]]:
    """Read all split lists of a folder: ids of images by the names of the lists.

    Raises:
        UserError: There is none, or lists cannot be used; all of these are named.
    """
    paths = sorted(path for path in folder.glob("*.txt") if not path.name.startswith("."))
    if not paths:
        raise UserError(f"{folder} has no split list, NAME.txt; set data.splits, null for none")
    splits, problems = {}, []
    for path in paths:
        try:
            splits[path.stem] = read_split(folder, path.stem, image_ids)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return splits


def write_splits(
    folder: Path, splits: Mapping[str, Collection[str]], frames: Mapping[str, Frame]
) -> None:
    """Write the split lists of windows, each in the split of its frame; other lists there go.

    Args:
        folder: Where the lists lie.
        splits: Ids of frames by the names of lists.
        frames: Those that are cut.
    """
    for name, frame_ids in splits.items():
        with whole_file(folder / f"{name}.txt") as file:
            for frame_id in frame_ids:
                if frame_id in frames:
                    for window_id in window_ids(frame_id, frames[frame_id].grid):
                        file.write(f"{window_id}\n".encode())
    for path in folder.glob("*.txt"):
        if path.stem not in splits:
            path.unlink()


def write_labels(
    path: Path, labels: Mapping[str, Collection[str]], frames: Mapping[str, Frame]
) -> None:
    """Write the labels of windows, all those of their frames.

    Args:
        path: Of the CSV (see `util.ground_truth.image_labels`).
        labels: Of frames, by their ids; frames without an entry were not looked at. Without any
            entry there is no file.
        frames: Those that are cut.
    """
    if not labels:
        path.unlink(missing_ok=True)
        return
    rows = [
        (window_id, label)
        for frame_id, of_frame in labels.items()
        if frame_id in frames
        for window_id in window_ids(frame_id, frames[frame_id].grid)
        for label in sorted(of_frame) or [""]
    ]
    with whole_file(path) as file:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(
            file, sep=";", index=False, mode="wb", lineterminator="\n"
        )
