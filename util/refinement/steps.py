"""The steps by their names, and what they take."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from util.config import RefinementSection
from util.refinement import guided_filter, par
from util.refinement.resizing import reduce_size

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Makes a map, (H, W) float32 in [0, 1], of one and its image, (H, W, 3) uint8 RGB."""


def build_steps(settings: RefinementSection) -> list[Step]:
    """Make the steps of a refinement, in their order."""
    steps: dict[str, Step] = {
        "par": partial(
            par.refine_by_neighbours,
            iterations=settings.par_iterations,
            side_px=settings.par_side_px,
        ),
        "guided_filter": partial(
            guided_filter.filter_guided,
            radius_px=settings.guided_filter_radius_px,
            epsilon=settings.guided_filter_epsilon,
        ),
    }
    return [steps[name] for name in settings.steps]


def apply_steps(steps: Sequence[Step], soft_label: np.ndarray, image_rgb: np.ndarray) -> np.ndarray:
    """Apply steps to a map, one after another: (H, W) float32 in [0, 1]."""
    for step in steps:
        soft_label = step(soft_label, image_rgb)
    return soft_label


def step_bytes(settings: RefinementSection, size_hw: tuple[int, int]) -> int:
    """Memory that the hungriest of the steps takes on an image of a size."""
    height, width = reduce_size(size_hw, settings.par_side_px)
    costs = {"par": height * width * par.BYTES_A_PIXEL, "guided_filter": guided_filter.BAND_BYTES}
    return max(costs[name] for name in settings.steps)
