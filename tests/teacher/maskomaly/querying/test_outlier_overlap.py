import logging

import numpy as np
import pytest
import torch

from teacher.maskomaly.querying.outlier_overlap import (
    OutlierOverlap,
    OverlapSettings,
    choose_outlier_queries,
)
from teacher.maskomaly.querying.query_statistics import QueryStatistics, StatisticsSettings
from teacher.maskomaly.raw_outputs import RawOutputs
from tests.plain_road_scores import make_outputs, plain_masks


def outputs_of(masks: np.ndarray) -> RawOutputs:
    """Masks of whole cells, (Q, h, w) bool, in logits that are never between."""
    logits = torch.where(torch.from_numpy(masks), 1e4, -1e4)
    size_hw = (4 * masks.shape[1], 4 * masks.shape[2])
    return RawOutputs(torch.zeros(len(masks), 3), logits, size_hw, size_hw)


def measure(
    masks: np.ndarray, anomaly: np.ndarray, is_ignored: np.ndarray, **settings: object
) -> np.ndarray:
    overlap = OutlierOverlap(len(masks), OverlapSettings(**settings))  # type: ignore[arg-type]
    grown = [np.kron(each, np.ones((4, 4))).astype(bool) for each in (anomaly, is_ignored)]
    overlap.add(outputs_of(masks), *grown)
    return overlap.means()


# Between cells a steep logit changes sign in the middle, so masks have the area of their cells.
LEFT = np.array([[1, 1, 0, 0]] * 4, bool)
TOP = LEFT.T
NONE = np.zeros((4, 4), bool)


def test_overlap_is_that_of_the_pixels_that_count() -> None:
    masks = np.stack([LEFT, TOP, NONE])
    assert measure(masks, LEFT, NONE).tolist() == [1, 1 / 3, 0]
    # Without the upper half the top has nothing left; the left still has all.
    assert measure(masks, LEFT, TOP).tolist() == [1, 0, 0]


def test_an_ignored_pixel_is_none_of_the_anomaly() -> None:
    assert measure(LEFT[None], LEFT, LEFT).tolist() == pytest.approx([np.nan], nan_ok=True)


def test_the_published_union_lacks_all_ignored_pixels_wherever_they_are() -> None:
    masks = np.stack([LEFT, TOP])
    ignored = np.zeros((4, 4), bool)
    ignored[3, 3] = True
    published = measure(masks, LEFT, ignored, ignored="published")
    assert published.tolist() == pytest.approx([8 / (8 - 1 + 8 - 8), 4 / (8 - 1 + 8 - 4)])
    assert measure(masks, LEFT, ignored).tolist() == [1, 1 / 3]


def test_an_image_without_mask_and_anomaly_says_nothing_about_a_query() -> None:
    overlap = OutlierOverlap(2, OverlapSettings())
    nothing = np.zeros((16, 16), bool)
    overlap.add(outputs_of(np.stack([LEFT, NONE])), nothing, nothing)
    np.testing.assert_array_equal(overlap.means(), [0, np.nan])
    overlap.add(outputs_of(np.stack([LEFT, TOP])), np.kron(LEFT, np.ones((4, 4))) > 0, nothing)
    assert overlap.means().tolist() == [1 / 2, 1 / 3]


def test_masks_of_chance_at_another_size_are_those_of_a_plain_resize(
    rng: np.random.Generator,
) -> None:
    outputs = make_outputs(rng, (10, 12), input_size_hw=(40, 48), size_hw=(20, 16))
    outputs.mask_logits[:] *= 2
    anomaly, ignored = rng.random((2, 20, 16)) < 0.3
    masks = plain_masks(outputs.mask_logits).reshape(20, 20, 2, 16, 3).mean(axis=(2, 4)) > 0.9
    expected = [
        (mask & anomaly & ~ignored).sum() / ((mask | anomaly) & ~ignored).sum() for mask in masks
    ]
    overlap = OutlierOverlap(20, OverlapSettings())
    overlap.add(outputs, anomaly, ignored)
    assert max(expected) > 0.05
    np.testing.assert_allclose(overlap.means(), expected)


def test_padding_is_no_part_of_a_mask() -> None:
    whole = outputs_of(np.ones((1, 4, 4), bool))
    padded = RawOutputs(whole.class_logits, whole.mask_logits, (16, 12), (16, 12))
    padded.mask_logits[:, :, 3] = -1e4
    overlap = OutlierOverlap(1, OverlapSettings())
    # The row of pixels beside the padding is mixed with it, and so above 0.9 only for the half.
    overlap.add(padded, np.ones((16, 12), bool), np.zeros((16, 12), bool))
    assert overlap.means().tolist() == [1.0]


def test_what_does_not_belong_together_is_refused() -> None:
    overlap, mask = OutlierOverlap(2, OverlapSettings()), np.zeros((16, 16), bool)
    with pytest.raises(ValueError, match="expected 2 queries, not 1"):
        overlap.add(outputs_of(LEFT[None]), mask, mask)
    with pytest.raises(ValueError, match=r"expected masks of \(16, 16\)"):
        overlap.add(outputs_of(np.stack([LEFT, LEFT])), mask[1:], mask)


@pytest.fixture
def statistics() -> QueryStatistics:
    """Query 0 shows road, 1 and 3 a car in one of two images, 2 nothing."""
    counts = QueryStatistics(4, ["road", "car"], StatisticsSettings())
    counts.add(torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9], [0, 9, 0]]))
    counts.add(torch.tensor([[9.0, 0, 0], [0, 0, 9], [0, 0, 9], [0, 0, 9]]))
    return counts


def test_queries_of_enough_overlap_are_chosen_best_first(statistics: QueryStatistics) -> None:
    choice = choose_outlier_queries(
        np.array([0.1, np.nan, 0.4, 0.25]), statistics, OverlapSettings()
    )
    assert choice.queries == (2, 3)
    assert choice.dominant_classes == ("void", "car")


def test_all_queries_may_overlap_enough(statistics: QueryStatistics) -> None:
    assert choose_outlier_queries(np.ones(4), statistics, OverlapSettings()).queries == (0, 1, 2, 3)


def test_an_inlier_query_among_them_is_named_by_its_class(
    statistics: QueryStatistics, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        choice = choose_outlier_queries(np.array([0, 0.5, 0.4, 0]), statistics, OverlapSettings())
    (remark,) = choice.remarks
    assert remark.startswith("the outlier query 1 shows car in 1 of 2 images")
    assert caplog.messages == [remark]


def test_where_none_overlaps_enough_the_best_are_taken_and_that_is_said(
    statistics: QueryStatistics, caplog: pytest.LogCaptureFixture
) -> None:
    means = np.array([np.nan, 0, 0.2, 0.0])
    choice = choose_outlier_queries(means, statistics, OverlapSettings(fallback_queries=2))
    assert choice.queries == (2,)
    (remark,) = choice.remarks
    assert remark == (
        "no query overlaps with anomalies by 0.25 (the best by 0.200), so 1 of the best were taken"
    )
    assert caplog.messages == [remark]
    means = np.array([0.1, 0.2, 0.15, 0.05])
    choice = choose_outlier_queries(means, statistics, OverlapSettings(fallback_queries=2))
    assert choice.queries == (1, 2)
    choice = choose_outlier_queries(np.zeros(4), statistics, OverlapSettings())
    assert choice.queries == ()
    assert "so none of the best were taken" in choice.remarks[0]
