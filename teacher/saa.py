"""Segment-Any-Anomaly (arXiv 2305.10724): boxes, masks and saliency into a map of anomaly.

The algorithm alone, over Protocols for detector, segmenter and features; it never knows which
models run. Departures from the published code, and why:

- All images are RGB; the published code hands its segmenter BGR.
- The property prompt is numbers (`SaaSettings`), not the word positions of an English sentence.
- Several objects are compared on the grid of the features; published is a size of 1024.
- Encoders run once an image for all prompts, and a box that several prompts find is outlined once.
- A box is dropped as background when its phrase contains the object prompt as words; published is
  a search for letters, which drops every "seagull" over the sea.
- The default map has a fixed scale in [0, 1] (see `fixed_scale_map`), so that the maps of several
  images and prompts can be compared and averaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from teacher.crop_masks import CropMask, resize_mask
from teacher.detectors import Detections, Detector
from teacher.findings import Finding, Rejection
from teacher.prompts import prompt_to_phrases
from teacher.saliency import Saliency
from teacher.segmenters import Segmenter

VERSION = 1
"""Counts up whenever the same settings give other maps, here or in an embedded backend."""

SALIENCY_GAIN = 3.0
"""The 3 in score * exp(3 * saliency)."""

SHOWN_REJECTIONS = 10
"""How many of the boxes that do not count are told."""

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
        outline_above: Boxes above this score are outlined even where they do not count, so that a
            segmenter that remembers can answer for lower thresholds later; 1 = no others.
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
    outline_above: float = 1.0


@dataclass(frozen=True)
class Candidates:
    """The boxes that a detector offers for one prompt, its phrases pooled.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels.
        scores: (N,) float32 in [0, 1].
        phrases: (N,) str, what each box reads as.
        reasons: (N,) str, why a box does not count; '' for those that do.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    phrases: np.ndarray
    reasons: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(N,) bool, whether a box passes all thresholds."""
        return self.reasons == ""

    def rejections(self, scale_xyxy: np.ndarray) -> tuple[Rejection, ...]:
        """The best boxes that do not count, scaled to the image."""
        rejected = np.flatnonzero(~self.counts)
        best = rejected[np.argsort(-self.scores[rejected], kind="stable")[:SHOWN_REJECTIONS]]
        return tuple(
            Rejection(
                self.boxes_xyxy[i] * scale_xyxy,
                float(self.scores[i]),
                self.phrases[i],
                self.reasons[i],
            )
            for i in best
        )


class SegmentAnyAnomaly:
    """A teacher: images and prompts in, one soft label a prompt out; a `Teacher`."""

    def __init__(
        self,
        detector: Detector,
        segmenter: Segmenter,
        saliency: Saliency,
        settings: SaaSettings,
    ) -> None:
        self.detector = detector
        self.segmenter = segmenter
        self.saliency = saliency
        self.settings = settings

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        """Answer all prompts about one image.

        Args:
            image_rgb: (H, W, 3) uint8.
            prompts: What to look for; the phrases of a prompt, split at `|`, are pooled.

        Returns:
            One finding a prompt, in order.
        """
        image = shrink_to(image_rgb, self.settings.working_size_px)
        answers = self._detect(image, prompts)
        objects = self._object_boxes(answers[self.settings.object_prompt], image.shape[:2])
        largest = relative_areas(objects, image.shape[:2]).max(initial=0.0) or 1.0
        found = [
            self._candidates([answers[p] for p in prompt_to_phrases(prompt)], image, largest)
            for prompt in prompts
        ]
        outlines, object_masks = self._outline(image, found, objects)
        saliency = self._saliency(image, object_masks)
        return (
            self._finding(candidates, masks, saliency, image_rgb.shape[:2])
            for candidates, masks in zip(found, outlines, strict=True)
        )

    def _detect(self, image: np.ndarray, prompts: Sequence[str]) -> dict[str, Detections]:
        """Ask for the object prompt and every phrase, each once."""
        asked = [phrase for prompt in prompts for phrase in prompt_to_phrases(prompt)]
        phrases = list(dict.fromkeys([self.settings.object_prompt, *asked]))
        encoding = self.detector.encode(image)
        return dict(zip(phrases, self.detector.detect(encoding, phrases), strict=True))

    def _object_boxes(self, detections: Detections, size_hw: tuple[int, ...]) -> np.ndarray:
        """Step 1: the (N, 4) boxes of the normal scene's objects."""
        areas = relative_areas(detections.boxes_xyxy, size_hw)
        kept = (detections.scores > self.settings.box_threshold) & (areas > 0)
        return detections.boxes_xyxy[kept & (areas < 1 / self.settings.object_number)]

    def _candidates(
        self, answers: Sequence[Detections], image: np.ndarray, object_area: float
    ) -> Candidates:
        """Steps 2 and 3: filter the boxes of one prompt by score, area, and what they read as."""
        settings = self.settings
        boxes = np.concatenate([answer.boxes_xyxy for answer in answers])
        scores = np.concatenate([answer.scores for answer in answers])
        phrases = [p for answer in answers for p in answer.phrases(settings.text_threshold)]
        areas = relative_areas(boxes, image.shape[:2])
        is_object = [contains_words(phrase, settings.object_prompt) for phrase in phrases]
        reasons = np.select(
            [
                scores <= settings.box_threshold,
                areas <= settings.min_area,
                areas >= object_area * settings.area_threshold,
                np.array(is_object, bool),
            ],
            ["low score", "too small", "too large", settings.object_prompt],
            default="",
        )
        return Candidates(boxes, scores, np.array(phrases, str), reasons)

    def _outline(
        self, image: np.ndarray, found: Sequence[Candidates], object_boxes: np.ndarray
    ) -> tuple[list[list[CropMask]], list[CropMask] | None]:
        """Masks of the boxes that count, for each prompt; and of the objects, if several.

        All different boxes are outlined together, each once; no boxes need no segmenter.
        """
        settings = self.settings
        wanted = [np.flatnonzero(c.counts | (c.scores > settings.outline_above)) for c in found]
        asked = [c.boxes_xyxy[index] for c, index in zip(found, wanted, strict=True)]
        asked.append(object_boxes if settings.object_number > 1 else object_boxes[:0])
        unique, inverse = np.unique(np.concatenate(asked), axis=0, return_inverse=True)
        encoding = self.segmenter.encode(image) if len(unique) else None
        masks = self.segmenter.segment(encoding, unique) if len(unique) else []
        *groups, objects = np.split(inverse.reshape(-1), np.cumsum([len(a) for a in asked])[:-1])
        outlines = [
            [masks[i] for i in group[c.counts[index]]]
            for c, index, group in zip(found, wanted, groups, strict=True)
        ]
        return outlines, [masks[i] for i in objects] if settings.object_number > 1 else None

    def _saliency(self, image: np.ndarray, object_masks: list[CropMask] | None) -> np.ndarray:
        """Step 4: the (H, W) saliency in [0, 1] of the image, or of its objects if several."""
        grid = self.saliency.saliency(image, object_masks)
        return cv2.resize(grid, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _finding(
        self,
        candidates: Candidates,
        masks: list[CropMask],
        saliency: np.ndarray,
        size_hw: tuple[int, ...],
    ) -> Finding:
        """Steps 5 and 6: rescore by saliency, keep the best masks, lay them over each other."""
        rescore, lay_out = _RULES[self.settings.map_rule]
        scores = candidates.scores[candidates.counts]
        gains = np.exp(SALIENCY_GAIN * means_inside(masks, saliency))
        rescored = rescore(scores, gains)
        best = np.argsort(-rescored, kind="stable")[: self.settings.max_masks]
        small = lay_out([masks[i] for i in best], rescored[best], saliency.shape)
        if self.settings.stretch_each_image:
            small = stretch(small)
        height, width = size_hw
        scale_xyxy = np.tile(np.array([width, height]) / saliency.shape[::-1], 2)
        return Finding(
            cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR),
            candidates.boxes_xyxy[candidates.counts][best] * scale_xyxy,
            scores[best],
            candidates.phrases[candidates.counts][best].tolist(),
            [resize_mask(masks[i], saliency.shape, (height, width)) for i in best],
            saliency,
            candidates.rejections(scale_xyxy),
        )


def means_inside(masks: Sequence[CropMask], saliency: np.ndarray) -> np.ndarray:
    """(N,) mean of an (H, W) map inside each of N masks; 0 for an empty one."""
    inside = [saliency[mask.place][mask.pixels] for mask in masks]
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


def fixed_scale_map(
    masks: Sequence[CropMask], scores: np.ndarray, size_hw: tuple[int, ...]
) -> np.ndarray:
    """Mean score of the masks that cover a pixel, 0 where none does.

    The published rule without the 1 in its divisor, which halves the score of a pixel under a
    single mask.

    Args:
        masks: N masks.
        scores: (N,) in [0, 1].
        size_hw: Size of the map.

    Returns:
        (H, W) float32 in [0, 1].
    """
    total, count = _cover(masks, scores, size_hw)
    return total / np.maximum(count, 1)


def published_map(
    masks: Sequence[CropMask], scores: np.ndarray, size_hw: tuple[int, ...]
) -> np.ndarray:
    """Sum of the covering masks' scores / (1 + their number), as published.

    Divided by exp(3), which it cannot exceed, so that a file on the scale [0, 1] can hold it.
    Arguments and result as for `fixed_scale_map`, with scores in [0, exp(3)].
    """
    total, count = _cover(masks, scores, size_hw)
    return (total / (1 + count) / np.exp(SALIENCY_GAIN)).astype(np.float32)


_RULES = {
    "fixed_scale": (evidence_scores, fixed_scale_map),
    "published": (published_scores, published_map),
}


def _cover(
    masks: Sequence[CropMask], scores: np.ndarray, size_hw: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) float32 sum of the scores, and number, of the masks that cover each pixel."""
    total = np.zeros(size_hw, np.float32)
    count = np.zeros(size_hw, np.float32)
    for mask, score in zip(masks, scores, strict=True):
        total[mask.place][mask.pixels] += score
        count[mask.place][mask.pixels] += 1
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


def relative_areas(boxes_xyxy: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
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
