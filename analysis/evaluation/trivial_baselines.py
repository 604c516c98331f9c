"""What maps are judged beside: rules that know nothing of anomalies, and maps of other images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from analysis.evaluation.pixels import Maps
from util.data_classes import BoxSettings
from util.images.files import image_size_hw, read_image
from util.metrics.pixelwise.trivial_maps import (
    central_colour_distance,
    centre_prior,
    spectral_residual,
)

RULES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "centre prior": lambda image_rgb: centre_prior(image_rgb.shape[:2]),
    "colour distance x centre": central_colour_distance,
    "spectral residual": spectral_residual,
}
"""Each makes the map of an image, (H, W) float32 in [0, 1], of the image alone."""


@dataclass(frozen=True, eq=False)
class RuleMaps:
    """Maps of a rule, made anew whenever one is read.

    Attributes:
        name: Of the rule.
        folder: Of the images.
        rule: Makes the map of an image, (H, W, 3) uint8 RGB.
        image_paths: Of the images, by id.
        box_settings: The usual ones.
        chosen_on: No image.
    """

    name: str
    folder: Path
    rule: Callable[[np.ndarray], np.ndarray]
    image_paths: Mapping[str, Path]
    box_settings: BoxSettings
    chosen_on: frozenset[str] = frozenset()

    def read(self, image_id: str) -> np.ndarray:
        """Make the map of an image, (H, W) float32 in [0, 1].

        Raises:
            UserError: The image cannot be read.
        """
        return self.rule(read_image(self.image_paths[image_id]))


@dataclass(frozen=True, eq=False)
class ShuffledMaps:
    """Maps of a label set, each given to another image: what is left of a score is layout.

    Attributes:
        name: Of the label set.
        folder: Of the label set.
        maps: The label set.
        image_paths: Of the images, by id.
        other: Whose map each image gets, by id.
        box_settings: Those of the label set.
        chosen_on: No image.
    """

    name: str
    folder: Path
    maps: Maps
    image_paths: Mapping[str, Path]
    other: Mapping[str, str]
    box_settings: BoxSettings
    chosen_on: frozenset[str] = frozenset()

    def read(self, image_id: str) -> np.ndarray:
        """Read the map of the other image, (H, W) float32 in [0, 1], in the size of this image.

        Raises:
            UserError: A file cannot be read.
        """
        height, width = image_size_hw(self.image_paths[image_id])
        return cv2.resize(self.maps.read(self.other[image_id]), (width, height))


def rotate(image_ids: Sequence[str]) -> dict[str, str]:
    """Give each image another one: that half of the sorted list further on.

    Frames of a video that lie beside each other would be no control.

    Returns:
        An id for each, all of them once; none is its own unless it is the only one.
    """
    ids = sorted(image_ids)
    half = len(ids) // 2
    return dict(zip(ids, ids[half:] + ids[:half], strict=True))


def build_baselines(
    judged: Mapping[str, Maps],
    image_ids: Sequence[str],
    image_paths: Mapping[str, Path],
    folder: Path,
) -> dict[str, Maps]:
    """Build what label sets are judged beside.

    Args:
        judged: The label sets, by name.
        image_ids: On which they are judged.
        image_paths: Of all images, by id.
        folder: Of the images.

    Returns:
        The maps of each rule as `(RULE)`, then those of each label set for other images as
        `NAME (shuffled)`; the latter need two images at least.
    """
    usual = BoxSettings()
    rules = {
        f"({name})": RuleMaps(name, folder, rule, image_paths, usual)
        for name, rule in RULES.items()
    }
    if len(image_ids) < 2:
        return {**rules}
    other = rotate(image_ids)
    shuffled = {
        f"{name} (shuffled)": ShuffledMaps(
            one.name, one.folder, one, image_paths, other, one.box_settings
        )
        for name, one in judged.items()
    }
    return {**rules, **shuffled}
