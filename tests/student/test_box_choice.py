"""How threshold, least confidence and least area of a student's boxes are chosen."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import student.test
from student.box_choice import CONFIDENCES, LEAST_AREAS_PX, THRESHOLDS, choose_boxes
from tests.conftest import box_table
from tests.student.student_runs import find_birds, label, learn, make_pairs, make_validation, train
from tests.student.test_validation import Constant, logits_of_a_box
from util.bbox_csv import boxes_to_table
from util.data_classes import BoxSettings
from util.disk.whole_files import read_json
from util.label_set import LabelSet
from util.learning.checkpoint import read_checkpoint
from util.learning.device import build_fabric
from util.learning.inference.opening import read_box_settings
from util.learning.inference.tiles import logits_to_soft_label
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics.boxes import BoxMatcher
from util.words import count_of

BOTH = ("threshold", "min_area_px")
ALL = ("threshold", "min_confidence", "min_area_px")
APART = BoxSettings(dilation_iterations=0)
FOUND = box_table([(name, 3 / 16, 4 / 16, 13 / 16, 12 / 16) for name in "ab"])
"""The box of `logits_of_a_box` in both images."""


def choose(
    folder: Path,
    logits: np.ndarray,
    truths: pd.DataFrame = FOUND,
    chosen: Sequence[str] = BOTH,
    settings: BoxSettings = APART,
) -> BoxSettings:
    """What is chosen for a student that says the same of two images."""
    validation = make_validation(make_pairs(folder), truths=truths, box_settings=settings)
    found = choose_boxes(validation, chosen, build_fabric("cpu"), Constant(logits))
    return BoxSettings(**found["boxes"])


def measure(logits: np.ndarray, truths: pd.DataFrame, settings: BoxSettings) -> float:
    """F1 of the boxes of a student that says the same of both images, the plain way."""
    soft_label = (1 / (1 + np.exp(-logits.astype(np.float32)))).astype(np.float32)
    boxes = soft_label_to_boxes(soft_label, settings)
    table = boxes_to_table([(name, (16, 16), boxes) for name in "ab"], "bird")
    return BoxMatcher(truths, table, ["a", "b"], 0).one_to_one(0.3).total().f1


def test_of_thresholds_with_neighbours_as_good_the_nearest_to_one_half_is_chosen(
    tmp_path: Path,
) -> None:
    """A box of probability 0.32 is found up to 0.3, whose upper neighbour finds nothing."""
    assert choose(tmp_path, logits_of_a_box(0.32)).threshold == 0.25
    assert choose(tmp_path, logits_of_a_box(0.97)).threshold == 0.5


def test_specks_beside_what_is_sought_raise_the_least_area_above_their_own(tmp_path: Path) -> None:
    logits = logits_of_a_box(0.9)
    logits[0, 0:3] = logits[15, 0:3] = 5.0  # of three pixels
    assert choose(tmp_path, logits).min_area_px == 4
    assert choose(tmp_path, logits_of_a_box(0.9)).min_area_px == 1


def test_what_the_config_says_is_not_chosen(tmp_path: Path) -> None:
    said = BoxSettings(threshold=0.7, min_area_px=3, dilation_iterations=0)
    speckled = logits_of_a_box(0.32)
    speckled[0, 0:3] = 5.0
    by_area = choose(tmp_path / "area", speckled, chosen=("min_area_px",), settings=said)
    assert by_area.threshold == 0.7
    by_threshold = choose(tmp_path / "two", speckled, chosen=("threshold",), settings=said)
    assert (by_threshold.threshold, by_threshold.min_area_px) == (0.25, 3)


def test_where_nothing_that_is_sought_is_found_all_stays(tmp_path: Path) -> None:
    said = BoxSettings(0.35, 2, 5, "tern", "thesis")
    elsewhere = box_table([("a", 0.0, 0.0, 0.1, 0.1)])
    assert choose(tmp_path / "far", logits_of_a_box(0.9), elsewhere, settings=said) == said
    assert choose(tmp_path / "none", logits_of_a_box(0.9), box_table([]), settings=said) == said
    said = BoxSettings(0.33, 2, 5, min_confidence=0.45)
    faint = logits_of_a_box(0.001)
    assert choose(tmp_path / "faint", faint, chosen=ALL, settings=said) == said


@pytest.mark.parametrize(("num_specks", "chosen"), [(5, 0.25), (7, 0.5)])
def test_finds_by_chance_choose_nothing(tmp_path: Path, num_specks: int, chosen: float) -> None:
    """One box of eight in each image is sought: an F1 of 2 / 9."""
    logits = logits_of_a_box(0.32)
    logits[0, : 2 * num_specks : 2] = np.log(0.32 / 0.68)
    assert choose(tmp_path, logits, chosen=ALL).threshold == chosen


@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_that_of_trying_each_value_on_all_images(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(-0.5, 1.5, (8, 8))
    logits = np.kron(coarse, np.ones((2, 2))) + rng.normal(0, 0.5, (16, 16))
    sought = np.kron(coarse > 0.8, np.ones((2, 2))).astype(np.float32)
    truths = boxes_to_table([("a", (16, 16), soft_label_to_boxes(sought, APART))], "bird")

    def f1(settings: BoxSettings) -> float:
        return measure(logits, truths, settings)

    def smooth(index: int) -> float:
        last = len(THRESHOLDS) - 1
        scores = [
            f1(BoxSettings(THRESHOLDS[min(max(each, 0), last)], 0))
            for each in (index - 1, index, index, index + 1)
        ]
        return round(sum(scores) / 4, 9)

    best = max(range(len(THRESHOLDS)), key=lambda i: (smooth(i), -abs(THRESHOLDS[i] - 0.5)))
    threshold = THRESHOLDS[best]
    area = max(LEAST_AREAS_PX, key=lambda each: (f1(BoxSettings(threshold, 0, each)), -each))
    expected = BoxSettings(threshold, 0, area)
    found = choose(tmp_path, logits, truths)
    assert (found.threshold, found.min_area_px) == (expected.threshold, expected.min_area_px)


def test_specks_that_are_less_sure_raise_the_least_confidence(tmp_path: Path) -> None:
    """As large as what is sought, whose border is as faint as they are."""
    logits = logits_of_a_box(0.25)
    logits[6:10, 6:10] = 3.0  # its middle
    logits[0:2] = logits[14:16] = np.log(0.3 / 0.7)
    chosen = choose(tmp_path, logits, chosen=ALL)
    assert chosen.threshold < 0.25
    assert chosen.min_confidence >= 0.3
    found = soft_label_to_boxes(logits_to_soft_label(logits, 1.0), chosen)
    assert found.boxes_xyxy.tolist() == [[3, 4, 13, 12]]


@pytest.mark.parametrize("seed", range(3))
def test_thresholds_are_chosen_together_by_their_smoothed_f1(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(-1.5, 1.5, (8, 8))
    logits = np.kron(coarse, np.ones((2, 2))) + rng.normal(0, 1, (16, 16))
    sought = np.kron(coarse > 0, np.ones((2, 2))).astype(np.float32)
    truths = boxes_to_table([("a", (16, 16), soft_label_to_boxes(sought, APART))], "bird")
    scores = np.array(
        [
            [
                measure(logits, truths, BoxSettings(low, 0, min_confidence=least))
                for least in CONFIDENCES
            ]
            for low in THRESHOLDS
        ]
    )
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    parts = sliding_window_view(np.pad(scores, 1, mode="edge"), (3, 3))
    smooth = (parts * kernel).sum((2, 3)).round(9)
    equal = np.argwhere(smooth == smooth.max()).tolist()
    row, column = min(equal, key=lambda at: (abs(THRESHOLDS[at[0]] - 0.5), *at))
    chosen = choose(tmp_path, logits, truths, chosen=ALL[:2])
    assert chosen.threshold == THRESHOLDS[row]
    assert chosen.min_confidence == CONFIDENCES[column]


def test_a_training_keeps_the_choice_in_its_checkpoint_and_tells_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = learn(project, lambda image: 0.3 * find_birds(image), "--evaluation.threshold", "0.25")
    assert read_box_settings(run / "best.pt").threshold == 0.25  # the config has said so
    label(project)
    options = ["--student.validate_against", "ground_truth", "--student.seed", "1"]
    run = train(project, *options, "--overwrite")
    chosen = read_checkpoint(run / "best.pt")["boxes"]
    least = max(chosen["threshold"], chosen["min_confidence"])
    area = count_of(chosen["min_area_px"], "pixel")
    said = capsys.readouterr().out
    assert (
        f"{area} or more side by side, each of a probability above {chosen['threshold']:g}" in said
    )
    score = read_json(run / "run.json", "")["boxes_f1"]
    assert f", and above {least:g} in their mean: validation F1 {score:.3f} then" in said
    assert asdict(read_box_settings(run / "best.pt")) == chosen
    assert student.test.main(["--config", str(project)]) == 0
    assert asdict(LabelSet(run / "Test").box_settings) == chosen
