"""Points answered by SAM, SAM-HQ and SAM 2 of transformers."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import MaskGenerationPipeline, Sam2Model

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.proposing.points import OFFSET, Grid


class HuggingFaceGenerator:
    """The generator of masks of transformers; a `Generator`."""

    def __init__(self, model: Any, processor: Any, device: torch.device, grid: Grid) -> None:
        self._pipeline = MaskGenerationPipeline(
            model=model, image_processor=processor, device=device
        )
        # SAM 2 sees pictures squashed to a square, and the pipeline lays its points over them as if
        # they had kept their proportions: over the upper or the left part of them alone.
        squashes = isinstance(model, Sam2Model)
        size = processor.size
        self._seen_wh = (size["width"], size["height"]) if squashes else None
        self._settings = {
            "points_per_crop": grid.points_per_side,
            "pred_iou_thresh": grid.predicted_iou,
            "stability_score_thresh": grid.stability,
            "stability_score_offset": OFFSET,
            "crops_nms_thresh": grid.overlap,
        }

    def generate(
        self, image_rgb: np.ndarray, points_per_batch: int
    ) -> Iterator[tuple[CropMask, float]]:
        """Find masks in an image; see `Generator`."""
        seen = Image.fromarray(image_rgb)
        if self._seen_wh is not None:
            seen = seen.resize(self._seen_wh, Image.Resampling.BILINEAR)
        found = self._pipeline(seen, points_per_batch=points_per_batch, **self._settings)
        for mask, score in zip(found["masks"], found["scores"].tolist(), strict=True):
            yield crop_mask(self._unsquash(np.asarray(mask), image_rgb.shape[:2])), score

    def _unsquash(self, mask: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
        """Give a mask, (h, w) bool, the height and width of its image."""
        if self._seen_wh is None:
            return mask
        levels = mask.astype(np.uint8)
        return cv2.resize(levels, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
