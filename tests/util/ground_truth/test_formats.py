"""What is said where ground truth is not of the format that a config names."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from util.config import DataSection
from util.errors import UserError
from util.ground_truth.annotated import find_annotated
from util.ground_truth.outlines import read_outlines
from util.ground_truth.reading import read_truths
from util.images.files import find_images, write_image


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    write_image(tmp_path / "images/a.png", np.zeros((10, 20, 3), np.uint8))
    for name in ("yolo/a.txt", "voc/a.xml", "labelme/a.json"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("")
    write_image(tmp_path / "masks/a.png", np.zeros((10, 20), np.uint8))
    (tmp_path / "empty").mkdir()
    for name in ("t.json", "T.CSV", "t"):
        (tmp_path / name).write_text("")
    return find_images(tmp_path / "images")


EXPECTS = "is a folder, but data.ground_truth_format {} expects a file"


@pytest.mark.parametrize(
    ("name", "told", "message"),
    [
        ("yolo", "coco", f"{EXPECTS}; is its data.ground_truth_format yolo?"),
        ("yolo", "csv", f"{EXPECTS}; is its data.ground_truth_format yolo?"),
        ("voc", "coco", f"{EXPECTS}; is its data.ground_truth_format voc?"),
        ("labelme", "csv", f"{EXPECTS}; is its data.ground_truth_format labelme?"),
        ("labelme", "coco", f"{EXPECTS}; name the file itself, such as "),
        ("masks", "coco", f"{EXPECTS}; is its data.ground_truth_format masks?"),
        ("empty", "coco", EXPECTS),
        ("t.json", "masks", "is a file, but data.ground_truth_format masks expects a folder; is"),
        ("t.json", "yolo", "is a file, but data.ground_truth_format yolo expects a folder; is "),
        ("yolo/a.txt", "yolo", "expects a folder; name the folder of such files, "),
        ("t.json", "csv", "has the suffix .json, but data.ground_truth_format is csv; is its "),
        ("T.CSV", "coco", "has the suffix .CSV, but data.ground_truth_format is coco; is its "),
        ("nowhere", "coco", "does not exist; set data.ground_truth"),
        ("yolo", "voc", "there are none; is its data.ground_truth_format yolo?"),
        ("voc", "yolo", "there are none; is its data.ground_truth_format voc?"),
    ],
)
def test_what_is_of_another_format_is_told_with_the_one_that_it_may_be(
    name: str, told: str, message: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    data = DataSection.model_validate(
        {"ground_truth": tmp_path / name, "ground_truth_format": told, "masks": None}
    )
    readers: list[Callable[[], object]] = [
        lambda: read_truths(data, images, ["a"]),
        lambda: find_annotated(data, images) and read_truths(data, images, ["a"]),
    ]
    if told in ("coco", "yolo", "labelme"):  # which have outlines
        readers.append(lambda: read_outlines(data, images))
    for read in readers:
        with pytest.raises(UserError) as error:
            read()
        assert message.format(told) in str(error.value)


def test_a_table_of_another_suffix_is_read_by_what_is_in_it(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "t").write_text("image;xmin;ymin;xmax;ymax\na;0;0;1;1\n")
    data = DataSection(ground_truth=tmp_path / "t", ground_truth_classes=[])
    assert len(read_truths(data, images, ["a"])) == 1
    coco = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [], "annotations": []}
    (tmp_path / "t").write_text(json.dumps(coco))
    data = DataSection(
        ground_truth=tmp_path / "t", ground_truth_format="coco", ground_truth_classes=[]
    )
    assert read_truths(data, images, ["a"]).empty


@pytest.mark.parametrize(
    ("told", "name"), [("yolo", "l/a.txt"), ("voc", "l/a.xml"), ("masks", "l/a.png")]
)
def test_the_folder_in_the_one_that_was_given_is_told_where_it_has_the_files(
    told: str, name: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "outer/l").mkdir(parents=True)
    (tmp_path / "outer" / name).write_text("")
    data = DataSection.model_validate(
        {"ground_truth": tmp_path / "outer", "ground_truth_format": told, "masks": None}
    )
    with pytest.raises(UserError, match=r"; there are such files below .*outer/l: name that fold"):
        read_truths(data, images, ["a"])
