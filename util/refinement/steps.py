"""The steps by their names, and what they take."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from util.config import RefinementSection
from util.refinement import dense_crf, guided_filter, par, random_walk
from util.refinement.merging import merge_masks
from util.refinement.resizing import reduce_size
from util.refinement.stretching import stretch_values

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Makes a map, (H, W) float32 in [0, 1], of one and its image, (H, W, 3) uint8 RGB."""


def build_steps(
    settings: RefinementSection, read_masks: Callable[[], Iterable[np.ndarray]]
) -> list[Step]:
    """Make the steps of a refinement, in their order; trimap is none, as it makes more than a map.

    Args:
        settings: Of it; refinement.crf_backend is not auto.
        read_masks: Gives the masks of things in the image, (H, W) bool each, for sepl.
    """
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
        "crf": _build_crf(settings),
        "random_walk": partial(
            random_walk.walk_randomly,
            beta=settings.random_walk_beta,
            doublings=settings.random_walk_doublings,
            side_px=settings.random_walk_side_px,
        ),
        "stretch": lambda soft_label, _: stretch_values(
            soft_label, settings.stretch_low, settings.stretch_high
        ),
        "sepl": lambda soft_label, _: merge_masks(
            soft_label, read_masks(), settings.sepl_threshold, settings.sepl_largest
        ),
    }
    return [steps[name] for name in settings.steps if name != "trimap"]


def _build_crf(settings: RefinementSection) -> Step:
    kernels = dense_crf.Kernels(
        settings.crf_gaussian_px,
        settings.crf_gaussian_weight,
        settings.crf_bilateral_px,
        settings.crf_bilateral_colour,
        settings.crf_bilateral_weight,
    )
    if settings.crf_backend == "pydensecrf":
        return partial(
            dense_crf.infer_by_lattice, iterations=settings.crf_iterations, kernels=kernels
        )
    return partial(
        dense_crf.infer_by_pairs,
        iterations=settings.crf_iterations,
        kernels=kernels,
        side_px=settings.crf_side_px,
    )


def apply_steps(steps: Sequence[Step], image_rgb: np.ndarray, soft_label: np.ndarray) -> np.ndarray:
    """Apply steps to a map, one after another: (H, W) float32 in [0, 1].

    An empty map, as that of a frame without smoke is, stays empty in every step, so none is done.
    """
    if not soft_label.any():
        return soft_label
    for step in steps:
        soft_label = step(soft_label, image_rgb)
    return soft_label


def step_bytes(settings: RefinementSection, size_hw: tuple[int, int]) -> int:
    """Memory that the hungriest of the steps takes on an image of a size."""

    def reduced_px(side_px: int) -> int:
        return math.prod(reduce_size(size_hw, side_px))

    costs = {
        "par": reduced_px(settings.par_side_px) * par.BYTES_A_PIXEL,
        "guided_filter": guided_filter.band_bytes(size_hw, settings.guided_filter_radius_px),
        "crf": reduced_px(settings.crf_side_px) ** 2 * dense_crf.BYTES_A_PAIR,
        "random_walk": reduced_px(settings.random_walk_side_px) * random_walk.BYTES_A_PIXEL,
    }
    if settings.crf_backend == "pydensecrf":
        costs["crf"] = math.prod(size_hw) * dense_crf.LATTICE_BYTES_A_PIXEL
    return max(costs.get(name, 0) for name in settings.steps)
