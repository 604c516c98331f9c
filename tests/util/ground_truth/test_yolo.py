"""YOLO labels as tools really write them."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from util.bbox_csv import COORDINATES
from util.errors import UserError
from util.ground_truth.reading import read_ground_truth
from util.ground_truth.yolo import read_yolo

IMAGES = {"a": Path("a.jpg"), "sub/b": Path("sub/b.jpg"), "möwe": Path("möwe.jpg")}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    return tmp_path


def write(labels: Path, name: str, text: str, encoding: str = "utf-8") -> None:
    (labels / name).write_text(text, encoding=encoding)


def test_byte_order_marks_blank_lines_tabs_and_windows_ends_do_not_matter(labels: Path) -> None:
    write(labels, "a.txt", "0 0.2 0.4 0.2 0.4\r\n\r\n \n1\t0.5\t0.5\t1\t1\r\n", "utf-8-sig")
    write(labels, "sub/b.txt", "")
    table = read_yolo(labels, IMAGES)
    assert table["image"].tolist() == ["a", "a"]
    assert table["obj_class"].tolist() == ["0", "1"]
    np.testing.assert_allclose(table[COORDINATES], [[0.1, 0.2, 0.3, 0.6], [0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("given", "expected"), [("0.0", "0"), ("3.", "3"), ("07", "7"), ("x", "x")]
)
def test_classes_are_numbers_without_decimals(given: str, expected: str, labels: Path) -> None:
    write(labels, "a.txt", f"{given} 0.5 0.5 0.1 0.1")
    table = read_ground_truth(labels, "yolo", IMAGES, [expected])
    assert table["obj_class"].tolist() == [expected]


def test_classes_are_called_as_a_list_beside_the_labels_says_or_by_their_numbers(
    labels: Path,
) -> None:
    write(labels, "classes.txt", "\ufeffgull\n\nterm tern \n")
    write(labels, "a.txt", "".join(f"{n} 0.5 0.5 0.1 0.{n + 1}\n" for n in range(4)))
    assert read_yolo(labels, IMAGES)["obj_class"].tolist() == ["gull", "1", "term tern", "3"]


def test_labels_of_an_image_are_never_taken_for_the_list_of_classes(labels: Path) -> None:
    write(labels, "a.txt", "0 0.5 0.5 0.1 0.1")
    write(labels, "classes.txt", "0 0.5 0.5 0.1 0.1")
    images = {**IMAGES, "classes": Path("classes.jpg")}
    with pytest.raises(UserError, match=r"or be the labels of the image classes; rename the image"):
        read_yolo(labels, images)
    (labels / "classes.txt").unlink()
    (labels / "classes_boxes.txt").write_text("1 0.5 0.5 0.1 0.1")
    table = read_yolo(labels, images, {"^classes$": "classes_boxes"})
    assert table["image"].tolist() == ["a", "classes"]


def test_a_confidence_behind_a_box_is_passed_over(labels: Path) -> None:
    write(labels, "a.txt", "0 0.5 0.5 0.2 0.2 0.31")
    table = read_yolo(labels, IMAGES)
    np.testing.assert_allclose(table[COORDINATES], [[0.4, 0.4, 0.6, 0.6]])
    assert table["confidence"].tolist() == [1.0]


def test_a_polygon_has_the_box_round_it(labels: Path) -> None:
    write(labels, "a.txt", "2 0.1 0.5 0.4 0.2 0.7 0.5 0.4 0.9\n2 0.1 0.1 0.3 0.1 0.2 0.2")
    table = read_yolo(labels, IMAGES)
    expected = [[0.1, 0.2, 0.7, 0.9], [0.1, 0.1, 0.3, 0.2]]
    np.testing.assert_allclose(table[COORDINATES], expected)


@pytest.mark.parametrize(
    "line",
    [
        "0 0.2 x 0.2 0.4",
        "0 0.2 0.2",
        "0",
        "0,0.5,0.5,0.1,0.1",
        "0 0,5 0,5 0,1 0,1",
        "0.5 0.5 0.5 0.1 0.1",
        "nan 0.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1 0.1 7",
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4",
        "0 0.5 0.5 0.2 0.2 0.9 17",  # of a tracker
        "0 320 240 50 50",
        "0 0.5 0.5 -0.1 0.1",
        "0 nan 0.5 1 1",
    ],
)
def test_a_line_that_is_no_object_is_named(line: str, labels: Path) -> None:
    write(labels, "a.txt", f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
    with pytest.raises(UserError, match=r"a\.txt, line 3"):
        read_yolo(labels, IMAGES)


def test_boxes_of_no_area_are_left_out_and_counted(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(labels, "a.txt", "0 0.5 0.5 0 0.1\n0 0.5 0.5 0.1 0.1\n")
    assert len(read_yolo(labels, IMAGES)) == 1
    assert "left out 1 box of no area" in caplog.text
    assert "a.txt, line 1" in caplog.text


def test_files_that_belong_to_no_image_are_counted(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "classes.txt"):
        write(labels, name, "bird\n" if name == "classes.txt" else "0 0.5 0.5 0.1 0.1")
    assert read_yolo(labels, IMAGES)["image"].tolist() == ["a"]
    assert "2 txt files belong to no image: b, c" in caplog.text
    (labels / "a.txt").unlink()
    with pytest.raises(UserError, match="no txt file of any image"):
        read_yolo(labels, IMAGES)


def test_labels_are_found_whatever_the_form_of_their_accents(labels: Path) -> None:
    write(labels, unicodedata.normalize("NFD", "möwe.txt"), "0 0.5 0.5 0.1 0.1")
    assert read_yolo(labels, IMAGES)["image"].tolist() == ["möwe"]


LAYOUT = [f"cam{camera}/test/images/000{frame}" for camera in (1, 2) for frame in (1, 2)]


@pytest.mark.parametrize("names", [{"/images/": "/labels/"}, {"(.*)images": r"\1labels"}])
def test_labels_beside_folders_of_images_are_read_from_one_root(
    names: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = {image_id: tmp_path / f"{image_id}.jpg" for image_id in LAYOUT}
    for camera, frame in ((1, 1), (2, 2), (2, 3)):
        labels = tmp_path / f"cam{camera}" / "test" / "labels"
        labels.mkdir(parents=True, exist_ok=True)
        write(labels, f"000{frame}.txt", f"{camera} 0.5 0.5 0.2 0.4\n")
    table = read_ground_truth(tmp_path, "yolo", images, ["1", "2"], mask_names=names)
    assert table["image"].tolist() == ["cam1/test/images/0001", "cam2/test/images/0002"]
    assert table["obj_class"].tolist() == ["1", "2"]
    assert "1 txt files belong to no image: cam2/test/labels/0003" in caplog.text


def test_a_name_that_no_label_has_is_said(labels: Path) -> None:
    write(labels, "a.txt", "0 0.5 0.5 0.1 0.1")
    with pytest.raises(UserError, match=r"by data\.mask_names xa\.txt for the image a is .* are a"):
        read_yolo(labels, IMAGES, {"^": "x"})
    with pytest.raises(UserError, match="gives one file to several images"):
        read_yolo(labels, IMAGES, {".*": "a"})


def test_labels_come_in_the_order_of_the_ids_of_their_images(labels: Path) -> None:
    for name in ("a", "b"):
        write(labels, f"{name}.txt", "0 0.5 0.5 0.1 0.1")
    images = {name: Path(f"{name}.jpg") for name in ("2_a", "1_b")}
    assert read_yolo(labels, images, {"^[0-9]_": ""})["image"].tolist() == ["1_b", "2_a"]
