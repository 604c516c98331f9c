"""What maps are judged beside: rules that know nothing of anomalies, and maps of other images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from analysis.evaluation.pixels import Maps
from util.data_classes import BoxSettings
from util.images.files import image_size_hw, read_image
from util.images.identity import ImageIdentity
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
class Baseline:
    """`Maps` that are made anew whenever one is read.

    Attributes:
        name: Of the rule, or of the label set that is shuffled.
        folder: Of the images, or of the label set.
        box_settings: The usual ones, or those of the label set.
        read: Makes the map of an image by its id.
        chosen_on: No image.
    """

    name: str
    folder: Path
    box_settings: BoxSettings
    read: Callable[[str], np.ndarray]
    chosen_on: frozenset[ImageIdentity] = frozenset()


def follow_rule(name: str, image_paths: Mapping[str, Path], image_id: str) -> np.ndarray:
    """Make the map of an image by a rule, (H, W) float32 in [0, 1].

    Raises:
        UserError: The image cannot be read.
    """
    return RULES[name](read_image(image_paths[image_id]))


def read_other(
    maps: Maps, other: Mapping[str, str], image_paths: Mapping[str, Path], image_id: str
) -> np.ndarray:
    """Read the map of another image in the size of this one, (H, W) float32 in [0, 1].

    What is left of a score of such maps is layout.

    Args:
        maps: Of a label set.
        other: Whose map each image gets, by id.
        image_paths: Of the images, by id.
        image_id: Of this image.

    Raises:
        UserError: A file cannot be read.
    """
    height, width = image_size_hw(image_paths[image_id])
    return cv2.resize(maps.read(other[image_id]), (width, height))


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
        f"({name})": Baseline(name, folder, usual, partial(follow_rule, name, image_paths))
        for name in RULES
    }
    if len(image_ids) < 2:
        return {**rules}
    other = rotate(image_ids)
    shuffled = {
        f"{name} (shuffled)": Baseline(
            one.name, one.folder, one.box_settings, partial(read_other, one, other, image_paths)
        )
        for name, one in judged.items()
    }
    return {**rules, **shuffled}
