"""Class masks as data sets of road scenes have them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from teacher.maskomaly.learning.scenes import gather_scenes
from util.config import Config
from util.errors import UserError


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def write_splits(folder: Path, ids: list[str]) -> None:
    folder.mkdir()
    for split in ("Train", "Validation"):
        (folder / f"{split}.txt").write_text("\n".join(ids) + "\n")


def test_cityscapes_is_read_as_it_is_laid_out(tmp_path: Path) -> None:
    image_id = "train/aachen/aachen_000000_000019_leftImg8bit"
    save(tmp_path / f"leftImg8bit/{image_id}.png", np.zeros((8, 16, 3), np.uint8))
    label_ids = np.array([[7, 8, 26, 33, 0, 4, 14, 255] * 2] * 8, np.uint8)
    name = "train/aachen/aachen_000000_000019_gtFine_labelIds"
    save(tmp_path / f"gtFine/{name}.png", label_ids)
    write_splits(tmp_path / "splits", [image_id])
    config = Config.model_validate(
        {
            "data": {"images": tmp_path / "leftImg8bit", "splits": tmp_path / "splits"},
            "mask2former": {
                "masks": tmp_path / "gtFine",
                "mask_names": {"_leftImg8bit$": "_gtFine_labelIds"},
                "classes": "cityscapes",
            },
        }
    )
    scenes = gather_scenes(config.data, config.mask2former)
    assert scenes.masks.class_names[:3] == ("road", "sidewalk", "building")
    assert len(scenes.masks.class_names) == 19
    _, classes = scenes.read(image_id)
    np.testing.assert_array_equal(classes[0, :8], [0, 1, 13, 18, 255, 255, 255, 255])


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [
        ("camvid", [0, 3, 10, 11], ["sky", "road", "bicyclist", None]),
        ("cityscapes_train_ids", [0, 13, 18, 255], ["road", "car", "bicycle", None]),
    ],
)
def test_known_tables_name_what_masks_have(
    tmp_path: Path, known: str, values: list[int], expected: list[str | None]
) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "masks/a.png", np.array([values] * 4, np.uint8))
    write_splits(tmp_path / "splits", ["a"])
    config = Config.model_validate(
        {
            "data": {"images": tmp_path / "images", "splits": tmp_path / "splits"},
            "mask2former": {"masks": tmp_path / "masks", "classes": known},
        }
    )
    scenes = gather_scenes(config.data, config.mask2former)
    _, classes = scenes.read("a")
    names = [None if c == 255 else scenes.masks.class_names[c] for c in classes[0]]
    assert names == expected


@pytest.mark.parametrize("known", ["camvid", "cityscapes", "cityscapes_train_ids"])
def test_values_that_a_known_table_has_not_are_refused(tmp_path: Path, known: str) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "masks/a.png", np.array([[7, 8, 50, 255]] * 4, np.uint8))
    write_splits(tmp_path / "splits", ["a"])
    config = Config.model_validate(
        {
            "data": {"images": tmp_path / "images", "splits": tmp_path / "splits"},
            "mask2former": {"masks": tmp_path / "masks", "classes": known},
        }
    )
    with pytest.raises(UserError, match=f"the values 50, of which the table {known} says nothing"):
        gather_scenes(config.data, config.mask2former)


def test_names_of_masks_without_their_folder_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    config = Config.model_validate(
        {"data": {"images": tmp_path / "images"}, "mask2former": {"mask_names": {"$": "_x"}}}
    )
    with pytest.raises(UserError, match=r"mask2former\.mask_names is of mask2former\.masks"):
        gather_scenes(config.data, config.mask2former)


def test_masks_without_names_of_classes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "masks/a.png", np.array([[0, 1, 2, 2]] * 4, np.uint8))
    write_splits(tmp_path / "splits", ["a"])
    config = Config.model_validate(
        {
            "data": {"images": tmp_path / "images", "splits": tmp_path / "splits"},
            "mask2former": {"masks": tmp_path / "masks"},
        }
    )
    with pytest.raises(UserError, match=r"classes\.json.*or set mask2former\.classes"):
        gather_scenes(config.data, config.mask2former)


@pytest.mark.parametrize(("count", "is_refused"), [(253, False), (254, True)])
def test_as_many_classes_as_leave_room_for_pasted_things_can_be_learnt(
    tmp_path: Path, count: int, is_refused: bool
) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "masks/a.png", np.array([[0, 1, 2, 2]] * 4, np.uint8))
    names = {str(number): [f"class {number}"] for number in range(count)}
    (tmp_path / "masks/classes.json").write_text(json.dumps(names))
    write_splits(tmp_path / "splits", ["a"])
    config = Config.model_validate(
        {
            "data": {"images": tmp_path / "images", "splits": tmp_path / "splits"},
            "mask2former": {"masks": tmp_path / "masks"},
        }
    )
    if is_refused:
        with pytest.raises(UserError, match="254 classes; expected fewer than 254"):
            gather_scenes(config.data, config.mask2former)
    else:
        assert len(gather_scenes(config.data, config.mask2former).masks.class_names) == 253


def configure(folder: Path, classes: str) -> Config:
    return Config.model_validate(
        {
            "data": {"images": folder / "images", "splits": folder / "splits"},
            "mask2former": {"masks": folder / "masks", "classes": classes},
        }
    )


def test_a_split_whose_masks_show_no_class_is_refused_before_a_training(tmp_path: Path) -> None:
    for name, value in (("a", 3), ("b", 255)):
        save(tmp_path / f"images/{name}.png", np.zeros((4, 4, 3), np.uint8))
        save(tmp_path / f"masks/{name}.png", np.full((4, 4), value, np.uint8))
    write_splits(tmp_path / "splits", ["a"])
    (tmp_path / "splits/Validation.txt").write_text("b\n")
    config = configure(tmp_path, "camvid")
    with pytest.raises(UserError, match=r"masks of the split Validation in .* show no class"):
        gather_scenes(config.data, config.mask2former)


@pytest.mark.parametrize(("value", "is_said"), [(13, True), (26, False)])
def test_train_ids_that_are_read_as_label_ids_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: int, is_said: bool
) -> None:
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "masks/a.png", np.array([[0, 7, value, 255]] * 4, np.uint8))
    write_splits(tmp_path / "splits", ["a"])
    config = configure(tmp_path, "cityscapes")
    gather_scenes(config.data, config.mask2former)
    assert ("set mask2former.classes to cityscapes_train_ids" in caplog.text) == is_said
