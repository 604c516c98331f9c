"""The fully connected conditional random field: pixels agree with all that are near and look alike.

Krähenbühl and Koltun, Efficient inference in fully connected CRFs, NIPS 2011, for two classes.
"""

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np

from util.errors import UserError
from util.refinement.resizing import enlarge, reduce, reduce_size

LATTICE_BYTES_A_PIXEL = 500
"""Memory that a pixel takes in `infer_by_lattice`."""

BYTES_A_PAIR = 5
"""Memory that a pair of pixels takes in `infer_by_pairs`."""

_SURE = 1e-5
"""No pixel is surer than this at the start, as in pydensecrf."""

_ROWS = 512
"""Rows of the matrix of pairs that are made at once."""


Backend = Literal["auto", "pydensecrf", "mean_field"]


@dataclass(frozen=True)
class Kernels:
    """Which pairs of pixels agree, and how much that counts.

    Attributes:
        gaussian_px: How near those are that agree whatever they look like.
        gaussian_weight: How much these count.
        bilateral_px: How near those are that agree if they look alike.
        bilateral_colour: How far their colours may differ, of 255.
        bilateral_weight: How much these count.
    """

    gaussian_px: float = 3
    gaussian_weight: float = 5
    bilateral_px: float = 60
    bilateral_colour: float = 5
    bilateral_weight: float = 15


def choose_backend(asked: Backend) -> Backend:
    """Tell which of the two is used: where nothing is asked for, pydensecrf if it is installed.

    Raises:
        UserError: It is asked for and not installed.
    """
    is_there = importlib.util.find_spec("pydensecrf") is not None
    if asked == "pydensecrf" and not is_there:
        raise UserError(
            "refinement.crf_backend is 'pydensecrf', which is not installed; run pip install"
            " pydensecrf2 (it needs a C++ compiler), or set it to mean_field"
        )
    if asked == "auto":
        return "pydensecrf" if is_there else "mean_field"
    return asked


def infer_by_lattice(
    soft_label: np.ndarray,
    image_rgb: np.ndarray,
    iterations: int = 10,
    kernels: Kernels = Kernels(),
) -> np.ndarray:
    """Infer what `infer_by_pairs` does, with all pixels, approximately: by pydensecrf2.

    It takes about a second at 512 x 512, and other threads wait meanwhile.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        iterations: As there.
        kernels: As there.

    Returns:
        (H, W) float32 in [0, 1]; an empty map stays empty.
    """
    from pydensecrf.densecrf import DenseCRF2D

    if not soft_label.any():
        return soft_label.copy()
    height, width = soft_label.shape
    sure = np.clip(soft_label, _SURE, 1 - _SURE)
    field = DenseCRF2D(width, height, 2)
    field.setUnaryEnergy(-np.log(np.stack([1 - sure, sure]).reshape(2, -1)))
    field.addPairwiseGaussian(sxy=kernels.gaussian_px, compat=kernels.gaussian_weight)
    field.addPairwiseBilateral(
        sxy=kernels.bilateral_px,
        srgb=kernels.bilateral_colour,
        rgbim=np.ascontiguousarray(image_rgb),
        compat=kernels.bilateral_weight,
    )
    inferred = np.array(field.inference(iterations), np.float32)[1]
    return np.clip(inferred.reshape(height, width), 0, 1)


def infer_by_pairs(
    soft_label: np.ndarray,
    image_rgb: np.ndarray,
    iterations: int = 10,
    kernels: Kernels = Kernels(),
    side_px: int = 64,
) -> np.ndarray:
    """Infer the map by mean field, from the sums over all pairs of pixels of a reduced image.

    With two kernels of pairs i, j, k = exp(-|(x_i - x_j) / px|^2 / 2), one of them times
    exp(-|(I_i - I_j) / colour|^2 / 2), for places x and colours I, each with a weight w and divided
    by the roots of both pixels' sums of k, the map p becomes

        q <- sigmoid(logit p + sum of w k (2 q - 1))

    some times over, from q = p. The sums, which are smooth, are found on the reduced image and
    enlarged; they are added to the whole map at last.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        iterations: How often.
        kernels: The pairs, in pixels of the whole image.
        side_px: Longer side of the reduced image; it takes 5 side_px^4 bytes and as much time.

    Returns:
        (H, W) float32 in [0, 1]; an empty map stays empty.
    """
    if not soft_label.any():
        return soft_label.copy()
    height, width = soft_label.shape
    small_hw = reduce_size((height, width), side_px)
    scale = max(small_hw) / max(height, width)
    label = reduce(soft_label, small_hw)
    across = [_spread(side, kernels.gaussian_px * scale) for side in small_hw]
    small = reduce(image_rgb, small_hw)
    pairs = _pair(small, kernels.bilateral_px * scale, kernels.bilateral_colour)
    share = 1 / np.sqrt(pairs.sum(axis=1))
    inferred = label
    for _ in range(iterations):
        votes = 2 * inferred - 1
        by_colour = (share * (pairs @ (share * votes.ravel()))).reshape(small_hw)
        sums = kernels.bilateral_weight * by_colour
        sums += kernels.gaussian_weight * (across[0] @ votes @ across[1])
        inferred = _sigmoid(_logit(label) + sums)
    return _sigmoid(_logit(soft_label) + enlarge(sums, (height, width)))


def _spread(side: int, sigma_px: float) -> np.ndarray:
    """Make the Gaussian of all pairs of places on a line, divided by the roots of both sums."""
    places = np.arange(side)
    kernel = np.exp(-(((places[:, None] - places) / sigma_px) ** 2) / 2)
    roots = np.sqrt(kernel.sum(axis=1))
    return np.asarray(kernel / roots / roots[:, None], np.float32)


def _pair(image_rgb: np.ndarray, near_px: float, colour: float) -> np.ndarray:
    """Make the bilateral kernel of all pairs of pixels, (N, N) float32."""
    height, width = image_rgb.shape[:2]
    places = np.indices((height, width)).reshape(2, -1).T / near_px
    features = np.hstack([places, image_rgb.reshape(-1, 3) / colour])
    squares = (features**2).sum(axis=1)
    pairs = np.empty((len(features), len(features)), np.float32)
    for top in range(0, len(features), _ROWS):
        rows = slice(top, top + _ROWS)
        products = features[rows] @ features.T
        np.exp(products - (squares[rows, None] + squares) / 2, out=pairs[rows], casting="same_kind")
    return pairs


def _logit(soft_label: np.ndarray) -> np.ndarray:
    sure = np.clip(soft_label, _SURE, 1 - _SURE)
    return np.log(sure / (1 - sure))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
