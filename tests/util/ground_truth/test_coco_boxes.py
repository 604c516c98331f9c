"""Boxes of COCO files as exports really are: crowds, empty ones, shapes, other units."""

import logging
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tests.util.ground_truth.coco_files import Content, Read, annotate
from util.bbox_csv import COORDINATES
from util.errors import UserError


@pytest.mark.parametrize("flag", [{"iscrowd": 1}, {"ignore": 1}, {"iscrowd": True}])
def test_crowds_and_what_is_to_be_ignored_are_regions(
    flag: dict[str, int], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rle = {"size": [80, 100], "counts": [0, 8000]}
    table = read(annotate(bbox=[0, 0, 100, 80], segmentation=rle, **flag))
    assert table["ignore"].tolist() == [False, False, False, True]
    assert "1 of 4 boxes are crowds" in caplog.text


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
    with pytest.raises(UserError, match=f": 1 annotation has no box: annotation 17: .*{reason}"):
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
