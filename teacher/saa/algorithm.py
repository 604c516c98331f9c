"""Segment-Any-Anomaly (arXiv 2305.10724): boxes, masks and saliency into a map of anomaly.

The algorithm alone, over Protocols for detector, segmenter and features; it never knows which
models run. Departures from the published code (caoyunkang/Segment-Any-Anomaly), and why:

- All images are RGB; the published code hands its segmenter BGR. `working_size_px` keeps the
  proportions of the image.
- The property prompt is numbers (`SaaSettings`), not the word positions of an English sentence.
- Boxes are clipped to the image before their areas are judged; published are the boxes as
  predicted, which may reach beyond it.
- An object of the scene gives its area only where it is there: with a score above 0.35,
  of a phrase that the detector understands, and for one object (`object_number` 1) also as the
  whole image. Published is any box above the threshold for anomalies, but none of the whole image;
  so a box that hardly is an object makes every anomaly too large.
- A box is dropped as background when its phrase contains the object prompt as words; published is
  a search for letters, which drops every "seagull" over the sea.
- Encoders run once an image for all prompts, and what they say is kept in half precision. A box
  that several prompts find is outlined once, and a phrase that a prompt has twice is asked once.
- Several objects are compared on the grid of the features of the whole image (published: of the
  image at a size of 1024), where an object has each cell in which it has a pixel (published: the
  pixel in the middle of the cell). Where fewer than two are found saliency is 0, and said to be;
  the published code stops there.
- The features of wide_resnet50_2 are smoothed; see `teacher.saa.wide_resnet`.
- Among masks of equal score, those of the first phrase come first; published is any order.
- The map has the size of the image. By default it has a fixed scale in [0, 1], and a published map
  is brought to [0, 1) without a change of order (see `teacher.saa.map_rules`), so that the maps of
  several images and prompts can be compared and averaged.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from teacher.findings import Finding, Rejection, Scene
from teacher.inference.crop_masks import CropMask, resize_mask
from teacher.saa.detectors import Detections, Detector
from teacher.saa.map_rules import MapRule, lay_out, means_inside, rescore, stretch, to_unit
from teacher.saa.saliency import Saliency
from teacher.saa.scene import find_remarks, find_scene, relative_areas
from teacher.saa.segmenters import Segmenter
from util.images.scaling import scale_image
from util.prompts import prompt_to_phrases
from util.words import split_words

logger = logging.getLogger(__name__)

VERSION = 3
"""Counts up whenever the same settings give other maps, here or in an embedded backend."""

SHOWN_REJECTIONS = 10
"""So many of the boxes that do not count are told at most, those of the highest scores."""


@dataclass(frozen=True)
class SaaSettings:
    """The numbers of the algorithm, by default those of the thesis but for map rule and area.

    Attributes:
        object_prompt: The normal scene ("sea"); boxes whose phrase contains it are dropped.
        object_number: How many objects the scene has; 1 = the scene as a whole. With more, those
            that take less than 1 / number of the image are compared with each other, which makes
            saliency 0 in an image with fewer than two.
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
    area_threshold: float = 1.0
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
        self._told: set[str] = set()

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
        scene = self._find_scene(answers, image.shape[:2])
        found = [
            self._candidates([answers[p] for p in prompt_to_phrases(prompt)], image, scene.area)
            for prompt in prompts
        ]
        outlines, object_masks = self._outline(image, found, scene)
        remarks = find_remarks(scene, self.settings.object_number, object_masks)
        self._tell(remarks)
        scene = replace(scene, remarks=remarks)
        saliency = self._saliency(image, object_masks)
        return (
            self._finding(candidates, masks, saliency, scene, image_rgb.shape[:2])
            for candidates, masks in zip(found, outlines, strict=True)
        )

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts that the detector cannot read, whatever the image; see `Teacher`."""
        self.detector.check_phrases(self._phrases(prompts))

    def _phrases(self, prompts: Sequence[str]) -> list[str]:
        """The object prompt and every phrase, each once."""
        asked = [phrase for prompt in prompts for phrase in prompt_to_phrases(prompt)]
        return list(dict.fromkeys([self.settings.object_prompt, *asked]))

    def _detect(self, image: np.ndarray, prompts: Sequence[str]) -> dict[str, Detections]:
        """Ask for the object prompt and every phrase, each once."""
        phrases = self._phrases(prompts)
        encoding = self.detector.encode(image)
        return dict(zip(phrases, self.detector.detect(encoding, phrases), strict=True))

    def _find_scene(self, answers: Mapping[str, Detections], size_hw: tuple[int, ...]) -> Scene:
        """Step 1: the objects of the normal scene."""
        prompt, number = self.settings.object_prompt, self.settings.object_number
        return find_scene(answers[prompt], prompt, size_hw, self.settings.box_threshold, number)

    def _tell(self, remarks: Sequence[str]) -> None:
        """Say what did not go as asked, each thing once, since it may hold for all images."""
        for remark in remarks:
            if remark not in self._told:
                self._told.add(remark)
                logger.warning("%s (told once)", remark)

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
        self, image: np.ndarray, found: Sequence[Candidates], scene: Scene
    ) -> tuple[list[list[CropMask]], list[CropMask] | None]:
        """Masks of the boxes that count, for each prompt; and of the objects, if several.

        All different boxes are outlined together, each once; no boxes need no segmenter.
        """
        settings = self.settings
        wanted = [np.flatnonzero(c.counts | (c.scores > settings.outline_above)) for c in found]
        asked = [c.boxes_xyxy[index] for c, index in zip(found, wanted, strict=True)]
        objects = scene.boxes_xyxy[scene.is_object]
        asked.append(objects if settings.object_number > 1 else objects[:0])
        unique, inverse = np.unique(np.concatenate(asked), axis=0, return_inverse=True)
        encoding = self.segmenter.encode(image) if len(unique) else None
        masks = self.segmenter.segment(encoding, unique) if len(unique) else []
        *groups, of_objects = np.split(inverse.reshape(-1), np.cumsum([len(a) for a in asked])[:-1])
        outlines = [
            [masks[i] for i in group[c.counts[index]]]
            for c, index, group in zip(found, wanted, groups, strict=True)
        ]
        return outlines, [masks[i] for i in of_objects] if settings.object_number > 1 else None

    def _saliency(self, image: np.ndarray, object_masks: list[CropMask] | None) -> np.ndarray:
        """Step 4: the (H, W) saliency in [0, 1] of the image, or of its objects if several."""
        grid = self.saliency.saliency(image, object_masks)
        return cv2.resize(grid, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _finding(
        self,
        candidates: Candidates,
        masks: list[CropMask],
        saliency: np.ndarray,
        scene: Scene,
        size_hw: tuple[int, ...],
    ) -> Finding:
        """Steps 5 and 6: rescore by saliency, keep the best masks, lay them over each other."""
        rule = self.settings.map_rule
        scores = candidates.scores[candidates.counts]
        rescored = rescore(scores, means_inside(masks, saliency), rule)
        best = np.argsort(-rescored, kind="stable")[: self.settings.max_masks]
        small = lay_out([masks[i] for i in best], rescored[best], saliency.shape, rule)
        if self.settings.stretch_each_image:
            small = stretch(small)
        elif rule == "published":
            small = to_unit(small)
        height, width = size_hw
        is_whole = small.shape == (height, width)
        scale_xyxy = np.tile(np.array([width, height], np.float32) / saliency.shape[::-1], 2)
        scale_xyxy = scale_xyxy.astype(np.float32)
        return Finding(
            soft_label=small if is_whole else cv2.resize(small, (width, height)),
            boxes_xyxy=candidates.boxes_xyxy[candidates.counts][best] * scale_xyxy,
            scores=scores[best],
            phrases=candidates.phrases[candidates.counts][best].tolist(),
            masks=[resize_mask(masks[i], saliency.shape, (height, width)) for i in best],
            saliency=saliency,
            rejections=candidates.rejections(scale_xyxy),
            scene=replace(scene, boxes_xyxy=scene.boxes_xyxy * scale_xyxy),
        )


def contains_words(phrase: str, words: str) -> bool:
    """Tell whether a phrase contains words as words: "Sea-bird" has "sea", "seagull" has not."""
    wanted = " ".join(split_words(words))
    return bool(wanted) and f" {wanted} " in f" {' '.join(split_words(phrase))} "


def shrink_to(image_rgb: np.ndarray, longest_px: int) -> np.ndarray:
    """Resize an image so that its longest side has `longest_px` pixels; 0 leaves it as it is."""
    return scale_image(image_rgb, longest_px / max(image_rgb.shape[:2]) if longest_px else 1)
