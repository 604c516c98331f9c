"""Colours of heat maps: one scale for all maps of a label set, so that they can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from util.errors import UserError, listed
from util.label_set import LabelSet
from util.running.progress import track

COLOURS_RGB = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[
    :, 0, ::-1
]
"""(256, 3) uint8, matplotlib's inferno: ever lighter, so in order for colour-blind people too."""

COVER = 0.85
"""How much of the photo the highest value hides; the lowest hides none of it."""


@dataclass(frozen=True)
class ColourScale:
    """Which values have the first and the last colour.

    Attributes:
        low: Value of the first colour.
        high: Value of the last one, above `low`.
    """

    low: float
    high: float

    def paint(self, soft_label: np.ndarray) -> np.ndarray:
        """Paint an (H, W) float map as (H, W, 3) uint8 RGB."""
        return COLOURS_RGB[np.rint(self._share(soft_label) * 255).astype(np.uint8)]

    def blend(self, image_rgb: np.ndarray, soft_label: np.ndarray) -> np.ndarray:
        """Blend an (H, W) float map over its (H, W, 3) uint8 photo, the more the higher it is.

        So the photo is seen as it is where nothing is marked.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        cover = COVER * self._share(soft_label)[..., None]
        return np.rint((1 - cover) * image_rgb + cover * self.paint(soft_label)).astype(np.uint8)

    def _share(self, soft_label: np.ndarray) -> np.ndarray:
        """Where values lie between low and high, (H, W) float32 in [0, 1]."""
        share = (soft_label - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.clip(share, 0, 1)

    def ends(self) -> tuple[str, str]:
        """The two values, as they are shown."""
        return f"{self.low:.3g}", f"{self.high:.3g}"


def find_scale(label_set: LabelSet, sizes_hw: Mapping[str, tuple[int, int]]) -> ColourScale:
    """Find the lowest and the highest value in some maps; [0, 1] where they are all one value.

    Args:
        label_set: Has the maps.
        sizes_hw: Height and width of each image, one or more, which its map must have.

    Raises:
        UserError: Maps cannot be read or are not of the size of their images; all are told.
    """
    ends, problems = [], []
    for image_id, size_hw in track(sizes_hw.items(), f"scale of {label_set.name}", transient=True):
        try:
            soft_label = label_set.read(image_id)
        except UserError as error:
            problems.append(str(error))
            continue
        if soft_label.shape != size_hw:
            told = " and its image ".join(f"{w}x{h}" for h, w in (soft_label.shape, size_hw))
            problems.append(f"the map of {image_id} has {told} pixels")
        ends.append((float(soft_label.min()), float(soft_label.max())))
    if problems:
        raise UserError(f"{listed(problems)}; make the label set anew on these images")
    low, high = np.array(ends).T
    return ColourScale(low.min(), high.max()) if low.min() < high.max() else ColourScale(0, 1)
