"""labelme's files, as people leave them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from util.bbox_csv import COORDINATES
from util.errors import UserError
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images, write_image


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b", "c"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((80, 100, 3), np.uint8))
    return find_images(tmp_path / "images")


def write(tmp_path: Path, name: str, *shapes: dict[str, Any], **more: object) -> None:
    path = tmp_path / "truth" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"shapes": shapes, "imageWidth": 100, "imageHeight": 80, "imageData": None}
    path.write_text(json.dumps(content | more))


def shape(label: str, *points: list[float], **more: object) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "flags": {}, **more}


def read(tmp_path: Path, images: dict[str, Path]) -> pd.DataFrame:
    return read_ground_truth(tmp_path / "truth", "labelme", images, [])


def test_shapes_are_boxes_and_groups_one_object(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    write(
        tmp_path,
        "a",
        shape("gull", [10, 20], [30, 20], [20, 60]),
        shape("boat", [60, 70], [50, 40], shape_type="rectangle"),
        shape("gull", [50, 40], [50, 48], shape_type="circle"),
        shape("gull", [5, 5], shape_type="point"),
        shape("gull", [5, 5], [9, 9], shape_type="line"),
        shape("gull", [0, 0], [10, 0], [10, 10], group_id=3),
        shape("boat", [0, 0], [1, 0], [1, 1], group_id=3),
        shape("gull", [90, 70], [100, 70], [100, 80], group_id=3),
    )
    table = read(tmp_path, images)
    assert table["obj_class"].tolist() == ["gull", "boat", "gull", "gull", "boat"]
    expected = [
        [0.1, 0.25, 0.3, 0.75],
        [0.5, 0.5, 0.6, 0.875],
        [0.42, 0.4, 0.58, 0.6],
        [0.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, 0.01, 0.0125],
    ]
    np.testing.assert_allclose(table[COORDINATES], expected)
    assert "left out 2 points and lines, which have no area: a (point)" in caplog.text


def test_turned_rectangles_are_objects_and_the_last_pixel_of_a_mask_is_in_its_box(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    corners = [[20, 10], [40, 30], [30, 40], [10, 20]]
    write(
        tmp_path,
        "a",
        shape("gull", *corners, shape_type="oriented_rectangle"),
        shape("gull", *corners, shape_type="rotation", direction=0.5),
        shape("boat", [50, 40], [59, 43], shape_type="mask", mask="..."),
    )
    expected = [[0.1, 0.125, 0.4, 0.5], [0.1, 0.125, 0.4, 0.5], [0.5, 0.5, 0.6, 0.55]]
    np.testing.assert_allclose(read(tmp_path, images)[COORDINATES], expected)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (shape("gull", [0, 0], [1, 1], shape_type="cuboid"), "should be 'polygon', "),
        (shape("gull", [0, np.nan], [1, 1]), "should be a finite number"),
    ],
)
def test_shapes_that_nobody_knows_are_refused(
    wrong: dict[str, Any], told: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    write(tmp_path, "a", shape("gull", [0, 0], [1, 1]), wrong)
    with pytest.raises(UserError, match=rf"a\.json: shapes\.1\..*{told}"):
        read(tmp_path, images)


def test_all_bad_files_are_named_together(tmp_path: Path, images: dict[str, Path]) -> None:
    write(tmp_path, "a", shape("gull"))
    write(tmp_path, "sub/b", shape("gull", [0, 0], [1, 1]), imageWidth=None)
    (tmp_path / "truth" / "c.json").write_text("{")
    with pytest.raises(UserError) as error:
        read(tmp_path, images)
    told = str(error.value)
    assert "3 files are no JSON of labelme: a.json: shapes.0.points: List should have" in told
    assert "c.json: it is not JSON" in told
    assert "b.json: imageWidth: Input should be a valid number" in told


def test_files_of_images_of_another_shape_are_refused(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    write(tmp_path, "a", imageHeight=100)
    with pytest.raises(UserError, match=r"another ratio .* a \(100 x 100 for 100 x 80\)"):
        read(tmp_path, images)
