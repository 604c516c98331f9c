"""What a student is validated by."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from student.building import look_at
from student.data.loading import SoftLabelPairs, Window
from student.data.material import gather_material
from student.data.survey import Seen
from student.losses import LossSettings, student_loss
from student.validation import (
    SMALLEST_WINDOW_PX,
    Validation,
    choose_windows,
    count_overlap,
    cut_truths,
    validate,
)
from tests.conftest import box_table
from tests.student.inference.test_label_sets import make_student
from tests.student.student_runs import find_birds, label, make_pairs, make_validation, train
from util.bbox_csv import COORDINATES
from util.config import LossName
from util.config.command_line import load_config
from util.data_classes import Boxes, BoxSettings
from util.images.files import find_images, write_image
from util.images.splits import read_split
from util.label_set import Content, LabelSetWriter
from util.learning.device import build_fabric
from util.learning.runs.run_folder import RunFolder
from util.metrics.scores import iou


def test_the_jaccard_index_pools_pixels_and_is_one_where_both_are_empty() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random((2, 1, 5, 6)), rng.random((2, 1, 5, 6)) / 3
    logits, targets = torch.logit(torch.tensor(p)), torch.tensor(y)
    for temperature in (1.0, 3.0):
        predicted, wanted = p * temperature > 0.5, y * temperature > 0.5
        expected = (predicted & wanted).sum() / (predicted | wanted).sum()
        found = iou(count_overlap(logits, targets, temperature).numpy())
        assert found == pytest.approx(expected)
    for share in (0.01, 0.3, 1.0):
        target = (torch.rand(1, 1, 40, 40) < share).float()
        assert iou(count_overlap(torch.logit(target, eps=1e-6), target, 1.0).numpy()) == 1
        nothing = torch.zeros_like(target)
        assert iou(count_overlap(-torch.logit(target, eps=1e-6), target, 1.0, nothing).numpy()) == 1


class Constant(nn.Module):
    """A network that says the same of every image: logits of the size of the image."""

    def __init__(self, logits: np.ndarray) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.from_numpy(logits.astype(np.float32)))

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), 1, -1, -1)


def logits_of_a_box(probability: float) -> np.ndarray:
    """(16, 16) logits: a box of 8 x 10 pixels, as sure as that, on nothing."""
    logits = np.full((16, 16), -9.0)
    logits[4:12, 3:13] = np.log(probability / (1 - probability))
    return logits


def test_validation_loss_is_the_training_loss(tmp_path: Path, rng: np.random.Generator) -> None:
    soft_label, weights, logits = rng.random((3, 20, 24)).astype(np.float32)
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", Content(soft_label, weights=weights, logits=8 * logits - 4), "1", 0)
        writer.add("b", Content(soft_label[::-1], weights=weights, logits=4 * logits), "1", 0)
        label_set = writer.finish(BoxSettings())
    for name in "ab":
        image = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        write_image(tmp_path / "images" / f"{name}.png", image)
    summed: dict[LossName, float] = {"kl": 1.0, "dice": 0.5, "kd": 0.7, "gated_crf": 0.2}
    losses = LossSettings(summed, edge_weight=2.0, kd_temperature=3.0, crf_colour=200)
    pairs = SoftLabelPairs(
        ["a", "b"],
        find_images(tmp_path / "images"),
        label_set,
        1.0,
        pixel_weights="label_set",
        has_logits=True,
    )
    model = make_student().eval()
    validation = Validation(pairs, losses, box_table([]), BoxSettings(), 0.3)
    found = validate(validation, build_fabric("cpu"), model)["val_loss"]
    expected = []
    for index in range(2):
        batch = pairs.batch([index])
        with torch.inference_mode():
            images = batch.images.float() / 255
            predicted = model(images)
            layers = (batch.targets, losses, batch.weights, batch.teacher_logits, images)
            expected.append(float(student_loss(predicted, *layers)))
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def validate_a_box(
    tmp_path: Path, truths: pd.DataFrame, min_confidence: float = 0.1, iou_threshold: float = 0.3
) -> dict[str, float]:
    """Validate a student that finds the same box of confidence 0.7 in each of two images."""
    boxes = BoxSettings(dilation_iterations=0, min_confidence=min_confidence)
    judged_by = {"truths": truths, "box_settings": boxes, "iou_threshold": iou_threshold}
    validation = make_validation(make_pairs(tmp_path), **judged_by)
    return validate(validation, build_fabric("cpu"), Constant(logits_of_a_box(0.7)))


@pytest.mark.parametrize(("min_confidence", "found"), [(0.1, 1.0), (0.69, 1.0), (0.71, 0.0)])
def test_boxes_count_above_the_least_confidence_alone(
    tmp_path: Path, min_confidence: float, found: float
) -> None:
    truths = box_table([(name, 3 / 16, 4 / 16, 13 / 16, 12 / 16) for name in "ab"])
    row = validate_a_box(tmp_path, truths, min_confidence=min_confidence)
    assert (row["val_precision"], row["val_recall"], row["val_f1"]) == (found, found, found)


@pytest.mark.parametrize(("iou_threshold", "found"), [(0.3, 1.0), (0.49, 1.0), (0.51, 0.0)])
def test_a_box_is_found_from_the_iou_on_that_is_asked_for(
    tmp_path: Path, iou_threshold: float, found: float
) -> None:
    half = box_table([(name, 3 / 16, 4 / 16, 8 / 16, 12 / 16) for name in "ab"])
    row = validate_a_box(tmp_path, half, iou_threshold=iou_threshold)
    assert row["val_f1"] == found


def test_validation_is_as_the_config_has_it(project: Path) -> None:
    labels = label(project, lambda image: 0.3 * find_birds(image))
    ids = read_split(project.parent / "splits", "Validation", labels.ids)
    boxes = labels.find_boxes(ids, BoxSettings(threshold=0.25))
    options = ["--student.validation_iou", "0.7", "--evaluation.min_confidence", "0.2"]
    options += ["--evaluation.threshold", "0.25", "--student.losses", "dice=2"]
    given = ["--config", str(project), "--student.label_set", "x", *options]
    for more, num_truths in (([], len(boxes)), (["--evaluation.min_confidence", "0.31"], 0)):
        config, _ = load_config("", [*given, *more])
        fabric, folder = build_fabric("cpu"), RunFolder(project.parent, {"settings": {}}, {})
        label_sets = config.paths.label_sets
        material = gather_material(config.student, config.data, config.evaluation, label_sets)
        _, validation = look_at(config.student, material, fabric, folder)
        assert validation.iou_threshold == 0.7
        assert validation.losses == LossSettings({"dice": 2.0})
        assert validation.box_settings == config.evaluation.box_settings(BoxSettings())
        if num_truths:
            pd.testing.assert_frame_equal(validation.truths, boxes)
        assert len(validation.truths) == num_truths == folder.facts["boxes_sought"]


SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@given(st.lists(st.one_of(SIZES, st.none()), min_size=1, max_size=60), st.integers(1, 10**8))
def test_validation_stays_below_its_limit_as_far_as_one_window_allows(
    sizes: list[tuple[int, int] | None], limit_px: int
) -> None:
    sizes_hw = {f"{number:02d}": size_hw for number, size_hw in enumerate(sizes)}
    ids, side = choose_windows(sizes_hw, limit_px)
    areas = [math.prod(size) for size in sizes if size]
    assert ids == sorted(set(ids))
    if sum(areas) <= limit_px:
        assert (ids, side) == (list(sizes_hw), 0)
        return
    assert side >= SMALLEST_WINDOW_PX
    mean = np.mean([min(h, side) * min(w, side) for h, w in filter(None, sizes)])
    assert len(ids) == 1 or len(ids) * mean <= limit_px
    if len(ids) > 2:
        gaps = np.diff([int(image_id) for image_id in ids])
        assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("kind", ["label_set", "ground_truth"])
def test_windows_stand_for_large_images(project: Path, kind: str) -> None:
    label(project)
    limit = ["--student.validation_mp", "0.005", "--student.validate_against", kind]
    run = train(project, "--student.epochs", "1", *limit)
    facts = json.loads((run / "run.json").read_text())
    assert facts["labels"]["validation"]["num_maps"] == 1  # of 3 that have 4096 or 5063 pixels
    assert facts["labels"]["train"]["num_maps"] == 6


@given(
    st.lists(st.tuples(*[st.integers(0, 11)] * 2, *[st.integers(1, 8)] * 2), max_size=6),
    *[st.integers(0, 9)] * 2,
)
def test_cut_truths_are_the_boxes_of_what_is_left_in_the_window(
    boxes: list[tuple[int, int, int, int]], top: int, left: int
) -> None:
    size_hw, window = (20, 25), Window(top, left, 10, 12)
    rows, expected = [], []
    for x, y, width, height in boxes:
        rows.append(("a", x / 25, y / 20, (x + width) / 25, (y + height) / 20))
        painted = np.zeros(size_hw, bool)
        painted[y : y + height, x : x + width] = True
        seen_y, seen_x = np.nonzero(painted[window.place])
        if len(seen_y):
            corners = seen_x.min(), seen_y.min(), seen_x.max() + 1, seen_y.max() + 1
            expected.append(np.array(corners) / (12, 10, 12, 10))
    nothing = Boxes(np.zeros((0, 4)), np.zeros(0))
    cut = cut_truths(box_table(rows), {"a": Seen(size_hw, window, nothing, 0, 120)})
    found = cut[COORDINATES].to_numpy().reshape(-1, 4)
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 4)), atol=1e-12)


def test_truths_of_whole_images_stay_as_they_are() -> None:
    table = box_table([("a", 0.1, 0.2, 0.30000001, 0.7)])
    nothing = Boxes(np.zeros((0, 4)), np.zeros(0))
    seen = {"a": Seen((30, 70), Window(0, 0, 30, 70), nothing, 0, 2100)}
    pd.testing.assert_frame_equal(cut_truths(table, seen), table, check_exact=True)
