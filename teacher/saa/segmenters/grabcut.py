"""The embedded segmenter: OpenCV's GrabCut (Rother, Kolmogorov and Blake, 2004) from a box."""

import cv2
import numpy as np

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.saa.whole_things import STANDS_OUT, Look, see_nothing
from util.images.scaling import scale_size

MARGIN = 0.35
"""Share of the box's longer side added around it: the water that GrabCut learns from."""

MIN_MARGIN_PX = 3
"""Least of that water, for boxes of a few pixels."""

CROP_SIDE_PX = 32
"""Every crop is resized to this longest side: GrabCut's cost grows with the pixels (0.4 ms here),
and its ten colour models need some hundred of them even when the box has sixteen."""

ITERATIONS = 1
"""Two cost 0.15 ms more and lose F1 at IoU 0.5 on the water birds (0.77 -> 0.70): on so few pixels
the colour models narrow down to the brightest part of the bird."""

PLAUSIBLE_FILL = (0.08, 0.97)
"""Share of its box that an object fills; outside of it GrabCut has found nothing, or everything."""


WHOLE_SIZE = 0.1
"""Share of the image's longest side from which on a box may hold a thing seen as a whole."""

WHOLE_OVERLAP = 0.8
"""IoU of a box with that of the thing, from which on the box is about it."""


class GrabCutSegmenter:
    """Outlines the object in each box on a small crop around it; a `Segmenter`.

    Where GrabCut finds no plausible object, the pixels of the box that differ most from the frame
    around it are the object, so no box gets an empty mask. Masks stay inside their boxes. The
    outline of a large thing that was seen as a whole is taken as it is: its colours are too many
    for a crop of `CROP_SIDE_PX`.
    """

    def __init__(self, look: Look = see_nothing) -> None:
        """Make a segmenter; `look` says what stands out as a whole, by default nothing."""
        self._look = look

    def encode(self, image_rgb: np.ndarray) -> np.ndarray:
        """Keep the image, (H, W, 3) uint8 RGB: all work depends on the box."""
        return image_rgb

    def segment(self, encoding: np.ndarray, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each of (N, 4) boxes.

        A box that lies outside the image gets an empty mask.
        """
        height, width = encoding.shape[:2]
        masks = []
        for box in boxes_xyxy:
            x0, y0 = np.floor(np.maximum(box[:2], 0)).astype(int).tolist()
            x1, y1 = np.ceil(np.minimum(box[2:], (width, height))).astype(int).tolist()
            is_inside = x0 < x1 and y0 < y1
            if not is_inside:
                masks.append(crop_mask(np.zeros((0, 0), bool)))
                continue
            whole = self._outline_whole(encoding, (x0, y0, x1, y1))
            masks.append(whole or crop_mask(_outline(encoding, (x0, y0, x1, y1)), y0, x0))
        return masks

    def _outline_whole(
        self, image_rgb: np.ndarray, box_xyxy: tuple[int, int, int, int]
    ) -> CropMask | None:
        """The mask of a thing that was seen as a whole, if a box inside the image is about one."""
        x0, y0, x1, y1 = box_xyxy
        height, width = image_rgb.shape[:2]
        if max(x1 - x0, y1 - y0) < WHOLE_SIZE * max(height, width):
            return None
        answer = self._look(image_rgb)
        if answer is None:
            return None
        mask = crop_mask(cv2.resize(answer, (width, height))[y0:y1, x0:x1] > STANDS_OUT, y0, x0)
        fills = mask.pixels.size / ((x1 - x0) * (y1 - y0))  # it lies inside the box
        return mask if fills >= WHOLE_OVERLAP else None


def _outline(image_rgb: np.ndarray, box_xyxy: tuple[int, int, int, int]) -> np.ndarray:
    """(h, w) bool mask of the object in a whole-pixel box inside the image; never empty."""
    height, width = image_rgb.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    margin = max(MIN_MARGIN_PX, round(MARGIN * max(x1 - x0, y1 - y0)))
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    crop = image_rgb[top : min(y1 + margin, height), left : min(x1 + margin, width)]
    inside = np.zeros(crop.shape[:2], np.uint8)
    inside[y0 - top : y1 - top, x0 - left : x1 - left] = 1

    zoom = CROP_SIDE_PX / max(crop.shape[:2])
    size_wh = scale_size(crop.shape[:2], zoom)[::-1]
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    small = cv2.resize(crop, size_wh, interpolation=method)
    small_inside = cv2.resize(inside, size_wh, interpolation=cv2.INTER_NEAREST) > 0

    found = _grab(small, small_inside)
    if not PLAUSIBLE_FILL[0] < found.sum() / max(small_inside.sum(), 1) < PLAUSIBLE_FILL[1]:
        found = _most_different(small, small_inside)
    # Interpolated, then cut at one half: an enlarged mask keeps a smooth outline.
    back = cv2.INTER_LINEAR if zoom < 1 else cv2.INTER_AREA
    full = cv2.resize(found.astype(np.float32), crop.shape[1::-1], interpolation=back)
    mask = full[y0 - top : y1 - top, x0 - left : x1 - left] >= 0.5
    return mask if mask.any() else np.ones_like(mask)


def _grab(image_rgb: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """GrabCut's object within (h, w) bool `inside`; all False where it cannot tell two colours."""
    if inside.all() or not inside.any() or (image_rgb == image_rgb[0, 0]).all():
        return np.zeros_like(inside)
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its k-means draws from OpenCV's global generator
    no_rectangle = (0, 0, 0, 0)
    cv2.grabCut(
        image_rgb,
        labels,
        no_rectangle,
        background,
        foreground,
        ITERATIONS,
        cv2.GC_INIT_WITH_MASK,
    )
    return inside & ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _most_different(image_rgb: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The pixels of `inside` that differ most from the median colour around it, by Otsu's cut.

    A box without surroundings is compared with its own border. An even box is returned whole.
    """
    around = ~inside
    if not around.any():
        around[[0, -1], :] = around[:, [0, -1]] = True
    lab = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2Lab).astype(np.float32)
    difference = np.linalg.norm(lab - np.median(lab[around], axis=0), axis=2)
    levels = np.clip(difference, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels[inside], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    found = inside & (levels > cut)
    return found if found.any() else inside
