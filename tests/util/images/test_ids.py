"""Names of images in lists and tables, as ids."""

from pathlib import Path

import pytest

from util.errors import UserError
from util.images.ids import describe_right_folder, name_to_id


@pytest.mark.parametrize("name", ["../x.png", "/etc/x", "a/../../x", "", "C:\\x.png", "..\\x"])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="is no name of a file"):
        name_to_id(name)


def test_names_lose_their_image_suffix_only() -> None:
    assert name_to_id("a/b.JPG") == "a/b"
    assert name_to_id("flight 1.5m") == "flight 1.5m"


@pytest.mark.parametrize(
    ("names", "wanted", "folder"),
    [
        (["labels/a", "labels/classes", "train"], ["a", "b"], "/ann/yolo/labels"),
        (["labels/day/a", "labels/night/b"], ["day/a", "night/b"], "/ann/yolo/labels"),
        (["x/labels/a", "y"], ["a", "b"], "/ann/yolo/x/labels"),
        (["a", "b"], ["yolo/a", "voc/b"], "/ann"),
        (["train/a", "val/b"], ["a", "b"], None),  # in two folders
        (["c"], ["a", "yolo/b"], None),
        ([], ["a"], None),
    ],
)
def test_the_folder_that_has_the_files_wanted_is_told(
    names: list[str], wanted: list[str], folder: str | None
) -> None:
    told = f"; there are such files below {folder}: name that folder" if folder else ""
    assert describe_right_folder(Path("/ann/yolo"), names, wanted) == told
