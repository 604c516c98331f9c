"""Points answered by SAM of the package segment-anything."""

from collections.abc import Iterator

import numpy as np
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import Sam
from segment_anything.utils.amg import rle_to_mask

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.proposing.points import OFFSET, Grid


class PublishedGenerator:
    """The published generator of masks; a `Generator`."""

    def __init__(self, model: Sam, grid: Grid) -> None:
        self._generator = SamAutomaticMaskGenerator(
            model,
            points_per_side=grid.points_per_side,
            pred_iou_thresh=grid.predicted_iou,
            stability_score_thresh=grid.stability,
            stability_score_offset=OFFSET,
            box_nms_thresh=grid.overlap,
            output_mode="uncompressed_rle",  # whole masks of a large image take gigabytes
        )

    def generate(
        self, image_rgb: np.ndarray, points_per_batch: int
    ) -> Iterator[tuple[CropMask, float]]:
        """Find masks in an image; see `Generator`."""
        self._generator.points_per_batch = points_per_batch
        for found in self._generator.generate(image_rgb):
            yield crop_mask(rle_to_mask(found["segmentation"])), found["predicted_iou"]
