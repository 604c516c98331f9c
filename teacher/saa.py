"""Segment-Any-Anomaly (arXiv 2305.10724): boxes, masks and saliency into a map of anomaly.

The algorithm alone, over Protocols for detector, segmenter and features; it never knows which
models run. Departures from the published code, and why:

- All images are RGB; the published code hands its segmenter BGR.
- The property prompt is numbers (`SaaSettings`), not the word positions of an English sentence.
- Encoders run once an image for all prompts, and a box that several prompts find is outlined once.
- A box is dropped as background when its phrase contains the object prompt as words; published is
  a search for letters, which drops every "seagull" over the sea.
- The default map has a fixed scale in [0, 1] (see `fixed_scale_map`), so that the maps of several
  images and prompts can be compared and averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from teacher.detectors import Detections, Detector
from teacher.prompts import prompt_to_phrases
from teacher.saliency import FeatureExtractor, object_saliency, self_similarity_saliency
from teacher.segmenters import Segmenter

VERSION = 1
"""Counts up whenever the same settings give other maps, here or in an embedded backend."""

SALIENCY_GAIN = 3.0
"""The 3 in score * exp(3 * saliency)."""

MapRule = Literal["fixed_scale", "published"]


@dataclass(frozen=True)
class SaaSettings:
    """The numbers of the algorithm. The defaults are those of the thesis but for the map rule.

    Attributes:
        object_prompt: The normal scene ("sea"); boxes whose phrase contains it are dropped.
        object_number: How many objects the scene has; 1 = the scene as a whole.
        box_threshold: A box counts when its score is above this.
        text_threshold: A word belongs to the phrase of a box when its score is above this.
        min_area: Smallest relative area of an anomaly's box, exclusive.
        area_threshold: Largest relative area of an anomaly's box, as a share of the object's.
        max_masks: How many masks of highest score enter the map (the thesis's k).
        map_rule: `fixed_scale` or `published`.
        stretch_each_image: Stretch every map to its own minimum and maximum, as the thesis stores
            them. Maps are then no longer comparable between images.
        working_size_px: Longest side that the models see; 0 = the image as it is.
    """

    object_prompt: str = "sea"
    object_number: int = 1
    box_threshold: float = 0.1
    text_threshold: float = 0.1
    min_area: float = 0.0
    area_threshold: float = 0.05
    max_masks: int = 20
    map_rule: MapRule = "fixed_scale"
    stretch_each_image: bool = False
    working_size_px: int = 0


class SegmentAnyAnomaly:
    """A teacher: images and prompts in, one soft label a prompt out."""

    def __init__(
        self,
        detector: Detector,
        segmenter: Segmenter,
        extractor: FeatureExtractor,
        settings: SaaSettings,
    ) -> None:
        self.detector = detector
        self.segmenter = segmenter
        self.extractor = extractor
        self.settings = settings

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> list[np.ndarray]:
        """Answer all prompts about one image.

        Args:
            image_rgb: (H, W, 3) uint8.
            prompts: What to look for; the phrases of a prompt, split at `|`, are pooled.

        Returns:
            One (H, W) float32 map in [0, 1] a prompt, in order; all zero where nothing is found.
        """
        height, width = image_rgb.shape[:2]
        image = shrink_to(image_rgb, self.settings.working_size_px)
        detector_encoding = self.detector.encode(image)
        segmenter_encoding = self.segmenter.encode(image)

        object_boxes = self._object_boxes(image, detector_encoding)
        largest = relative_areas(object_boxes, image.shape[:2]).max(initial=0.0) or 1.0
        found = self._anomaly_boxes(image, detector_encoding, prompts, largest)
        masks, indices = self._outline(segmenter_encoding, [boxes for boxes, _ in found])
        saliency = self._saliency(image, segmenter_encoding, object_boxes)
        gains = np.exp(SALIENCY_GAIN * means_inside(masks, saliency))

        maps = []
        for (_, scores), index in zip(found, indices, strict=True):
            soft_label = self._map(masks, index, scores, gains[index])
            maps.append(cv2.resize(soft_label, (width, height), interpolation=cv2.INTER_LINEAR))
        return maps

    def _object_boxes(self, image: np.ndarray, encoding: object) -> np.ndarray:
        """Step 1: the (N, 4) boxes of the normal scene's objects."""
        (detections,) = self.detector.detect(encoding, [self.settings.object_prompt])
        areas = relative_areas(detections.boxes_xyxy, image.shape[:2])
        kept = (detections.scores > self.settings.box_threshold) & (areas > 0)
        return detections.boxes_xyxy[kept & (areas < 1 / self.settings.object_number)]

    def _anomaly_boxes(
        self, image: np.ndarray, encoding: object, prompts: Sequence[str], object_area: float
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Steps 2 and 3: for each prompt the (N, 4) boxes and their (N,) scores, phrases pooled."""
        phrases = [prompt_to_phrases(prompt) for prompt in prompts]
        flat = [phrase for group in phrases for phrase in group]
        answers = iter(self.detector.detect(encoding, flat))
        found = []
        for group in phrases:
            kept = [self._keep(next(answers), image.shape[:2], object_area) for _ in group]
            found.append(
                (np.concatenate([boxes for boxes, _ in kept]), np.concatenate([s for _, s in kept]))
            )
        return found

    def _keep(
        self, detections: Detections, size_hw: tuple[int, int], object_area: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Filter the boxes of one phrase by score, area, and what they read as."""
        settings = self.settings
        areas = relative_areas(detections.boxes_xyxy, size_hw)
        is_anomaly = [
            not contains_words(phrase, settings.object_prompt)
            for phrase in detections.phrases(settings.text_threshold)
        ]
        kept = (
            (detections.scores > settings.box_threshold)
            & (areas > settings.min_area)
            & (areas < object_area * settings.area_threshold)
            & np.array(is_anomaly, bool)
        )
        return detections.boxes_xyxy[kept], detections.scores[kept]

    def _outline(
        self, encoding: object, boxes: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """(N, H, W) masks of all different boxes, and for each prompt which of them are its own."""
        unique, index = np.unique(np.concatenate(boxes), axis=0, return_inverse=True)
        splits = np.cumsum([len(b) for b in boxes])[:-1]
        return self.segmenter.segment(encoding, unique), np.split(index.reshape(-1), splits)

    def _saliency(
        self, image: np.ndarray, encoding: object, object_boxes: np.ndarray
    ) -> np.ndarray:
        """Step 4: the (H, W) saliency in [0, 1] of the image, or of its objects if several."""
        features = self.extractor.features(image)
        if self.settings.object_number == 1:
            saliency = self_similarity_saliency(features)
        else:
            grid = features.shape[:2]
            masks = self.segmenter.segment(encoding, object_boxes)
            small = [cv2.resize(m.astype(np.uint8), grid[::-1]) > 0 for m in masks]
            saliency = object_saliency(features, np.array(small, bool).reshape(-1, *grid))
        return cv2.resize(saliency, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _map(
        self, masks: np.ndarray, index: np.ndarray, scores: np.ndarray, gains: np.ndarray
    ) -> np.ndarray:
        """Steps 5 and 6: rescore by saliency, keep the best masks, and lay them over each other."""
        make_scores, make_map = _RULES[self.settings.map_rule]
        rescored = make_scores(scores, gains)
        best = np.argsort(-rescored, kind="stable")[: self.settings.max_masks]
        soft_label = make_map(masks[index[best]], rescored[best])
        return stretch(soft_label) if self.settings.stretch_each_image else soft_label


def means_inside(masks: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """(N,) mean of an (H, W) map inside each of (N, H, W) bool masks; 0 for an empty one."""
    flat = saliency.reshape(-1)
    inside = [flat[np.flatnonzero(mask)] for mask in masks]
    return np.array([values.mean() if len(values) else 0.0 for values in inside])


def evidence_scores(scores: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Raise scores by a gain without leaving [0, 1]: 1 - (1 - score) ** gain.

    The gain multiplies the evidence -log(1 - score). For small scores this is the published
    score * gain; a gain of 1 changes nothing.
    """
    return 1 - (1 - np.clip(scores, 0, 1)) ** gains


def published_scores(scores: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The published score * exp(3 * saliency), in [0, exp(3)]."""
    return scores * gains


def fixed_scale_map(masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mean score of the masks that cover a pixel, 0 where none does.

    The published rule without the 1 in its divisor, which halves the score of a pixel under a
    single mask.

    Args:
        masks: (N, H, W) bool.
        scores: (N,) in [0, 1].

    Returns:
        (H, W) float32 in [0, 1].
    """
    total, count = _cover(masks, scores)
    return total / np.maximum(count, 1)


def published_map(masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Sum of the covering masks' scores / (1 + their number), as published.

    Divided by exp(3), which it cannot exceed, so that a file on the scale [0, 1] can hold it.
    Arguments and result as for `fixed_scale_map`, with scores in [0, exp(3)].
    """
    total, count = _cover(masks, scores)
    return (total / (1 + count) / np.exp(SALIENCY_GAIN)).astype(np.float32)


_RULES = {
    "fixed_scale": (evidence_scores, fixed_scale_map),
    "published": (published_scores, published_map),
}


def _cover(masks: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) float32 sum of the scores, and number, of the masks that cover each pixel."""
    total = np.zeros(masks.shape[1:], np.float32)
    count = np.zeros(masks.shape[1:], np.float32)
    for mask, score in zip(masks, scores, strict=True):
        pixels = np.flatnonzero(mask)  # masks are small: several times as fast as a bool index
        total.reshape(-1)[pixels] += score
        count.reshape(-1)[pixels] += 1
    return total, count


def stretch(soft_label: np.ndarray) -> np.ndarray:
    """Stretch a map to its own minimum and maximum; a constant map becomes 0."""
    lowest, highest = soft_label.min(), soft_label.max()
    if highest == lowest:
        return np.zeros_like(soft_label)
    return (soft_label - lowest) / (highest - lowest)


def contains_words(phrase: str, words: str) -> bool:
    """Tell whether a phrase contains words as words, whatever their case: "sea bird" has "sea"."""
    return f" {words.lower().strip()} " in f" {phrase.lower()} "


def relative_areas(boxes_xyxy: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """(N,) share of the image's area that each of (N, 4) boxes has."""
    widths, heights = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).T
    return widths * heights / (size_hw[0] * size_hw[1])


def shrink_to(image_rgb: np.ndarray, longest_px: int) -> np.ndarray:
    """Resize an image so that its longest side has `longest_px` pixels; 0 leaves it as it is."""
    height, width = image_rgb.shape[:2]
    if longest_px == 0 or max(height, width) == longest_px:
        return image_rgb
    scale = longest_px / max(height, width)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image_rgb, size_wh, interpolation=method)
