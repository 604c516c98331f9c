"""Large images in tiles, for objects that would vanish in an image made small."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from teacher.findings import Finding, FindingTeacher
from teacher.inference.crop_masks import Place, crop_mask


class TiledTeacher:
    """Labels overlapping tiles and merges their maps by maximum; a `FindingTeacher`.

    Memory is bounded by what one tile takes and by the parts of the maps that are not zero. The
    area thresholds of the teacher are then shares of a tile, and saliency compares within a tile.
    """

    def __init__(self, teacher: FindingTeacher, tile_size_px: int, overlap_px: int) -> None:
        """Wrap a teacher.

        Args:
            teacher: Labels each tile.
            tile_size_px: Side of a tile. Images that are no larger are labelled as a whole.
            overlap_px: Least overlap of neighbours, less than the side: no object that is smaller
                than that is cut in every tile.
        """
        self.teacher = teacher
        self.tile_size_px = tile_size_px
        self.overlap_px = overlap_px

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        """Answer all prompts about one image, (H, W, 3) uint8 RGB; see `Teacher`."""
        height, width = image_rgb.shape[:2]
        found: list[list[tuple[Place, Finding]]] = [[] for _ in prompts]
        for top in spread_starts(height, self.tile_size_px, self.overlap_px):
            for left in spread_starts(width, self.tile_size_px, self.overlap_px):
                tile = image_rgb[top : top + self.tile_size_px, left : left + self.tile_size_px]
                answers = self.teacher.label(np.ascontiguousarray(tile), prompts)
                for parts, finding in zip(found, answers, strict=True):
                    if finding.soft_label.any() or finding.rejections:
                        parts.append(_move(finding, top, left))
        return (_merge(parts, (height, width)) for parts in found)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts that the teacher of the tiles cannot answer; see `Teacher`."""
        self.teacher.check_prompts(prompts)


def spread_starts(length_px: int, tile_size_px: int, overlap_px: int) -> list[int]:
    """Say where the fewest tiles of one size begin along a side of an image, spread evenly.

    No tile is smaller than another, since models resize each of them as a whole. A student resizes
    none: its tiles (`util.learning.inference.tiles.split_side`) begin on the grid of its network,
    the last may be smaller, and logits are blended, where the maps of these are joined by maximum.

    Args:
        length_px: Of the side.
        tile_size_px: Of the tiles; a side that is no longer has one.
        overlap_px: Least overlap of neighbours, less than the size.
    """
    if length_px <= tile_size_px:
        return [0]
    count = 1 + -(-(length_px - tile_size_px) // (tile_size_px - overlap_px))
    return [round(i * (length_px - tile_size_px) / (count - 1)) for i in range(count)]


def _move(finding: Finding, top: int, left: int) -> tuple[Place, Finding]:
    """Put a tile's finding where it is in the image, its map cut down to what is not zero."""
    marked = crop_mask(finding.soft_label > 0)
    place = replace(marked, top=marked.top + top, left=marked.left + left).place
    shift = np.array([left, top, left, top], np.float32)
    moved = replace(
        finding,
        soft_label=finding.soft_label[marked.place].copy(),
        boxes_xyxy=finding.boxes_xyxy + shift,
        masks=[replace(m, top=m.top + top, left=m.left + left) for m in finding.masks],
        saliency=None,
        rejections=tuple(replace(r, box_xyxy=r.box_xyxy + shift) for r in finding.rejections),
    )
    return place, moved


def _merge(parts: Sequence[tuple[Place, Finding]], size_hw: tuple[int, int]) -> Finding:
    """Lay the tiles' findings over each other, the larger value where they overlap."""
    soft_label = np.zeros(size_hw, np.float32)
    for place, part in parts:
        np.maximum(soft_label[place], part.soft_label, out=soft_label[place])
    findings = [part for _, part in parts]
    rejections = [rejection for f in findings for rejection in f.rejections]
    return Finding(
        soft_label=soft_label,
        boxes_xyxy=np.concatenate(
            [np.zeros((0, 4), np.float32), *(f.boxes_xyxy for f in findings)]
        ),
        scores=np.concatenate([np.zeros(0, np.float32), *(f.scores for f in findings)]),
        phrases=[phrase for f in findings for phrase in f.phrases],
        masks=[mask for f in findings for mask in f.masks],
        rejections=tuple(sorted(rejections, key=lambda rejection: -rejection.score)),
    )
