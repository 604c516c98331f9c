"""COCO files as exports really are: crowds, empty boxes, contradictions, other units."""

import copy
import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from tests.conftest import box_table
from util.bbox_csv import COORDINATES
from util.config import DataSection
from util.errors import UserError
from util.ground_truth.coco import read_coco
from util.ground_truth.reading import read_ground_truth, read_truths
from util.images.files import find_images, write_image
from util.metrics.average_precision import average_precision

Content = dict[str, Any]

GOOD: Content = {
    "images": [
        {"id": 1, "file_name": "a.png", "height": 80, "width": 100},
        {"id": 2, "file_name": "sub/b.png", "height": 80, "width": 100},
    ],
    "categories": [{"id": 5, "name": "bird"}, {"id": 6, "name": " boat "}],
    "annotations": [
        {"id": 11, "image_id": 1, "category_id": 5, "bbox": [10, 20, 20, 20]},
        {"id": 12, "image_id": 1, "category_id": 5, "bbox": [60, 50, 30, 10], "iscrowd": 0},
        {"id": 13, "image_id": 2, "category_id": 6, "bbox": [50.5, 40, 9, 5], "area": 45},
    ],
}


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((80, 100, 3), np.uint8))
    return find_images(tmp_path / "images")


@pytest.fixture
def read(tmp_path: Path, images: dict[str, Path]) -> Callable[..., pd.DataFrame]:
    """Read content, after a change to it."""

    def read_content(change: Callable[[Content], object] = lambda content: None) -> pd.DataFrame:
        content = copy.deepcopy(GOOD)
        change(content)
        path = tmp_path / "t.json"
        path.write_text(json.dumps(content))
        return read_coco(path, images)[0]

    return read_content


Read = Callable[..., pd.DataFrame]


def annotate(**changes: object) -> Callable[[Content], object]:
    """Add an annotation like the first, with some keys of its own (None: without it)."""

    def change(content: Content) -> None:
        added = {**content["annotations"][0], "id": 17, **changes}
        content["annotations"].append({k: v for k, v in added.items() if v is not None})

    return change


def test_boxes_classes_and_images_are_read_as_they_are(read: Read) -> None:
    table = read()
    assert table["image"].tolist() == ["a", "a", "sub/b"]
    assert table["obj_class"].tolist() == ["bird", "bird", "boat"]
    assert table["obj_id"].tolist() == [0, 1, 0]
    assert not table["ignore"].any()
    np.testing.assert_allclose(table[COORDINATES].iloc[2], [0.505, 0.5, 0.595, 0.5625])


@pytest.mark.parametrize("flag", [{"iscrowd": 1}, {"ignore": 1}, {"iscrowd": True}])
def test_crowds_and_what_is_to_be_ignored_are_regions(
    flag: dict[str, int], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rle = {"size": [80, 100], "counts": [0, 8000]}
    table = read(annotate(bbox=[0, 0, 100, 80], segmentation=rle, **flag))
    assert table["ignore"].tolist() == [False, False, False, True]
    assert "1 of 4 boxes are crowds" in caplog.text


def test_a_region_counts_for_its_class_alone(tmp_path: Path, images: dict[str, Path]) -> None:
    content = copy.deepcopy(GOOD)
    annotate(iscrowd=1, category_id=6)(content)
    (tmp_path / "t.json").write_text(json.dumps(content))
    for classes, expected in ((["bird"], [False] * 2), (["boat"], [False, True])):
        table = read_ground_truth(tmp_path / "t.json", "coco", images, classes)
        assert table["ignore"].tolist() == expected


@pytest.mark.parametrize("bbox", [[0, 0, 0, 0], [5, 5, 0, 9], [5, 5, 9, 0], [-9, 200, 0, 0]])
def test_boxes_of_no_area_are_left_out_and_counted(
    bbox: list[float], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(read(annotate(bbox=bbox))) == 3
    assert "left out 1 box of no area: annotation 17" in caplog.text


def test_boxes_that_leave_the_image_are_cut_and_counted(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    table = read(annotate(bbox=[-10, 70, 30, 30]))
    assert table[COORDINATES].iloc[-1].tolist() == [0, 0.875, 0.2, 1]
    assert "cut 1 box that leaves its image: annotation 17" in caplog.text
    caplog.clear()
    read(annotate(bbox=[50, 50, 50.5, 30.2]))
    assert not caplog.text


def test_polygons_stand_in_for_a_box(read: Read) -> None:
    polygons = [[10, 20, 30, 20, 30, 40], [60, 8, 70, 8, 65, 16]]
    table = read(annotate(bbox=None, segmentation=polygons))
    assert table[COORDINATES].iloc[-1].tolist() == [0.1, 0.1, 0.7, 0.5]


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        *((each, "neither bbox nor polygons nor RLE") for each in (None, [], [[1, 2, 3]], "x")),
        ([[], []], "neither bbox nor polygons nor RLE"),
        ({"size": [80, 100], "counts": "abc"}, "the counts of its RLE are damaged"),
        ({"size": [80, 100], "counts": [7999]}, "do not make 80 x 100 pixels"),
        ({"size": [80, 100]}, "no text and no list"),
        ({"size": [100, 80], "counts": [8000]}, r"size of its RLE is \[100, 80\], its image \[80"),
        ({"counts": [8000]}, r"size of its RLE is None"),
    ],
)
def test_an_annotation_without_box_and_shape_is_named(
    segmentation: Any, reason: str, read: Read
) -> None:
    with pytest.raises(UserError, match=f"annotations have no box: annotation 17: .*{reason}"):
        read(annotate(bbox=None, segmentation=segmentation))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("is_text", [True, False])
def test_the_box_round_an_rle_is_taken(is_text: bool, read: Read) -> None:
    mask = np.zeros((80, 100), np.uint8, order="F")
    mask[30:50, 20:25] = mask[44, 40] = 1
    counts: object = coco_mask.encode(mask)["counts"].decode()
    if not is_text:
        flat = mask.ravel(order="F")
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, len(flat)]).tolist()
    table = read(annotate(bbox=None, segmentation={"size": [80, 100], "counts": counts}))
    added = table[table["image"] == "a"].iloc[-1]
    np.testing.assert_allclose(added[COORDINATES].astype(float), [0.2, 0.375, 0.41, 0.625])


def test_an_rle_without_a_pixel_is_left_out(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    empty = {"size": [80, 100], "counts": [8000]}
    assert len(read(annotate(bbox=None, segmentation=empty))) == 3
    assert "left out 1 box of no area: annotation 17" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (annotate(bbox=[2, 2, -1, 4]), r"negative size.*: annotation 17 \(a\)"),
        (annotate(bbox=[float("nan"), 2, 1, 4]), "no numbers.*annotation 17"),
        (annotate(bbox=[400, 2, 3, 3]), "outside of their image: annotation 17"),
        (annotate(bbox=[1, 2, 3]), "no COCO detection file: annotations 17: bbox: "),
        (annotate(bbox=["1", 2, 3, 4]), "annotations 17: bbox: "),
        (annotate(image_id=9), r"1 annotations point to .*: annotation 17 \(image_id 9\)"),
        (annotate(category_id=9), r"annotation 17 \(category_id 9\)"),
        (annotate(image_id="1"), r"annotation 17 \(image_id '1'\)"),
        (lambda c: c["images"][0].update(width=0), "images 1: width: .*greater than 0"),
        (lambda c: c["images"][0].update(width="100"), "images 1: width: "),
        (lambda c: c["images"][0].pop("file_name"), "images 1: file_name: Field required"),
        (lambda c: c["images"][0].update(file_name="../a.png"), "no name of a file"),
        (lambda c: c["images"].append(7), "images, entry 2: "),
        (lambda c: c.pop("categories"), "categories: Field required"),
        (lambda c: c.pop("annotations"), "annotations: Field required"),
        (
            lambda c: c["images"].append({**c["images"][0], "file_name": "c.png"}),
            r"two entries for one image id: 1 \(a\.png, c\.png\)",
        ),
        (
            lambda c: c["images"].append({**c["images"][0], "id": 7, "file_name": "a.jpg"}),
            r": a \(a\.png, a\.jpg\); keep one each, or .* with its folders below data\.images",
        ),
        (
            annotate(id=12),
            r"one annotation id: 12 \(bbox \[60.0, 50.0, 30.0, 10.0\], bbox \[10.0, 20.0, ",
        ),
        (
            lambda c: c["categories"].append({"id": 5, "name": "gull"}),
            r"two entries for one category id: 5 \(bird, gull\)",
        ),
        (
            lambda c: c["images"].pop() and c["annotations"].pop(),
            r"does not list 1 of 2 images \(sub/b\), so they are not annotated; take them out",
        ),
        (
            lambda c: c.update(images=[], annotations=[]),
            r"does not list 2 of 2 images \(a, sub/b\), so they are not annotated; take them out",
        ),
        (
            lambda c: [each.update(file_name=f"x/{each['file_name']}") for each in c["images"]],
            r"images \(a, sub/b\), so they are not annotated, unless x/a, x/sub/b are some of them",
        ),
        (annotate(image_id="1"), r"annotation 1\d \(image_id '1'\)"),
        (annotate(bbox=[1e308, 0, 1e308, 8]), "are no numbers, have a negative size or lie"),
    ],
)
def test_contradictions_are_named(
    change: Callable[[Content], object], message: str, read: Read
) -> None:
    with pytest.raises(UserError, match=message):
        read(change)


def test_boxes_that_are_relative_are_refused(read: Read) -> None:
    def make_relative(content: Content) -> None:
        for each in content["annotations"]:
            each["bbox"] = (np.array(each["bbox"]) / [100, 80, 100, 80]).tolist()

    with pytest.raises(UserError, match=r"are relative to the image, such as \[0\.1, 0\.25"):
        read(make_relative)
    assert len(read(annotate(bbox=[0, 0, 1, 1]))) == 4  # one small box among others


def test_boxes_that_are_corners_are_refused(read: Read) -> None:
    def make_corners(content: Content) -> None:
        for each in content["annotations"]:
            x, y, w, h = each["bbox"]
            each["bbox"] = [x, y, x + w, y + h]

    message = r"are corners .*such as \[60\.0, 50\.0, 90\.0, 60\.0\] of annotation 12"
    with pytest.raises(UserError, match=message):
        read(make_corners)


def test_boxes_of_which_most_or_a_few_are_relative(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    few = annotate(bbox=[0.1, 0.25, 0.2, 0.25])
    assert len(read(few)) == 4
    assert "1 box lies in the first two pixels, as if relative to the image: annotation 17" in (
        caplog.text
    )

    def make_most_relative(content: Content) -> None:
        for each in content["annotations"][1:]:
            each["bbox"] = [0.6, 0.625, 0.3, 0.125]

    with pytest.raises(UserError, match=r"are relative .*such as \[0\.6, .* of annotation 12"):
        read(make_most_relative)


@pytest.mark.parametrize(
    "boxes",
    [
        [
            [5, 5, 20, 20],
            [3, 2, 30, 40],
            [1, 1, 90, 70],
        ],  # corners they might be, but none sticks out
        [[90, 70, 40, 30], [80, 60, 35, 35], [95, 5, 30, 30]],  # all stick out, but are no corners
        [[10, 20, 20, 20], [60, 50, 30, 10], [30, 30, 90, 60]],
    ],
)
def test_other_boxes_are_none_of_corners(boxes: list[list[float]], read: Read) -> None:
    def change(content: Content) -> None:
        for each, bbox in zip(content["annotations"], boxes, strict=True):
            each["bbox"] = bbox

    table = read(change)
    x, y, _, _ = boxes[0]
    np.testing.assert_allclose(table[["xmin", "ymin"]].iloc[0], [x / 100, y / 80])


def test_a_file_that_gives_another_shape_than_the_image_has_is_refused(
    tmp_path: Path, images: dict[str, Path], read: Read
) -> None:
    picture = Image.fromarray(np.zeros((80, 100, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(images["a"], exif=exif)  # a PNG, too, may be turned
    with pytest.raises(UserError, match=r"swapped: a\.png \(100 x 80 for 80 x 100\); EXIF"):
        read()
    write_image(images["a"], np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(UserError, match=r"another ratio .* a\.png \(100 x 80 for 60 x 80\)"):
        read()
    write_image(images["a"], np.zeros((41, 51, 3), np.uint8))  # made smaller after annotation
    assert len(read()) == 3
    images["a"].write_bytes(b"no image")  # which is said where images are read
    assert len(read()) == 3


def test_an_image_may_have_another_suffix_than_the_file_says(read: Read) -> None:
    assert len(read(lambda content: content["images"][0].update(file_name="a.TIF"))) == 3


def test_names_may_be_decomposed(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "möwe.png")
    path = tmp_path / "images" / "möwe.png"
    write_image(path, np.zeros((80, 100, 3), np.uint8))
    content = copy.deepcopy(GOOD)
    content["images"][0]["file_name"] = name
    (tmp_path / "t.json").write_text(json.dumps(content))
    table, _ = read_coco(tmp_path / "t.json", {"möwe": path})
    assert table["image"].tolist() == ["möwe", "möwe", "sub/b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 100_000, "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is damaged|no COCO"),
        (b"[]", "holds no JSON object"),
        (b"{\n\n]", "line 3"),
    ],
)
def test_damaged_files_are_named(
    data: bytes, message: str, tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_coco(tmp_path / "t.json", images)


def test_a_byte_order_mark_does_not_matter(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "t.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert len(read_coco(tmp_path / "t.json", images)[0]) == 3


def test_classes_are_those_that_the_file_knows(tmp_path: Path, images: dict[str, Path]) -> None:
    content = {**GOOD, "categories": [*GOOD["categories"], {"id": 7, "name": "whale"}]}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert read_ground_truth(tmp_path / "t.json", "coco", images, ["whale"]).empty
    with pytest.raises(UserError, match="none of the classes gull, but bird, boat, whale"):
        read_ground_truth(tmp_path / "t.json", "coco", images, ["bird", "gull"])


def test_each_box_keeps_its_class_through_all_that_reads_it(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    categories = [
        {"id": 5, "name": "bird", "supercategory": "animal"},
        {"id": 6, "name": "boat", "supercategory": ""},
        {"id": "x", "name": "animal"},
    ]
    content = copy.deepcopy({**GOOD, "categories": categories})
    annotate(category_id="x", bbox=[30, 30, 9, 9])(content)
    (tmp_path / "t.json").write_text(json.dumps(content))
    data = DataSection(
        ground_truth=tmp_path / "t.json", ground_truth_format="coco", ground_truth_classes=[]
    )
    table = read_truths(data, images, ["sub/b", "a"])
    assert table["obj_class"].tolist() == ["bird", "bird", "boat", "animal"]
    # A supercategory is no name of a class: only the box of that category counts.
    chosen = data.model_copy(update={"ground_truth_classes": ["animal"]})
    assert read_truths(chosen, images, ["a"])[COORDINATES].to_numpy().round(6).tolist() == [
        [0.3, 0.375, 0.39, 0.4875]
    ]
    # By class, metrics are those of a file that has the class alone.
    predicted = box_table([("a", 0.1, 0.25, 0.3, 0.5), ("sub/b", 0.5, 0.5, 0.6, 0.5625)])
    for name in ("bird", "boat"):
        of_class = table[table["obj_class"] == name]
        alone = data.model_copy(update={"ground_truth_classes": [name]})
        precision = [
            average_precision(truths, predicted, list(images)).tolist()
            for truths in (of_class, read_truths(alone, images, list(images)))
        ]
        assert precision[0] == precision[1]
        assert precision[0][0] > 0


def test_categories_of_one_name_are_one_class_and_said(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    table = read(lambda content: content["categories"].append({"id": 9, "name": "bird "}))
    assert table["obj_class"].tolist() == ["bird", "bird", "boat"]
    assert "categories of one name count as one class: bird (5, 9)" in caplog.text


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ({"id": 9, "name": " "}, "1 categories have no name: 9; classes are chosen by name"),
        ({"id": 5, "name": "gull"}, r"two entries for one category id: 5 \(bird, gull\)"),
        ({"name": "gull"}, "categories, entry 2: id: Field required"),
        ({"id": 9}, "categories 9: name: Field required"),
        ({"id": None, "name": "gull"}, "categories, entry 2: id: Input should be"),
    ],
)
def test_categories_without_a_name_or_an_id_of_their_own_are_named(
    category: dict[str, object], message: str, read: Read
) -> None:
    with pytest.raises(UserError, match=message):
        read(lambda content: content["categories"].append(category))


def test_annotations_of_no_category_are_named(read: Read) -> None:
    with pytest.raises(UserError, match=r"not listed: annotation 17 \(category_id 99\)"):
        read(annotate(category_id=99))
    with pytest.raises(UserError, match="annotations 17: category_id: Field required"):
        read(annotate(category_id=None))
