"""Saliency prompts: how little a place of the image looks like the rest of it.

The features are a backend (`FeatureExtractor`); what is computed from them is SAA's (arXiv
2305.10724, section 3.2), written as matrix work.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from teacher.inference.crop_masks import CropMask


class FeatureExtractor(Protocol):
    """Turns an image into a grid of features."""

    def features(self, image_rgb: np.ndarray) -> np.ndarray:
        """Describe an image, (H, W, 3) uint8 RGB, as an (h, w, D) float32 grid."""
        ...


ORDINARY = 30.0
"""Length in L*a*b* units of what all cells have in common. Birds then reach a saliency of about 0.2
and water 0.04 to 0.1; at 10 ripples reached 0.3, where the rescoring makes weak boxes strong."""


class ColourGradientFeatures:
    """Colour and gradient features: no weights, a few milliseconds.

    Per cell of a square grid: the mean L*a*b* colour, the spread of the lightness and the strength
    of its gradient, each centred over the image, so that the cosine similarity is high
    between cells that depart from the image's average alike.
    """

    def __init__(self, grid_size: int = 32, working_size_px: int = 128) -> None:
        self.grid_size = grid_size
        self.working_size_px = working_size_px

    def features(self, image_rgb: np.ndarray) -> np.ndarray:
        """Describe an image, (H, W, 3) uint8 RGB, as a (grid, grid, 6) float32 grid."""
        size = (self.working_size_px, self.working_size_px)
        small = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        lightness = lab[..., 0]
        gradient = cv2.magnitude(
            cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1)
        )
        grid = (self.grid_size, self.grid_size)
        cells = cv2.resize(
            np.dstack([lab, gradient, lightness**2]), grid, interpolation=cv2.INTER_AREA
        )
        spread = np.sqrt(np.maximum(cells[..., 4] - cells[..., 0] ** 2, 0))
        described = np.dstack([cells[..., :4], spread])
        centred = described - np.median(described, axis=(0, 1))
        # The constant makes cells near the average all alike, instead of directions of noise.
        ordinary = np.full((*grid[::-1], 1), ORDINARY, np.float32)
        return np.dstack([centred, ordinary]).astype(np.float32)


class Saliency(Protocol):
    """Says how far each place of an image stands out."""

    def saliency(
        self, image_rgb: np.ndarray, object_masks: Sequence[CropMask] | None
    ) -> np.ndarray:
        """Judge an image, (H, W, 3) uint8 RGB.

        Args:
            image_rgb: The image.
            object_masks: Masks of the objects to compare with each other; None compares the places
                of the whole image.

        Returns:
            (h, w) float32 in [0, 1], of a size of its own.
        """
        ...


class FeatureSaliency:
    """Saliency by the similarity of features; a `Saliency`."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self.extractor = extractor

    def saliency(
        self, image_rgb: np.ndarray, object_masks: Sequence[CropMask] | None
    ) -> np.ndarray:
        """Compare the places of an image, or of its objects, on the grid of the features."""
        features = self.extractor.features(image_rgb)
        if object_masks is None:
            return self_similarity_saliency(features)
        size_hw = features.shape[:2]
        cells = [mark_cells(mask, image_rgb.shape[:2], size_hw) for mask in object_masks]
        return object_saliency(features, np.array(cells, bool).reshape(-1, *size_hw))


def mark_cells(mask: CropMask, image_hw: tuple[int, ...], grid_hw: tuple[int, ...]) -> np.ndarray:
    """Mark the cells of a grid over an image in which a mask has a pixel, or a part of one.

    Args:
        mask: In pixels of the image.
        image_hw: Size of the image.
        grid_hw: (h, w) of the grid.

    Returns:
        (h, w) bool.
    """
    if not mask.pixels.size:
        return np.zeros(grid_hw, bool)
    # Sums over rectangles of the crop, so that nothing of the size of the image is made.
    sums = cv2.integral(mask.pixels.view(np.uint8))
    height, width = mask.pixels.shape
    top, bottom = _edges(image_hw[0], grid_hw[0], mask.top, height)
    left, right = _edges(image_hw[1], grid_hw[1], mask.left, width)
    inside = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left]
    return inside + sums[top][:, left] > 0


def _edges(length: int, cells: int, start: int, stretch: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixels of the cells along a side, and those after the last, within a stretch of it."""
    bounds = np.arange(cells + 1) * length
    first, last = bounds[:-1] // cells, -(-bounds[1:] // cells)
    return np.clip(first - start, 0, stretch), np.clip(last - start, 0, stretch)


def self_similarity_saliency(features: np.ndarray, num_most_different: int = 400) -> np.ndarray:
    """Mean dissimilarity of each place to the places that it resembles least.

    Per position: 0.5 * (1 - cosine similarity) to every position, the mean of the largest 400.

    Args:
        features: (h, w, D) float32. A zero vector counts as orthogonal to all.
        num_most_different: How many of the largest count; all when there are fewer positions.

    Returns:
        (h, w) float32 in [0, 1].
    """
    height, width, _ = features.shape
    flat = _unit_vectors(features.reshape(height * width, -1))
    dissimilarity = 0.5 * (1 - flat @ flat.T)  # (h*w, h*w)
    kept = min(num_most_different, height * width)
    dissimilarity.partition(height * width - kept, axis=1)
    saliency = dissimilarity[:, height * width - kept :].mean(axis=1)
    return np.clip(saliency, 0, 1).reshape(height, width)


def object_saliency(features: np.ndarray, object_masks: np.ndarray) -> np.ndarray:
    """Dissimilarity of each place of an object to the other objects of the image.

    Per position of each object: 0.5 * (1 - best cosine similarity to the positions of all other
    objects); the maximum where objects overlap. As published, positions that the object has itself
    are blank among those of the others, so that they resemble nothing (similarity 0): an object
    that was found twice is no proof that there are two alike.

    Args:
        features: (h, w, D) float32.
        object_masks: (N, h, w) bool, on the grid of the features.

    Returns:
        (h, w) float32 in [0, 1]; 0 outside all objects, and everywhere with fewer than two.
    """
    flat = _unit_vectors(features.reshape(-1, features.shape[-1]))
    masks = object_masks.reshape(len(object_masks), len(flat))
    counts = masks.sum(axis=0)
    saliency = np.zeros(len(flat), np.float32)
    for mask in masks:
        others = counts > mask
        if mask.any() and others.any():
            blank = 0.0 if (others & mask).any() else -1.0
            best = (flat[mask] @ flat[others & ~mask].T).max(axis=1, initial=blank)
            saliency[mask] = np.maximum(saliency[mask], 0.5 * (1 - best))
    return np.clip(saliency, 0, 1).reshape(features.shape[:2])


def _unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Scale (N, D) rows to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
