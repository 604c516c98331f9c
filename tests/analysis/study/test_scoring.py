"""The study scores resamples as the scripts of evaluation do, and as it scores all images."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.evaluation.boxes import BoxJudge, Judged, Predicted
from analysis.evaluation.pixels import Sums
from analysis.study.scoring import PIXEL_SCORES, find_metrics
from analysis.study.statistics.draws import Draws, teacher_draws
from analysis.work.judging import Judge
from tests.conftest import box_table
from util.config import DataSection
from util.data_classes import BoxSettings
from util.images.files import write_image
from util.images.masks import open_masks
from util.metrics.box_scores import count_boxes
from util.metrics.groups import ImageGroups
from util.metrics.intervals import bootstrap
from util.metrics.pixelwise.binned_pixels import BinnedPixels
from util.metrics.pixelwise.pixels import PixelHistogram

IMAGES = tuple(f"{number:02}" for number in range(60))
TRUTHS = box_table([(image_id, 0.1, 0.1, 0.2, 0.2) for image_id in IMAGES[:2]])
FOUND = {
    "two right boxes": TRUTHS,
    "nothing": box_table([]),
    "one right and one false": box_table([(IMAGES[n], 0.1, 0.1, 0.2, 0.2) for n in (1, 2)]),
    "a false one alone": box_table([(IMAGES[7], 0.1, 0.1, 0.2, 0.2)]),
}
SAME = {
    "box F1 (thesis)": "f1, thesis",
    "box precision (thesis)": "precision, thesis",
    "box recall (thesis)": "recall, thesis",
    "box F1, one-to-one, IoU 0.5": "f1, one-to-one, IoU 0.5",
}
"""Names in a study, and in the tables of `bbox_evaluation.py`."""


def evaluate(found: pd.DataFrame) -> Judged:
    """Judge boxes as `bbox_evaluation.py` does."""
    groups = ImageGroups(np.arange(len(IMAGES)))
    judge = BoxJudge(TRUTHS, IMAGES, groups, 10_000, None, [0.5], lambda _: (100, 100))
    return judge.judge(Predicted(found, None, None, None))


def study(judged: Judged) -> dict[str, Draws]:
    """Draw what a study says of the same counts, by the name of the score."""
    judge = Judge("Test", IMAGES, TRUTHS, None, BoxSettings(), None, (0.5,))
    counts = {"boxes": count_boxes(judged.matcher, judge.iou_thresholds)}
    return {m.name: teacher_draws({"": m.counts(counts)}, m.score) for m in find_metrics(judge)}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_a_study_and_bbox_evaluation_say_the_same_of_the_same_counts(found: pd.DataFrame) -> None:
    judged = evaluate(found)
    drawn = study(judged)
    assert drawn.keys() == SAME.keys()
    for name, draws in drawn.items():
        interval = judged.scores[SAME[name]]
        np.testing.assert_array_equal(draws.estimate, interval.estimate, name)
        np.testing.assert_array_equal(draws.draws[:, 0], interval.resampled, name)
        np.testing.assert_array_equal(
            np.ravel(draws.interval()), [interval.low, interval.high], name
        )


def test_resamples_score_0_of_0_as_the_whole_does() -> None:
    # Of the 60 images, 2 have a box, and it is found: 13 % of the resamples have neither.
    right, nothing = evaluate(TRUTHS).scores, evaluate(box_table([])).scores
    for name in SAME.values():
        told = right[name]
        assert (told.estimate, told.low, told.high) == (1, 0, 1)
        assert (told.resampled == 0).mean() == pytest.approx((58 / 60) ** 60, abs=0.02)
        told = nothing[name]
        assert (told.estimate, told.low, told.high) == (0, 0, 0)


def test_resamples_without_anomaly_are_left_out_where_no_such_images_have_a_score(
    tmp_path: Path,
) -> None:
    soft_label = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    truths = [(soft_label > 0.6).astype(np.uint8), *[np.zeros((3, 4), np.uint8)] * 3]
    sums, binned = Sums(0.5), BinnedPixels()
    for number, truth in enumerate(truths):
        histogram = PixelHistogram()
        histogram.add(soft_label, truth)
        sums.add(str(number), soft_label, truth)
        binned.add(histogram)
    by_bin = binned.rows()
    measured = sums.measure(lambda counts, score: bootstrap(counts, score, 500))
    path = tmp_path / "a.png"
    write_image(path, 255 * truths[0])
    masks = open_masks(DataSection(masks=tmp_path), {"a": path})
    metrics = find_metrics(Judge("Test", ("a",), None, masks, BoxSettings(), None, (0.5,)))
    assert [metric.name for metric in metrics] == list(PIXEL_SCORES)
    for metric in metrics:
        drawn = teacher_draws({"": by_bin}, metric.score, 500)
        is_undefined = np.isnan(drawn.draws[:, 0])
        assert is_undefined.mean() == pytest.approx((3 / 4) ** 4, abs=0.06)
        evaluated = measured.scores[PIXEL_SCORES[metric.name]]
        np.testing.assert_array_equal(np.isnan(evaluated.resampled), is_undefined)
        assert not np.isnan([evaluated.estimate, *drawn.estimate]).any()
        assert np.isnan(metric.score(by_bin[1]))
