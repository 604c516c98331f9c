from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacher.findings import Finding, Rejection
from teacher.inference.crop_masks import crop_mask
from teacher.inference.tiling import TiledTeacher, spread_starts


class RedTeacher:
    """Marks red pixels with their redness; one box around them."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        self.sizes.append(image_rgb.shape[:2])
        soft_label = (image_rgb[..., 0] / 255).astype(np.float32)
        mask = crop_mask(soft_label > 0)
        rows, columns = mask.place
        box = np.array([[columns.start, rows.start, columns.stop, rows.stop]], np.float32)
        found = Finding(
            soft_label=soft_label,
            boxes_xyxy=box,
            scores=np.ones(1, np.float32),
            phrases=["red"],
            masks=[mask],
            saliency=soft_label,
        )
        return iter([found] * len(prompts))


@given(st.integers(1, 400), st.integers(2, 90), st.data())
def test_tiles_cover_each_side_and_overlap_enough(
    length: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    starts = spread_starts(length, size, overlap)
    covered = np.zeros(length, int)
    for start in starts:
        assert start == 0 or start + size <= length
        covered[start : start + size] += 1
    assert covered.min() >= 1
    for one, other in pairwise(starts):
        assert one + size - other >= overlap
    if length > size:  # no more tiles than are needed
        assert len(starts) == 1 + int(np.ceil((length - size) / (size - overlap)))


@pytest.mark.parametrize("size_hw", [(50, 70), (64, 64), (20, 20), (33, 200)])
def test_merged_tiles_are_the_map_of_the_whole(size_hw: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((*size_hw, 3), np.uint8)
    image[..., 0] = rng.integers(0, 256, size_hw) * (rng.random(size_hw) < 0.02)
    inner = RedTeacher()
    findings = list(TiledTeacher(inner, 32, 8).label(image, ["red", "rot"]))
    assert len(findings) == 2
    for finding in findings:
        np.testing.assert_array_equal(finding.soft_label, image[..., 0] / np.float32(255))
        for box, mask in zip(finding.boxes_xyxy, finding.masks, strict=True):
            assert image[..., 0][mask.place][mask.pixels].all()
            assert (box[:2] == (mask.left, mask.top)).all()
    assert max(max(size) for size in inner.sizes) <= 32


def test_where_tiles_overlap_the_larger_value_counts() -> None:
    class Position(RedTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            self.sizes.append(image_rgb.shape[:2])
            value = len(self.sizes) / 10
            found = next(super().label(image_rgb, prompts))
            soft_label = np.full(image_rgb.shape[:2], value, np.float32)
            return iter(
                [
                    Finding(
                        soft_label=soft_label,
                        boxes_xyxy=found.boxes_xyxy,
                        scores=found.scores,
                        phrases=["x"],
                        masks=[],
                    )
                ]
            )

    image = np.full((10, 15, 3), 9, np.uint8)
    (finding,) = TiledTeacher(Position(), 10, 5).label(image, ["x"])
    assert finding.soft_label[0].tolist() == pytest.approx([0.1] * 5 + [0.3] * 10)


def test_rejections_of_all_tiles_are_told_best_first_where_they_are() -> None:
    class Rejecting(RedTeacher):
        def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
            (found,) = super().label(image_rgb, prompts)
            score = image_rgb[..., 1].max() / 255
            rejection = Rejection(np.array([1.0, 2, 3, 4]), score, "red", "low score")
            return iter([replace(found, rejections=(rejection,))])

    image = np.zeros((10, 25, 3), np.uint8)
    image[0, 2, 1], image[0, 12, 1], image[0, 22, 1] = 100, 200, 50
    (finding,) = TiledTeacher(Rejecting(), 10, 0).label(image, ["x"])
    assert [rejection.score * 255 for rejection in finding.rejections] == [200, 100, 50]
    assert [rejection.box_xyxy[0] for rejection in finding.rejections] == [9, 1, 16]


def test_an_empty_image_is_an_empty_map() -> None:
    (finding,) = TiledTeacher(RedTeacher(), 10, 5).label(np.zeros((30, 30, 3), np.uint8), ["x"])
    assert finding.soft_label.shape == (30, 30)
    assert not finding.soft_label.any()
    assert finding.boxes_xyxy.shape == (0, 4)
