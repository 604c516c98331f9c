"""Several label sets that are read as one."""

from pathlib import Path

import numpy as np
import pytest

from tests.util.label_set.example_sets import BOXES, SETTINGS, spot
from util.errors import UserError
from util.images.files import write_image
from util.images.identity import ImageIdentity
from util.label_set import CHOSEN_ON, Content, LabelSetWriter, open_label_set


def make_part(folder: Path, image_id: str, soft_label: np.ndarray, chosen_on: list[str]) -> None:
    with LabelSetWriter(folder, SETTINGS, facts={CHOSEN_ON: chosen_on}) as writer:
        writer.add(image_id, Content(soft_label), source="1", seconds=0)
        writer.finish(BOXES)


def test_a_joined_set_reads_a_nearly_empty_map_as_its_part_does(tmp_path: Path) -> None:
    make_part(tmp_path / "truth", "a", spot(), [])
    make_part(tmp_path / "combined", "b", spot(1 / 65535), [])
    expected = open_label_set(tmp_path, "combined").read("b")
    assert expected.max() == np.float32(1 / 65535)
    found = open_label_set(tmp_path, "truth+combined").read("b")
    np.testing.assert_array_equal(found, expected)


def test_a_bare_folder_of_masks_of_0_and_1_is_noticed_in_a_joined_set(tmp_path: Path) -> None:
    make_part(tmp_path / "combined", "a", spot(), [])
    write_image(tmp_path / "masks" / "b.png", np.array([[0, 1, 1]], np.uint8))
    with pytest.raises(UserError, match=r"b\.png has the values 0 and 1 of 255"):
        open_label_set(tmp_path, "combined+masks").read("b")


def test_what_chose_a_joined_set_is_what_chose_any_part(tmp_path: Path) -> None:
    make_part(tmp_path / "one", "a", spot(), ["a", "x"])
    make_part(tmp_path / "two", "b", spot(), ["x", "y"])
    make_part(tmp_path / "three", "c", spot(), [])
    joined = open_label_set(tmp_path, "one+two+three")
    assert joined.chosen_on == {ImageIdentity(name, "") for name in "axy"}
