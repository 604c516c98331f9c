"""Formats of ground truth: what lies where, and of which one the files there may be."""

from pathlib import Path
from typing import Literal

from util.disk.walking import walk
from util.errors import UserError

GroundTruthFormat = Literal["csv", "coco", "yolo", "voc", "labelme", "masks"]

_FILE_SUFFIXES = {"csv": ".csv", "coco": ".json"}
"""Of the formats that are one file."""

_FOLDER_SUFFIXES = {"yolo": ".txt", "voc": ".xml", "labelme": ".json"}
"""Of the formats that are a folder with a file an image, beside masks, which are pictures."""


def check_place(path: Path | None, file_format: GroundTruthFormat) -> Path:
    """Make sure that the ground truth is there, and a file or a folder as its format has it.

    Raises:
        UserError: It is not; the error says of which format it may be.
    """
    if path is None:
        raise UserError(
            "there is no ground truth; set data.ground_truth to true boxes, or to a folder of "
            "masks (data.ground_truth_format masks)"
        )
    if not path.exists():
        raise UserError(f"the ground truth {path} does not exist; set data.ground_truth")
    if path.is_dir() == (file_format in _FILE_SUFFIXES):
        given, expected = ("folder", "file") if path.is_dir() else ("file", "folder")
        raise UserError(
            f"the ground truth {path} is a {given}, but data.ground_truth_format {file_format} "
            f"expects a {expected}{describe_other_format(path, file_format)}"
        )
    other = {suffix for name, suffix in _FILE_SUFFIXES.items() if name != file_format}
    if path.is_file() and path.suffix.lower() in other:
        raise UserError(
            f"the ground truth {path} has the suffix {path.suffix}, but "
            f"data.ground_truth_format is {file_format}{describe_other_format(path, file_format)}"
        )
    return path


def describe_other_format(path: Path, file_format: str = "") -> str:
    """Say what may be meant where a file or folder is not of the format that a config names.

    Args:
        path: Of the file or folder.
        file_format: That it is not of; '' = which is known by its files not being there.

    Returns:
        An end of a sentence; '' where nothing there is of any format.
    """
    if not path.is_dir():
        return _describe_file(path, file_format)
    files = walk(path).files
    there = {Path(name).suffix.lower() for name in files}
    own = _FILE_SUFFIXES.get(file_format)
    if own in there:
        first = min(name for name in files if name.lower().endswith(own))
        return f"; name the file itself, such as {path / first}"
    formats = [name for name, suffix in _FOLDER_SUFFIXES.items() if suffix in there]
    formats += ["masks"] if ".png" in there else []
    return _advise([name for name in formats if name != file_format])


def _describe_file(path: Path, file_format: str) -> str:
    """Say the same of a file: it may be one of many of a folder."""
    suffix = path.suffix.lower()
    if suffix == _FOLDER_SUFFIXES.get(file_format):
        return f"; name the folder of such files, {path.parent}"
    return _advise([name for name, own in _FILE_SUFFIXES.items() if own == suffix])


def _advise(formats: list[str]) -> str:
    return f"; is its data.ground_truth_format {' or '.join(formats)}?" if formats else ""
