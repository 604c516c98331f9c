"""True boxes that are found in masks: pieces, class by class."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from tests.util.images.example_masks import COLOURS, save
from util.bbox_csv import COORDINATES
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images, write_image

NAMES = {"1": "duck", "2": ["goose", "large"], "3": "coot"}
TOUCHING = np.zeros((40, 60), np.uint8)
TOUCHING[5:15, 5:15], TOUCHING[5:15, 15:25], TOUCHING[15:25, 25:30] = 1, 2, 3
TOUCHING[30:35, 40:50] = 2


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    write_image(tmp_path / "images/a.png", np.zeros((*TOUCHING.shape, 3), np.uint8))
    return find_images(tmp_path / "images")


def save_mask(folder: Path, values: np.ndarray, names: object = None) -> Path:
    save(folder / "masks/a.png", values, COLOURS)
    if names is not None:
        (folder / "masks/classes.json").write_text(json.dumps(names))
    return folder / "masks"


def count(table: pd.DataFrame) -> dict[str, int]:
    counts: dict[str, int] = table["obj_class"].value_counts().to_dict()
    return counts


def test_touching_objects_of_several_classes_are_boxes_of_their_own_with_their_class(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    masks = save_mask(tmp_path, TOUCHING, NAMES)
    table = read_ground_truth(masks, "masks", images, [])
    assert table[COORDINATES].mul([60, 40, 60, 40]).round(6).to_numpy().tolist() == [
        [5, 5, 15, 15],
        [15, 5, 25, 15],
        [40, 30, 50, 35],
        [25, 15, 30, 25],
    ]
    assert table["obj_class"].tolist() == ["duck", "goose", "goose", "coot"]
    assert table["obj_id"].tolist() == [0, 1, 2, 3]


def test_classes_together_have_the_boxes_that_each_has_alone(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    values = np.random.default_rng(0).integers(0, 4, TOUCHING.shape, np.uint8)
    masks = save_mask(tmp_path, values, NAMES)
    eight = np.ones((3, 3))
    expected = {
        name: ndimage.label(values == value, eight)[1]
        for value, name in enumerate(("duck", "goose", "coot"), start=1)
    }
    assert count(read_ground_truth(masks, "masks", images, [])) == expected
    for name, number in expected.items():
        assert count(read_ground_truth(masks, "masks", images, [name])) == {name: number}
    assert count(read_ground_truth(masks, "masks", images, ["large", "1"])) == {
        name: expected[name] for name in ("duck", "goose")
    }


def test_numbers_of_one_class_are_one_object_where_they_touch(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    masks = save_mask(tmp_path, TOUCHING, {"1": "bird", "2": ["bird", "goose"], "3": None})
    table = read_ground_truth(masks, "masks", images, [])
    assert count(table) == {"bird": 2}


def test_classes_without_a_name_are_called_by_their_numbers_as_those_of_yolo(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    masks = save_mask(tmp_path, TOUCHING)
    assert count(read_ground_truth(masks, "masks", images, [])) == {"1": 1, "2": 2, "3": 1}
    assert count(read_ground_truth(masks, "masks", images, ["2"])) == {"2": 2}


@pytest.mark.parametrize(
    ("values", "meanings"),
    [
        (np.minimum(TOUCHING, 1), {}),
        (np.minimum(TOUCHING, 1) * np.uint8(255), {}),
        (TOUCHING, {"0": "normal", "1-3": "anomalous"}),
        (np.where(TOUCHING == 3, 255, np.minimum(TOUCHING, 1)).astype(np.uint8), {}),
    ],
)
def test_what_is_no_class_is_an_object_of_all_pixels_that_touch(
    values: np.ndarray, meanings: dict[str, str], tmp_path: Path, images: dict[str, Path]
) -> None:
    masks = save_mask(tmp_path, values)
    table = read_ground_truth(masks, "masks", images, [], None, meanings)
    assert count(table) == {"object": 2}


def test_values_that_the_settings_count_beside_named_ones_are_objects(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    masks = save_mask(tmp_path, TOUCHING, {"1": "duck"})
    meanings = {"0": "normal", "1-3": "anomalous"}
    table = read_ground_truth(masks, "masks", images, [], None, meanings)
    assert count(table) == {"duck": 1, "object": 2}
