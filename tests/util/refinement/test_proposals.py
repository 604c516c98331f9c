"""Masks of things, found and read."""

from pathlib import Path

import numpy as np
import pytest

from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import write_image
from util.label_set import Content, LabelSetWriter
from util.refinement.proposals import find_proposals


def test_masks_are_values_of_one_file_or_files_of_a_folder(tmp_path: Path) -> None:
    labels = np.array([[0, 3, 3], [7, 0, 255]], np.uint8)
    write_image(tmp_path / "day 1" / "a.png", labels)
    write_image(tmp_path / "day 1" / "b" / "1.png", (labels > 3).astype(np.uint8) * 255)
    write_image(tmp_path / "day 1" / "b" / "0.png", (labels > 0).astype(np.uint8))
    (tmp_path / "day 1" / "b" / "metadata.csv").write_text("id,area\n")
    found = find_proposals(tmp_path, ["day 1/a", "day 1/b", "day 1/c"])
    assert list(found) == ["day 1/a", "day 1/b"]
    read = {image_id: list(each.read((2, 3))) for image_id, each in found.items()}
    for mask, value in zip(read["day 1/a"], (3, 7, 255), strict=True):
        np.testing.assert_array_equal(mask, labels == value)
    for mask, expected in zip(read["day 1/b"], (labels > 0, labels > 3), strict=True):
        np.testing.assert_array_equal(mask, expected)


def test_masks_of_another_size_or_no_folder_are_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((2, 3), np.uint8))
    with pytest.raises(UserError, match=r"a\.png"):
        list(find_proposals(tmp_path, ["a"])["a"].read((3, 3)))
    for folder in (None, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"sepl_masks is (null|/.*/nowhere); the step sepl"):
            find_proposals(folder, ["a"])


def test_a_label_set_says_which_images_were_looked_at_and_have_no_mask(tmp_path: Path) -> None:
    thing = np.zeros((2, 3), bool)
    thing[1, 1:] = True
    with LabelSetWriter(tmp_path / "things", {"producer": "test"}) as writer:
        for image_id, masks in {"day/a": [thing, ~thing], "b": []}.items():
            boxes = Boxes(np.zeros((0, 4)), np.zeros(0))
            content = Content(boxes=boxes, size_hw=(2, 3), proposals=masks)
            writer.add(image_id, content, source="1", seconds=0)
        with pytest.raises(UserError, match="things is unfinished"):
            find_proposals(tmp_path / "things", ["b"])
        writer.finish(BoxSettings())
    found = find_proposals(tmp_path / "things", ["b", "c", "day/a"])
    assert list(found) == ["b", "day/a"]
    assert list(found["b"].read((2, 3))) == []
    np.testing.assert_array_equal(list(found["day/a"].read((2, 3))), [thing, ~thing])


def test_a_label_set_without_masks_is_no_folder_of_masks(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "bird", {"producer": "test"}) as writer:
        writer.add("a", Content(np.ones((2, 3))), source="1", seconds=0)
        writer.finish(BoxSettings())
    with pytest.raises(UserError, match=r"sepl_masks is .*bird, a label set without masks of thin"):
        find_proposals(tmp_path / "bird", ["a"])
