"""Points answered by SAM, SAM-HQ and SAM 2 of transformers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import MaskGenerationPipeline

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.proposing.points import OFFSET, Grid


class HuggingFaceGenerator:
    """The generator of masks of transformers; a `Generator`."""

    def __init__(self, model: Any, processor: Any, device: torch.device, grid: Grid) -> None:
        self._pipeline = MaskGenerationPipeline(
            model=model, image_processor=processor, device=device
        )
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
        found = self._pipeline(
            Image.fromarray(image_rgb), points_per_batch=points_per_batch, **self._settings
        )
        for mask, score in zip(found["masks"], found["scores"].tolist(), strict=True):
            yield crop_mask(np.asarray(mask)), score
