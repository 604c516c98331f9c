import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import ROOT, box_table
from util.bbox_csv import COORDINATES
from util.config import DataSection
from util.errors import UserError
from util.ground_truth.reading import (
    check_known,
    describe_counted,
    read_ground_truth,
    read_truths,
)
from util.images.files import find_images, write_image
from util.images.splits import read_split

WATERBIRDS = ROOT.parent / "shared" / "data" / "waterbirds"


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((10, 20, 3), np.uint8))
    return find_images(tmp_path / "images")


EXPECTED = [["a", 0.1, 0.2, 0.3, 0.6], ["sub/b", 0.5, 0.5, 1.0, 1.0]]


def rows(table: pd.DataFrame) -> list[list[object]]:
    return table[["image", *COORDINATES]].round(6).to_numpy().tolist()


def test_csv_coco_yolo_and_masks_say_the_same(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.csv").write_text(
        "image;xmin;ymin;xmax;ymax;obj_id;obj_class;confidence\n"
        "a.png;0.1;0.2;0.3;0.6;0;bird;1\nsub/b.png;0.5;0.5;1;1;0;bird;1\na;0;0;1;1;1;boat;1\n"
    )
    coco = {
        "images": [
            {"id": 1, "file_name": "a.png", "height": 10, "width": 20},
            {"id": 2, "file_name": "sub/b.png", "height": 10, "width": 20},
        ],
        "categories": [{"id": 5, "name": "bird"}, {"id": 6, "name": "boat"}],
        "annotations": [
            {"image_id": 1, "category_id": 5, "bbox": [2, 2, 4, 4]},
            {"image_id": 2, "category_id": 5, "bbox": [10, 5, 10, 5]},
            {"image_id": 2, "category_id": 6, "bbox": [0, 0, 1, 1]},
        ],
    }
    (tmp_path / "t.json").write_text(json.dumps(coco))
    (tmp_path / "yolo" / "sub").mkdir(parents=True)
    (tmp_path / "yolo" / "a.txt").write_text("0 0.2 0.4 0.2 0.4\n1 0.5 0.5 1 1\n")
    (tmp_path / "yolo" / "sub" / "b.txt").write_text("0 0.75 0.75 0.5 0.5\n")
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    for name, rectangle in (("a", np.s_[2:6, 2:6]), ("sub/b", np.s_[5:, 10:])):
        mask = np.zeros((10, 20), np.uint8)
        mask[rectangle] = 7
        mask[0, 0] = 9  # of another class
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    for path, file_format, classes in (
        ("t.csv", "csv", ["bird"]),
        ("t.json", "coco", ["bird"]),
        ("yolo", "yolo", ["0"]),
        ("masks", "masks", ["7"]),
    ):
        table = read_ground_truth(tmp_path / path, file_format, images, classes)  # type: ignore[arg-type]
        assert rows(table) == EXPECTED, file_format


def test_no_classes_means_all(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text("0 0.2 0.4 0.2 0.4\n3 0.5 0.5 1 1\n")
    assert len(read_ground_truth(tmp_path / "yolo", "yolo", images, [])) == 2


def test_boxes_of_other_images_are_left_out(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.csv").write_text("image;xmin;ymin;xmax;ymax\nelsewhere;0;0;1;1\na;0;0;1;1\n")
    table = read_ground_truth(tmp_path / "t.csv", "csv", images, [])
    assert table["image"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "file_format", "message"),
    [
        ("t.csv", None, "csv", "does not exist"),
        ("t.json", "{\n\n]", "coco", "line 3"),
        ("yolo/a.txt", "0 0.2 x 0.2 0.4", "yolo", r"a\.txt, line 1"),
        ("masks/other.png", "", "masks", "no mask of any image"),
        ("t.csv", "image;xmin;ymin;xmax;ymax;obj_class\na;0;0;1;1;boat", "csv", "but boat"),
    ],
)
def test_bad_ground_truth_is_named(
    tmp_path: Path,
    images: dict[str, Path],
    name: str,
    content: str | None,
    file_format: str,
    message: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    given = path.parent if "/" in name else path
    with pytest.raises(UserError, match=message):
        read_ground_truth(given, file_format, images, ["1"])  # type: ignore[arg-type]


def test_boxes_of_unknown_images_are_counted_and_most_of_them_refused(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.csv"
    check_known(path, box_table([("a", 0, 0, 1, 1)]), images)
    check_known(path, box_table([]), images)
    assert not caplog.text
    check_known(path, box_table([("a", 0, 0, 1, 1), ("elsewhere", 0, 0, 1, 1)]), images)
    assert "left out 1 of 2 boxes, of images that are not in data.images: elsewhere" in caplog.text
    rows = [("a", 0, 0, 1, 1), ("x", 0, 0, 1, 1), ("x", 0, 0, 1, 1), ("y", 0, 0, 1, 1)]
    told = r"has 3 of its 4 boxes in x, y, which are no images in data\.images \(there are a"
    with pytest.raises(UserError, match=told):
        check_known(path, box_table(rows), images)


def test_every_class_that_is_not_there_is_named(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.csv").write_text(
        "image;xmin;ymin;xmax;ymax;obj_class\na;0;0;1;1; bird \na;0;0;1;1;boat\n"
    )
    table = read_ground_truth(tmp_path / "t.csv", "csv", images, ["bird"])
    assert table["obj_class"].tolist() == ["bird"]
    with pytest.raises(UserError, match="none of the classes gull, whale, but bird, boat"):
        read_ground_truth(tmp_path / "t.csv", "csv", images, ["bird", "gull", "whale"])
    # The class is in the file, though not in the images that are asked about.
    assert read_ground_truth(tmp_path / "t.csv", "csv", images, ["bird"], ["sub/b"]).empty


def test_a_class_without_a_box_is_said(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    entries = [
        {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
        {"id": 2, "file_name": "sub/b.jpg", "width": 20, "height": 10},
    ]
    categories = [{"id": 1, "name": "bird"}, {"id": 2, "name": "whale"}]
    objects = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 4, 4]}]
    content = {"images": entries, "categories": categories, "annotations": objects}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert len(read_ground_truth(tmp_path / "t.json", "coco", images, ["bird"])) == 1
    assert not caplog.text
    assert len(read_ground_truth(tmp_path / "t.json", "coco", images, ["bird", "whale"])) == 1
    assert "t.json has no box of the classes whale" in caplog.text


def test_boxes_of_no_area_in_a_table_are_left_out_and_counted(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "t.csv").write_text(
        "image;xmin;ymin;xmax;ymax\na;0;0;1;1\na;0.5;0.2;0.5;0.4\nsub/b;0.5;0.2;0.6;0.2\n"
    )
    table = read_ground_truth(tmp_path / "t.csv", "csv", images, [])
    assert rows(table) == [["a", 0, 0, 1, 1]]
    assert "left out 2 boxes of no area, in a, sub/b" in caplog.text


def test_boxes_that_are_there_twice_are_said(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "a.txt").write_text("0 0.5 0.5 1 1\n1 0.5 0.5 1 1\n0 0.5 0.5 1 1\n")
    assert len(read_ground_truth(tmp_path / "yolo", "yolo", images, [])) == 3
    assert "1 box is there before, exactly alike" in caplog.text


@pytest.mark.parametrize(
    ("file_format", "message"),
    [
        ("csv", "is a folder, but data.ground_truth_format csv expects a file"),
        ("coco", "is a folder, but data.ground_truth_format coco expects a file"),
        ("yolo", "is a file, but data.ground_truth_format yolo expects a folder"),
        ("masks", "is a file, but data.ground_truth_format masks expects a folder"),
    ],
)
def test_a_folder_where_a_file_is_expected_is_named(
    file_format: str, message: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    path = tmp_path / "truth"
    path.mkdir() if file_format in ("csv", "coco") else path.write_text("")
    with pytest.raises(UserError, match=message):
        read_ground_truth(path, file_format, images, [])  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"no ground truth; set data\.ground_truth"):
        read_ground_truth(None, file_format, images, [])  # type: ignore[arg-type]


def test_true_boxes_of_masks_are_those_of_their_classes(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    mask = np.zeros((10, 20), np.uint8)
    mask[2:6, 2:6], mask[0, 0], mask[8:, 8:] = 2, 1, 255
    write_image(tmp_path / "masks" / "a.png", mask)
    write_image(tmp_path / "masks" / "sub" / "b.png", np.zeros_like(mask))
    (tmp_path / "masks" / "classes.json").write_text('{"1": "boat", "2": "bird"}')
    for classes, expected in ((["bird"], EXPECTED[:1]), (["1"], [["a", 0, 0, 0.05, 0.1]])):
        table = read_ground_truth(tmp_path / "masks", "masks", images, classes)
        assert rows(table) == expected
    assert len(read_ground_truth(tmp_path / "masks", "masks", images, [])) == 2
    given = {"0-1": "normal", "2": "ignored", "255": "anomalous"}
    table = read_ground_truth(tmp_path / "masks", "masks", images, [], None, given)
    assert rows(table) == [["a", 0.4, 0.8, 1, 1]]
    (tmp_path / "masks" / "sub" / "b.png").unlink()
    with pytest.raises(UserError, match=r"1 image has no mask in .*: sub/b"):
        read_ground_truth(tmp_path / "masks", "masks", images, [])


def test_true_boxes_are_found_in_masks_that_have_names_of_their_own(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    mask = np.zeros((10, 20), np.uint8)
    mask[2:6, 2:6] = 1
    for name in ("a", "sub/b"):
        write_image(tmp_path / "masks" / f"{name}_labels.png", mask * (name == "a"))
    data = DataSection(
        ground_truth=tmp_path / "masks",
        ground_truth_format="masks",
        ground_truth_classes=[],
        mask_names={"$": "_labels"},
    )
    assert rows(read_truths(data, images, ["sub/b", "a"])) == EXPECTED[:1]


def test_masks_of_which_none_has_an_object_are_refused(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        mask = np.zeros((10, 20), np.uint8)
        mask[2:6, 2:6] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    assert len(read_ground_truth(tmp_path / "masks", "masks", images, [])) == 2
    # 255 without a name is ignored where others have names: nothing would be left to find.
    (tmp_path / "masks" / "classes.json").write_text('{"1": "bird"}')
    with pytest.raises(UserError, match=r"no mask .* has an anomalous pixel: .*'255': 'ignored'"):
        read_ground_truth(tmp_path / "masks", "masks", images, [])


def test_a_mask_of_another_size_is_refused(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(UserError, match="must agree"):
        read_ground_truth(tmp_path / "masks", "masks", images, [])


@pytest.mark.skipif(not WATERBIRDS.exists(), reason="the water bird photographs are not here")
def test_the_water_birds_are_read_as_they_are() -> None:
    images = find_images(WATERBIRDS / "images")
    counts = {}
    for split in ("Train", "Validation", "Test"):
        ids = read_split(WATERBIRDS / "splits", split, images)
        paths = {image_id: images[image_id] for image_id in ids}
        truths = read_ground_truth(WATERBIRDS / "annotations.json", "coco", paths, ["bird"])
        counts[split] = (len(ids), len(truths))
    assert counts == {"Train": (112, 2155), "Validation": (37, 922), "Test": (68, 1243)}


def test_which_true_boxes_count_is_one_sentence() -> None:
    truths = box_table([("a", 0, 0, 1, 1)] * 4).assign(obj_class=["b", "a", "b", "x"])
    assert describe_counted(truths, []) == "True boxes that count: a 1, b 2, x 1 (all classes)."
    ignored = truths.assign(ignore=truths["obj_class"] == "x")
    assert describe_counted(ignored, ["a", "b"]) == (
        "True boxes that count: a 1, b 2 (data.ground_truth_classes a, b; predicted boxes on "
        "anything else are false); 1 region to ignore, in which nothing is missed or false."
    )
    assert describe_counted(truths.iloc[:0], ["a"]).startswith("True boxes that count: none (")
