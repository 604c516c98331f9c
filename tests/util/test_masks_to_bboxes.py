from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

import util.masks_to_bboxes
from util.bbox_csv import boxes_to_table
from util.data_classes import BoxSettings
from util.masks_to_bboxes import (
    as_in_thesis,
    boxes_and_areas,
    soft_label_to_boxes,
    soft_label_to_masks,
)

EIGHT_CONNECTED = np.ones((3, 3), bool)


def reference_boxes(
    soft_label: np.ndarray, settings: BoxSettings
) -> tuple[list[list[float]], list[float]]:
    """The plain way: scipy's dilation and labelling, one boolean mask an object."""
    mask = soft_label > settings.threshold
    dilated = mask
    if settings.dilation_iterations:
        dilated = ndimage.binary_dilation(
            mask, EIGHT_CONNECTED, iterations=settings.dilation_iterations
        )
    labels, count = ndimage.label(dilated, EIGHT_CONNECTED)
    boxes, confidences = [], []
    for index in range(1, count + 1):
        component = labels == index
        own = component & mask
        confidence = float(soft_label[own].mean(dtype=np.float64))
        if own.sum() < settings.min_area_px or confidence <= settings.min_confidence:
            continue
        rows, columns = np.nonzero(own if settings.box_rule == "tight" else component)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        boxes.append([float(edge) for edge in edges])
        confidences.append(confidence)
    return boxes, confidences


def test_an_empty_map_has_no_box() -> None:
    found = soft_label_to_boxes(np.zeros((5, 6), np.float32), BoxSettings())
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.confidences.shape == (0,)


def test_one_pixel_has_width_one_and_its_own_confidence() -> None:
    soft_label = np.zeros((5, 6), np.float32)
    soft_label[2, 3] = 0.8
    found = soft_label_to_boxes(soft_label, BoxSettings(dilation_iterations=0))
    assert found.boxes_xyxy.tolist() == [[3, 2, 4, 3]]
    assert found.confidences == pytest.approx([0.8])


def test_dilation_joins_what_is_near_and_enlarges_no_box() -> None:
    soft_label = np.zeros((30, 40), np.float32)
    soft_label[4, 4] = soft_label[10, 11] = 1  # five pixels are between their rows, six columns
    soft_label[25, 20] = soft_label[25, 28] = soft_label[0, 39] = 1  # seven are between these
    found = soft_label_to_boxes(soft_label, BoxSettings(dilation_iterations=3))
    assert sorted(found.boxes_xyxy.tolist()) == [
        [4, 4, 12, 11],
        [20, 25, 21, 26],
        [28, 25, 29, 26],
        [39, 0, 40, 1],
    ]


def test_the_rule_of_the_thesis_grows_a_box_by_three_up_to_the_border() -> None:
    soft_label = np.zeros((20, 20), np.float32)
    soft_label[10, 10] = soft_label[0, 19] = 1
    found = soft_label_to_boxes(soft_label, BoxSettings(box_rule="thesis"))
    assert sorted(found.boxes_xyxy.tolist()) == [[7, 7, 14, 14], [16, 0, 20, 4]]


def test_touching_corners_are_one_object() -> None:
    soft_label = np.eye(4, dtype=np.float32)
    found = soft_label_to_boxes(soft_label, BoxSettings(dilation_iterations=0))
    assert found.boxes_xyxy.tolist() == [[0, 0, 4, 4]]


def test_a_full_map_is_one_box() -> None:
    found = soft_label_to_boxes(np.ones((4, 7), np.float32), BoxSettings())
    assert found.boxes_xyxy.tolist() == [[0, 0, 7, 4]]


def test_the_smallest_area_counts_pixels_before_dilation() -> None:
    soft_label = np.zeros((20, 20), np.float32)
    soft_label[5, 5] = soft_label[15, 14:16] = 1
    found = soft_label_to_boxes(soft_label, BoxSettings(min_area_px=2))
    assert found.boxes_xyxy.tolist() == [[14, 15, 16, 16]]


def test_a_pixel_at_the_threshold_is_not_above_it() -> None:
    soft_label = np.full((2, 2), 0.5, np.float32)
    assert len(soft_label_to_boxes(soft_label, BoxSettings(threshold=0.5)).boxes_xyxy) == 0


def test_what_is_faint_belongs_to_what_is_sure_and_is_nothing_without_it() -> None:
    soft_label = np.zeros((8, 20), np.float32)
    soft_label[2, 2:7] = 0.1, 0.3, 0.9, 0.7, 0.1
    soft_label[5, 12:15] = 0.25
    settings = BoxSettings(0.05, 0, min_confidence=0.25)
    found = soft_label_to_boxes(soft_label, settings)
    assert found.boxes_xyxy.tolist() == [[2, 2, 7, 3]]
    assert found.confidences == pytest.approx([0.42])
    every = soft_label_to_boxes(soft_label, replace(settings, min_confidence=0.2))
    assert every.boxes_xyxy.tolist() == [[2, 2, 7, 3], [12, 5, 15, 6]]
    assert every.confidences == pytest.approx([0.42, 0.25])


@given(
    arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.1, 0.4, 0.75, 1.0])),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.2, 0.75]),
)
def test_areas_of_boxes_are_the_pixels_that_they_were_drawn_round(
    soft_label: np.ndarray, dilation: int, min_confidence: float
) -> None:
    settings = BoxSettings(0.05, dilation, min_area_px=2, min_confidence=min_confidence)
    boxes, area_px = boxes_and_areas(soft_label, settings)
    expected, masks = soft_label_to_masks(soft_label, settings)
    np.testing.assert_array_equal(boxes.boxes_xyxy, expected.boxes_xyxy)
    np.testing.assert_array_equal(boxes.confidences, expected.confidences)
    assert area_px.tolist() == [mask.pixels.sum() for mask in masks]


soft_labels = arrays(
    np.float32,
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    elements=st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.25, 0.6, 1.0]),
)
rules = st.sampled_from(["tight", "thesis"])
confidences = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0])


parts_px = st.sampled_from([7, 2**20])


@given(soft_labels, st.integers(0, 3), st.integers(1, 3), rules, parts_px, confidences)
def test_boxes_and_confidences_equal_the_plain_way(
    soft_label: np.ndarray,
    dilation_iterations: int,
    min_area_px: int,
    rule: Literal["tight", "thesis"],
    part_px: int,
    min_confidence: float,
) -> None:
    settings = BoxSettings(
        0.2, dilation_iterations, min_area_px, box_rule=rule, min_confidence=min_confidence
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util.masks_to_bboxes, "_PART_PX", part_px)
        found = soft_label_to_boxes(soft_label, settings)
    boxes, confidences = reference_boxes(soft_label, settings)
    order = np.lexsort(found.boxes_xyxy.T) if len(boxes) else []
    expected = np.lexsort(np.array(boxes).T) if boxes else []
    assert found.boxes_xyxy[order].tolist() == [boxes[i] for i in expected]
    if len({tuple(box) for box in boxes}) == len(boxes):  # else the order is not decided
        assert found.confidences[order] == pytest.approx([confidences[i] for i in expected])


@given(st.lists(soft_labels, max_size=3), st.integers(0, 4))
def test_tight_boxes_can_be_turned_into_those_of_the_thesis(
    maps: list[np.ndarray], dilation_iterations: int
) -> None:
    tables = {}
    for rule in ("tight", "thesis"):
        settings = BoxSettings(0.2, dilation_iterations, box_rule=rule)
        found = [
            (str(number), (len(each), len(each[0])), soft_label_to_boxes(each, settings))
            for number, each in enumerate(maps)
        ]
        tables[rule] = boxes_to_table(found, "bird")

    def size_hw(image_id: str) -> tuple[int, int]:
        return maps[int(image_id)].shape

    tight = BoxSettings(dilation_iterations=dilation_iterations)
    for rule, settings in (("tight", tight), ("thesis", replace(tight, box_rule="thesis"))):
        turned = as_in_thesis(tables[rule], settings, size_hw)
        pd.testing.assert_frame_equal(turned, tables["thesis"], rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(as_in_thesis(tables["tight"], None, size_hw), tables["tight"])


@given(
    arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.4, 0.75, 1.0])),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sampled_from(["tight", "thesis"]),
    st.sampled_from([0.0, 0.8]),
)
def test_the_pixels_of_each_box_are_those_it_was_drawn_round(
    soft_label: np.ndarray,
    dilation: int,
    min_area_px: int,
    rule: Literal["tight", "thesis"],
    min_confidence: float,
) -> None:
    settings = BoxSettings(0.5, dilation, min_area_px, box_rule=rule, min_confidence=min_confidence)
    boxes, masks = soft_label_to_masks(soft_label, settings)
    expected = soft_label_to_boxes(soft_label, settings)
    np.testing.assert_array_equal(boxes.boxes_xyxy, expected.boxes_xyxy)
    whole = np.zeros(soft_label.shape, int)
    for mask, confidence, box in zip(masks, boxes.confidences, boxes.boxes_xyxy, strict=True):
        (left, top), (height, width) = mask.corner_xy, mask.pixels.shape
        part = slice(top, top + height), slice(left, left + width)
        whole[part] += mask.pixels
        own = soft_label[part][mask.pixels]
        assert own.mean() == pytest.approx(confidence)
        assert confidence > min_confidence
        assert mask.pixels.sum() >= min_area_px
        if rule == "tight":
            assert box.tolist() == [left, top, left + width, top + height]
    assert whole.max(initial=0) <= 1
    if min_area_px == 1 and not min_confidence:
        np.testing.assert_array_equal(whole == 1, soft_label > 0.5)
