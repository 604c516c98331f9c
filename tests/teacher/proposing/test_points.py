"""Masks at the points of a grid, compared with a slow search that asks for one point at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from segment_anything.modeling import Sam

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.inference.runtime import Runtime
from teacher.proposing.hugging_face_sam import HuggingFaceGenerator
from teacher.proposing.points import Generator, Grid, PointOutlines
from teacher.proposing.published_sam import PublishedGenerator
from tests.teacher.saa.segmenters.small_sams import (
    MODELS,
    PACKAGE,
    small_model,
    small_processor,
    small_sam,
)
from tests.teacher.saa.small_models import paint
from util.errors import UserError
from util.label_set import Content

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE_HW = (60, 90)
ALL = Grid(points_per_side=3, predicted_iou=0, stability=0, overlap=1)


def build(name: str, grid: Grid) -> Generator:
    if name == PACKAGE:
        return PublishedGenerator(spread_out(small_sam()), grid)
    runtime = Runtime("cpu")
    model = runtime.place(small_model(name))
    return HuggingFaceGenerator(model, small_processor(name), runtime.device, grid)


def spread_out(model: Sam) -> Sam:
    """Let the masks of a random model depend on the point: its prompts speak louder."""
    with torch.no_grad():
        for each in model.prompt_encoder.point_embeddings:
            each.weight.mul_(4)
    return model


def outline(name: str, grid: Grid, points_per_batch: int = 4) -> tuple[Content, list[np.ndarray]]:
    content = PointOutlines(build(name, grid), points_per_batch)("x", paint(SIZE_HW))
    assert content.proposals is not None
    return content, list(content.proposals)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    filled = []
    for mask in (a, b):  # the published boxes end at the last pixel, not after it
        down, across = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
        filled.append((across[0], down[0], across[-1], down[-1]))
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = filled
    both = max(min(ax1, bx1) - max(ax0, bx0), 0) * max(min(ay1, by1) - max(ay0, by0), 0)
    return both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both)


def search_slowly(model: Sam, image: np.ndarray, grid: Grid) -> list[tuple[float, np.ndarray]]:
    """Ask for one point after another, and keep masks by the rules of the paper, best first."""
    predictor = SamPredictor(model)
    predictor.set_image(image)
    side, found = grid.points_per_side, []
    for row in range(side):
        for column in range(side):
            place = [(column + 0.5) / side * image.shape[1], (row + 0.5) / side * image.shape[0]]
            logits, scores, _ = predictor.predict(
                np.array([place]), np.ones(1), multimask_output=True, return_logits=True
            )
            for mask, score in zip(logits, scores.tolist(), strict=True):
                is_stable = iou(mask > 1, mask > -1) >= grid.stability
                is_trusted = score > grid.predicted_iou or not grid.predicted_iou
                if is_trusted and is_stable and (mask > 0).any():
                    found.append((score, mask > 0))
    kept: list[tuple[float, np.ndarray]] = []
    for score, mask in sorted(found, key=lambda each: -each[0]):
        if all(box_iou(mask, better) <= grid.overlap for _, better in kept):
            kept.append((score, mask))
    return kept


@pytest.mark.parametrize(
    "grid",
    [
        ALL,
        Grid(points_per_side=4, predicted_iou=0.6, stability=0, overlap=1),
        Grid(points_per_side=4, predicted_iou=0, stability=0.02, overlap=1),
        Grid(points_per_side=4, predicted_iou=0, stability=0, overlap=0.9),
    ],
)
def test_the_masks_are_those_of_a_slow_search(grid: Grid) -> None:
    content, masks = outline(PACKAGE, grid)
    expected = search_slowly(spread_out(small_sam()), paint(SIZE_HW), grid)
    assert content.boxes is not None
    scores = sorted(content.boxes.confidences.tolist(), reverse=True)
    assert scores == pytest.approx([min(max(s, 0), 1) for s, _ in expected], abs=1e-4)
    assert expected
    for _, mask in expected:
        assert max(iou(mask, each) for each in masks) > 0.98


@pytest.mark.parametrize("name", [PACKAGE, *MODELS])
def test_every_library_finds_masks_and_fewer_where_more_is_asked_of_them(name: str) -> None:
    content, masks = outline(name, ALL)
    assert content.boxes is not None
    assert 0 < len(masks) == len(content.boxes.confidences) <= 3 * 3 * 3
    assert {(mask.shape, mask.dtype.name) for mask in masks} == {(SIZE_HW, "bool")}
    assert all(mask.any() for mask in masks)
    for box, mask in zip(content.boxes.boxes_xyxy.astype(int), masks, strict=True):
        x0, y0, x1, y1 = box
        assert crop_mask(mask).place == (slice(y0, y1), slice(x0, x1))
    best = float(np.max(content.boxes.confidences))
    fewer, _ = outline(name, Grid(3, predicted_iou=min(best, 0.9999), stability=0, overlap=1))
    none, nothing = outline(name, Grid(3, predicted_iou=1, stability=1, overlap=0.7))
    assert fewer.boxes is not None
    assert none.boxes is not None
    assert len(fewer.boxes.confidences) < len(masks) or best == 1
    assert len(none.boxes.confidences) == len(nothing) == 0


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size_hw", [(45, 180), (180, 45)])
def test_points_lie_over_the_whole_of_what_is_seen(name: str, size_hw: tuple[int, int]) -> None:
    generator = build(name, Grid(points_per_side=4, predicted_iou=0, stability=0, overlap=1))
    assert isinstance(generator, HuggingFaceGenerator)
    model, seen = generator._pipeline.model, []

    def note(module: object, args: object, given: dict[str, Any]) -> None:
        seen.append(given["input_points"].reshape(-1, 2).cpu().numpy())

    model.register_forward_pre_hook(note, with_kwargs=True)
    masks = [mask for mask, _ in generator.generate(paint(size_hw), 100)]
    told = small_processor(name)(images=[paint(size_hw)], return_tensors="pt")
    inner = told.get("reshaped_input_sizes")
    sides = (told["pixel_values"].shape[-2:] if inner is None else inner[0].tolist())[::-1]
    for axis, side in enumerate(sides):
        places = np.unique(np.concatenate(seen)[:, axis])
        np.testing.assert_allclose(places / side, [0.125, 0.375, 0.625, 0.875], atol=0.03)
    ends = np.array([[part.stop for part in mask.place] for mask in masks])
    assert (ends <= size_hw).all()
    assert (ends.max(axis=0) > np.array(size_hw) / 2).all()  # they are no longer of the square


@pytest.mark.parametrize("name", [PACKAGE, "sam"])
def test_how_many_points_are_answered_at_once_changes_nothing(name: str) -> None:
    (some, masks), (others, other_masks) = outline(name, ALL, 2), outline(name, ALL, 100)
    assert some.boxes is not None
    assert others.boxes is not None
    np.testing.assert_allclose(some.boxes.confidences, others.boxes.confidences, atol=1e-5)
    assert all(iou(a, b) > 0.99 for a, b in zip(masks, other_masks, strict=True))


class Hungry:
    """A generator that has memory for some points at once."""

    def __init__(self, fitting: int) -> None:
        self.fitting = fitting
        self.asked: list[int] = []

    def generate(
        self, image_rgb: np.ndarray, points_per_batch: int
    ) -> Iterator[tuple[CropMask, float]]:
        self.asked.append(points_per_batch)
        if points_per_batch > self.fitting:
            raise torch.OutOfMemoryError
        yield crop_mask(np.ones(image_rgb.shape[:2], bool)), 1.5


def test_where_memory_runs_out_fewer_points_are_answered_at_once_from_then_on() -> None:
    hungry = Hungry(3)
    outline_points = PointOutlines(hungry, 8)
    for _ in range(2):
        content = outline_points("x", paint(SIZE_HW))
    assert hungry.asked == [8, 4, 2, 2]
    assert content.boxes is not None
    assert content.boxes.confidences.tolist() == [1]  # a model may trust a mask more
    with pytest.raises(UserError, match="x does not fit into memory; make it smaller, or cut"):
        PointOutlines(Hungry(0), 2)("x", paint(SIZE_HW))
