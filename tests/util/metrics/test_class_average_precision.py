import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from tests.conftest import box_table
from util.bbox_csv import COORDINATES
from util.metrics.class_average_precision import (
    best_operating_point,
    bootstrap_by_class,
    rank_by_class,
)
from util.metrics.groups import ImageGroups

IMAGES = [f"frame_{number}" for number in range(8)]
CLASSES = ["boat", "person", "bird"]


def draw_tables(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True boxes, and predictions of which many lie near one of them."""
    rng = np.random.default_rng(seed)
    truths = box_table(
        [(IMAGES[rng.integers(8)], *_box(rng)) for _ in range(40)],
    )
    truths["obj_class"] = rng.choice(CLASSES[:2], 40)
    moved = truths.copy()
    moved[COORDINATES] = (moved[COORDINATES] + rng.normal(0, 0.01, (40, 4))).clip(0, 1)
    false = box_table([(IMAGES[rng.integers(8)], *_box(rng)) for _ in range(30)])
    false["obj_class"] = rng.choice(CLASSES, 30)
    found = pd.concat([moved, false], ignore_index=True)
    found["confidence"] = rng.permutation(70) / 70
    return truths, found


def _box(rng: np.random.Generator) -> list[float]:
    x, y = rng.uniform(0, 0.7, 2)
    return [x, y, x + rng.uniform(0.05, 0.3), y + rng.uniform(0.05, 0.3)]


def coco(table: pd.DataFrame) -> COCO:
    index = COCO()
    index.dataset = {
        "images": [{"id": number} for number in range(8)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
        "annotations": [
            {
                "id": number + 1,
                "image_id": IMAGES.index(row.image),
                "category_id": CLASSES.index(row.obj_class),
                "bbox": [row.xmin, row.ymin, row.xmax - row.xmin, row.ymax - row.ymin],
                "area": (row.xmax - row.xmin) * (row.ymax - row.ymin),
                "score": row.confidence,
                "iscrowd": 0,
            }
            for number, row in enumerate(table.itertuples())
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        index.createIndex()
    return index


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_over_classes_is_that_of_pycocotools(seed: int) -> None:
    truths, found = draw_tables(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(coco(truths), coco(found), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [1, 10, 100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0, -1]  # (T, R, K)
    per_class = np.where(precision > -1, precision, np.nan)[:, :, :2]
    expected = [np.mean(per_class[0]), np.mean(per_class)]
    ranks = rank_by_class(truths, found, IMAGES)
    assert list(ranks.of_class) == ["boat", "person"]
    measured = ranks.mean_precision(np.ones((1, 8), np.int64))[0]
    assert measured.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_perfect_detector_has_one_and_one_that_names_classes_wrong_has_nothing() -> None:
    truths, _ = draw_tables(0)
    weights = np.ones((1, 8), np.int64)
    assert rank_by_class(truths, truths, IMAGES).mean_precision(weights).tolist() == [[1.0, 1.0]]
    other = {"boat": "person", "person": "boat"}
    wrong = truths.assign(obj_class=truths["obj_class"].map(other))
    assert rank_by_class(truths, wrong, IMAGES).mean_precision(weights)[0, 0] < 0.05
    assert best_operating_point(truths, truths, IMAGES) == (1.0, 1.0)
    assert best_operating_point(truths, truths[:0], IMAGES) == (0.0, 0.0)


def test_a_resample_without_a_class_is_the_mean_of_the_others() -> None:
    truths = box_table([("a", 0, 0, 0.5, 0.5), ("b", 0, 0, 0.5, 0.5)])
    truths["obj_class"] = ["boat", "bird"]
    ranks = rank_by_class(truths, truths[:1], ["a", "b"])
    drawn = ranks.mean_precision(np.array([[2, 0], [0, 2], [1, 1]]))
    assert drawn[:, 0].tolist() == [1.0, 0.0, 0.5]


def test_intervals_hold_the_estimate_and_a_single_group_has_none() -> None:
    truths, found = draw_tables(1)
    ranks = rank_by_class(truths, found, IMAGES)
    interval = bootstrap_by_class(ranks, ImageGroups(np.arange(8) // 2), 200)
    assert (interval.low <= interval.estimate).all()
    assert (interval.estimate <= interval.high).all()
    single = bootstrap_by_class(ranks, ImageGroups(np.zeros(8, np.int64)), 50)
    assert np.isnan(single.low).all()


def test_without_truths_nothing_is_defined() -> None:
    _, found = draw_tables(2)
    ranks = rank_by_class(found[:0], found, IMAGES)
    interval = bootstrap_by_class(ranks, ImageGroups(np.arange(8)), 10)
    assert np.isnan(interval.estimate).all()
    assert np.isnan(best_operating_point(found[:0], found, IMAGES)).all()


def test_the_best_operating_point_is_that_of_a_search_over_all_confidences() -> None:
    truths, found = draw_tables(3)
    best, expected = -1.0, (0.0, 0.0)
    for least in np.unique(found["confidence"]):
        sure = found[found["confidence"] >= least]
        pairs = []
        for name in CLASSES[:2]:
            true, of_class = (t[t["obj_class"] == name] for t in (truths, sure))
            hits = _count_hits(true, of_class)
            pairs.append((hits / max(len(of_class), 1), hits / len(true)))
        mean_f1 = np.mean([2 * p * r / max(p + r, 1e-12) for p, r in pairs])
        if mean_f1 > best + 1e-12:
            best, expected = mean_f1, tuple(np.mean(pairs, axis=0))
    assert best_operating_point(truths, found, IMAGES) == pytest.approx(expected)


def test_the_best_operating_point_is_of_the_mean_f1_not_of_the_f1_of_means() -> None:
    image_ids = [f"{number}" for number in range(20)]
    truths = box_table([(i, 0, 0, 0.5, 0.5) for i in image_ids] * 2)
    truths["obj_class"] = ["boat"] * 20 + ["bird"] * 20
    right = truths.assign(confidence=[0.9] + [0.3] * 19 + [0.9] * 20)
    wrong = box_table([(i, 0.6, 0.6, 0.9, 0.9) for i in [*image_ids * 5, *image_ids[:10]]])
    wrong["obj_class"] = ["boat"] * 80 + ["bird"] * 30
    wrong["confidence"] = [0.3] * 80 + [0.9] * 20 + [0.3] * 10
    found = pd.concat([right, wrong])
    # Precision and recall from .9 on: boats 1, .05, birds .5, 1; from .3 on .2, 1 and .4, 1. So the
    # mean F1 is .38, then .45; the F1 of the means .62, then .46.
    assert best_operating_point(truths, found, image_ids) == pytest.approx((0.3, 1.0))


def _count_hits(truths: pd.DataFrame, found: pd.DataFrame) -> int:
    """Greedy, one to one, at IoU 0.5."""
    hits = 0
    free = list(truths.itertuples())
    for box in found.sort_values("confidence", ascending=False).itertuples():
        scored = [
            (_iou(box, true), number) for number, true in enumerate(free) if true.image == box.image
        ]
        if scored and max(scored)[0] >= 0.5:
            del free[max(scored)[1]]
            hits += 1
    return hits


def _iou(one: object, other: object) -> float:
    a, b = ([getattr(each, name) for name in COORDINATES] for each in (one, other))
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return float(shared / (sum(areas) - shared))
