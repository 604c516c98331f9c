"""The normal scene of an image: its objects, and the area that anomalies are measured by.

Step 1 of SAA (arXiv 2305.10724); `teacher.saa.algorithm` says what departs from the published code.
"""

from collections.abc import Sequence

import numpy as np

from teacher.findings import Scene
from teacher.inference.crop_masks import CropMask
from teacher.saa.detectors import Detections

OBJECT_SCORE = 0.35
"""Score above which an object of the scene is there: GroundingDINO's own threshold for boxes."""


def find_scene(
    answer: Detections,
    prompt: str,
    size_hw: tuple[int, ...],
    box_threshold: float,
    object_number: int,
) -> Scene:
    """Find the objects of the normal scene, and the largest area among those that are there.

    Args:
        answer: What the detector says about the object prompt.
        prompt: The object prompt.
        size_hw: Of the image.
        box_threshold: Boxes above this score read as the prompt.
        object_number: How many objects the scene has; each of several takes less than 1 / number
            of the image.

    Returns:
        The scene, without remarks; its area is that of the whole image where no object is there.
    """
    index = np.flatnonzero((answer.scores > box_threshold) & answer.is_understood)
    boxes, scores = answer.boxes_xyxy[index], answer.scores[index]
    areas = relative_areas(boxes, size_hw)
    is_object = areas > 0
    if object_number > 1:
        is_object &= areas < 1 / object_number
    largest = float(areas[is_object & (scores > OBJECT_SCORE)].max(initial=0.0))
    return Scene(prompt, boxes, scores, is_object, min(largest, 1.0) or 1.0)


def find_remarks(
    scene: Scene, object_number: int, object_masks: Sequence[CropMask] | None
) -> tuple[str, ...]:
    """Say what did not go as asked.

    Args:
        scene: The scene.
        object_number: How many objects it has.
        object_masks: Masks of its objects, where there are several.
    """
    remarks = []
    if not (scene.scores[scene.is_object] > OBJECT_SCORE).any():
        remarks.append(
            f"no object {scene.prompt!r} has a score above {OBJECT_SCORE:g}; the largest area of "
            "an anomaly is a share of the whole image"
        )
    if object_masks is not None and sum(mask.pixels.any() for mask in object_masks) < 2:
        remarks.append(
            f"saa.object_number is {object_number}, but fewer than two objects "
            f"{scene.prompt!r} take less than 1/{object_number} of the image: none can be "
            "compared, so saliency is 0"
        )
    return tuple(remarks)


def relative_areas(boxes_xyxy: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
    """(N,) share of the image's area that each of (N, 4) boxes has."""
    widths, heights = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).T
    return widths * heights / (size_hw[0] * size_hw[1])
