"""What judging large data sets and large images costs, beside comparing all with all.

Memory is what counts here: numpy tells tracemalloc what it takes; OpenCV does not, so what it works
on is measured as the peak of a process of its own.
"""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import Kept, best_speed_up
from tests.conftest import ROOT
from tests.util.metrics.test_average_precision import coco_average_precision, scenes
from util.bbox_csv import COORDINATES
from util.metrics.average_precision import COCO_IOUS, average_precision
from util.metrics.boxes import BoxMatcher
from util.metrics.components import SizeLimits, score_components

THRESHOLDS = (0.005, 0.3, 0.5)


def boxes_of_images(rng: np.random.Generator, num_images: int, each: int) -> pd.DataFrame:
    """So many boxes in each image, of 2 to 10 % of its side."""
    low = rng.uniform(0, 0.9, (num_images * each, 2))
    boxes = np.hstack([low, low + rng.uniform(0.02, 0.1, low.shape)])
    table = pd.DataFrame(boxes, columns=COORDINATES)
    names = pd.Series([f"image {number:06d}" for number in range(num_images)], dtype="str")
    table.insert(0, "image", names.repeat(each).to_numpy())
    return table.assign(confidence=rng.uniform(0, 1, len(table)))


def peak_mb(work: Callable[[], object]) -> float:
    """Megabytes that work takes above what there is."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - before) / 1e6


@pytest.mark.parametrize(
    ("num_images", "truths", "predictions"), [(40_000, 10, 30), (20, 300, 3000)]
)
def test_box_metrics_take_less_than_200_mb(
    rng: np.random.Generator, num_images: int, truths: int, predictions: int
) -> None:
    tables = [boxes_of_images(rng, num_images, each) for each in (truths, predictions)]
    images = tables[0]["image"].unique().tolist()

    def count() -> None:
        matcher = BoxMatcher(tables[0], tables[1], images, thesis_predictions=tables[1])
        matcher.thesis()
        for iou in THRESHOLDS:
            matcher.one_to_one(iou)
        matcher.image_level()

    assert peak_mb(count) < 200
    assert peak_mb(lambda: average_precision(tables[0], tables[1], images)) < 200


def all_with_all(
    truths: pd.DataFrame, predictions: pd.DataFrame, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, prediction and IoU of all pairs of one image, at once."""
    a, b = truths[["image"]].reset_index(), predictions[["image"]].reset_index()
    pairs = a.merge(b, on="image")
    truth, prediction = pairs["index_x"].to_numpy(), pairs["index_y"].to_numpy()
    a_xyxy = truths[COORDINATES].to_numpy()[truth]
    b_xyxy = predictions[COORDINATES].to_numpy()[prediction]
    sides = np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:]) - np.maximum(a_xyxy[:, :2], b_xyxy[:, :2])
    shared = np.maximum(sides + margin, 0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2] + margin).prod(axis=1) for boxes in (a_xyxy, b_xyxy)]
    return truth, prediction, shared / (areas[0] + areas[1] - shared)


@pytest.mark.parametrize(("num_images", "truths", "predictions"), [(4000, 10, 30), (2, 300, 3000)])
def test_box_metrics_are_no_slower_than_pairing_all_with_all(
    benchmark: BenchmarkFixture,
    rng: np.random.Generator,
    num_images: int,
    truths: int,
    predictions: int,
) -> None:
    tables = [boxes_of_images(rng, num_images, each) for each in (truths, predictions)]
    images = tables[0]["image"].unique().tolist()

    def ours() -> list[int]:
        matcher = BoxMatcher(tables[0], tables[1], images, min_confidence=-1)
        counts = [matcher.thesis(), *(matcher.one_to_one(iou) for iou in THRESHOLDS)]
        return [int(each.true_positives.sum()) for each in counts]

    def plain() -> list[int]:
        truth, _, iou = all_with_all(*tables, margin=0.0001)
        found = [len(np.unique(truth[iou >= 0.005]))]
        truth, prediction, iou = all_with_all(*tables, margin=0)
        confidence = tables[1]["confidence"].to_numpy()
        for threshold in THRESHOLDS:
            rows = np.flatnonzero(iou >= threshold)
            order = rows[np.lexsort((-iou[rows], -confidence[prediction[rows]]))]
            free_truth, free_prediction = set(truth.tolist()), set(prediction.tolist())
            found.append(0)
            for t, p in zip(truth[order].tolist(), prediction[order].tolist(), strict=True):
                if t in free_truth and p in free_prediction:
                    free_truth.remove(t)
                    free_prediction.remove(p)
                    found[-1] += 1
        return found

    found, expected = Kept(ours), Kept(plain)
    ratio = best_speed_up(found, expected, rounds=1, least=1)
    assert found.last == expected.last
    benchmark.extra_info["times all with all"] = round(ratio, 1)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 1


def test_average_precision_is_3_times_pycocotools(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    tables = scenes(rng, 600, 2000, 4000)

    def ours() -> np.ndarray:
        return average_precision(*tables)

    def plain() -> np.ndarray:
        return coco_average_precision(*tables, COCO_IOUS)

    found, expected = Kept(ours), Kept(plain)
    ratio = best_speed_up(found, expected, rounds=1, least=3)
    np.testing.assert_allclose(found.last, expected.last, rtol=0, atol=1e-9)
    benchmark.extra_info["times pycocotools"] = round(ratio, 1)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 3


def speckled(rng: np.random.Generator, size_hw: tuple[int, int], share: float) -> np.ndarray:
    """(H, W) bool with single pixels, made a part at a time."""
    return np.concatenate([rng.random((500, size_hw[1])) < share for _ in range(size_hw[0] // 500)])


def test_components_of_a_speckled_map_are_5_times_a_table_of_all_with_all(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    prediction, truth = (speckled(rng, (2000, 3000), 0.001) for _ in range(2))
    truth |= prediction & speckled(rng, (2000, 3000), 0.5)

    def ours() -> tuple[float, float]:
        siou, ppv = score_components(prediction, truth, SizeLimits(1, 1))
        return float(siou.sum()), float(ppv.sum())

    def plain() -> tuple[float, float]:
        num_true, true = cv2.connectedComponents(truth.view(np.uint8))
        num, labels = cv2.connectedComponents(prediction.view(np.uint8))
        codes = true.astype(np.int64) * num + labels
        table = np.bincount(codes.ravel(), minlength=num_true * num).reshape(num_true, num)
        found, normal = table[1:, 1:], table[0, 1:]
        siou = found.sum(1) / (table[1:].sum(1) + (found > 0) @ normal)
        return float(siou.sum()), float((found.sum(0) / table[:, 1:].sum(0)).sum())

    found, expected = Kept(ours), Kept(plain)
    ratio = best_speed_up(found, expected, rounds=1, least=5)
    np.testing.assert_allclose(found.last, expected.last)
    benchmark.extra_info["times a table of all pairs"] = round(ratio, 1)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 5


PEAK = """
import json
from pathlib import Path
import numpy as np
from util.metrics.components import SizeLimits, score_components
from util.data_classes import BoxSettings
from util.masks_to_bboxes import soft_label_to_boxes

def peak_mb():  # of this process; getrusage has that of the parent, too
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3

rng = np.random.default_rng(0)
soft_label = np.full((6000, 8000), 0.9, np.float32)
soft_label[rng.integers(0, 6000, 2000), rng.integers(0, 8000, 2000)] = 0
before = peak_mb()
soft_label_to_boxes(soft_label, BoxSettings())
boxes = peak_mb() - before
del soft_label
prediction, truth = np.zeros((6000, 8000), bool), np.zeros((6000, 8000), np.uint8)
for start in range(0, 6000, 100):
    prediction[start : start + 100] = rng.random((100, 8000)) < 0.02
    truth[start : start + 100] = rng.random((100, 8000)) < 0.01
score_components(prediction, truth, SizeLimits(1, 1))
print(json.dumps({"boxes": boxes, "components": peak_mb()}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no peak")
def test_boxes_and_components_of_48_megapixels_take_little_memory() -> None:
    command = [sys.executable, "-c", PEAK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    peaks = json.loads(done.stdout)
    assert 48 < peaks["boxes"] < 12 * 48  # beside the map, 4 bytes a pixel
    assert peaks["components"] < 1000  # of the whole process
