"""The embedded detector: salient regions scored against the visual attributes of words.

Attribute-based zero-shot detection (Lampert, Nickisch and Harmeling, CVPR 2009): no class is ever
trained, a class is a description. Classical computer vision without weights: it knows that a gull
is small and white, not what a gull is, and any small white thing is a gull to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from teacher.saa.attributes.lexicon import LEXICON, SOFTNESS, Range, Word, look_up, says_nothing
from teacher.saa.attributes.proposals import find_regions
from teacher.saa.attributes.regions import Regions
from teacher.saa.detectors import Detections
from util.words import split_words

ATTRIBUTES = tuple(SOFTNESS)
"""The order of the columns of a region's attributes."""

OCTAVES = ("size", "elongation")
"""Attributes that are compared by ratio."""


@dataclass(frozen=True)
class Encoding:
    """What the detector knows about an image before it is asked anything.

    Attributes:
        boxes_xyxy: (1 + N, 4) float32, pixels; the whole image, then the salient regions.
        salience: (1 + N,) float32 in [0, 1], how surely a region is an object; 0 for the image.
        calm: (1 + N,) float32 in [0, 1], how far a box is background; 0 for the regions.
        attributes: (1 + N, A) float32, in the order of `ATTRIBUTES`.
    """

    boxes_xyxy: np.ndarray
    salience: np.ndarray
    calm: np.ndarray
    attributes: np.ndarray


class AttributeDetector:
    """Finds what looks like the words of a phrase; a `Detector`.

    The score of a noun is the salience of the region (0..1, from how far it departs from the water
    and how alone it stands) times the match of its looks, times the match of every modifier of the
    phrase: a "white bird" is a bird that is white. A modifier scores as the best noun of its phrase
    does; without a noun, as a salient object with the looks of all modifiers. Backgrounds ("sea")
    score on the box of the whole image, with the share of it that no region takes. Words that the
    lexicon lacks score 0, but a phrase without any known word is answered as "object"
    (`teacher.saa.wording` tells which words and phrases these are).
    """

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Find and describe the salient regions of an image, (H, W, 3) uint8 RGB."""
        height, width = image_rgb.shape[:2]
        regions = find_regions(image_rgb)
        boxes = np.zeros((1 + len(regions), 4), np.float32)
        boxes[0, 2:] = width, height
        boxes[1:] = regions.boxes_xyxy
        covered = np.prod(boxes[1:, 2:] - boxes[1:, :2], axis=1).sum() / (width * height)
        calm, salient = np.zeros((2, len(boxes)), np.float32)
        calm[0] = max(0.0, 1 - covered)
        salient[1:] = salience(regions)
        attributes = np.zeros((len(boxes), len(ATTRIBUTES)), np.float32)
        attributes[1:] = attribute_table(regions)
        return Encoding(boxes, salient, calm, attributes)

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Score the regions against each phrase; boxes on which no word scores are left out."""
        return [self._answer(encoding, split_words(phrase)) for phrase in phrases]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse nothing: any phrase can be read."""

    def _answer(self, encoding: Encoding, tokens: tuple[str, ...]) -> Detections:
        words = [look_up(token) for token in tokens]
        if says_nothing(words):
            words = [LEXICON["object"]] * len(tokens)
            names_things = False
        else:
            names_things = any(word and word.kind in ("noun", "background") for word in words)
        scores = score_words(encoding, words)
        found = scores.max(axis=1, initial=0) > 0
        return Detections(encoding.boxes_xyxy[found], scores[found], tokens, names_things)


def score_words(encoding: Encoding, words: Sequence[Word | None]) -> np.ndarray:
    """(1 + N, T) float32 scores in [0, 1] of the T words of a phrase; see `AttributeDetector`."""
    kinds = [word.kind if word else None for word in words]
    matches = [match(word, encoding.attributes) if word else 0 for word in words]
    scores = np.zeros((len(encoding.salience), len(words)), np.float32)
    modified = encoding.salience.copy()
    for kind, matched in zip(kinds, matches, strict=True):
        if kind == "modifier":
            modified *= matched
    for column, (kind, matched) in enumerate(zip(kinds, matches, strict=True)):
        if kind == "noun":
            scores[:, column] = modified * matched
        elif kind == "background":
            scores[:, column] = encoding.calm
    nouns = [column for column, kind in enumerate(kinds) if kind == "noun"]
    modifiers = [column for column, kind in enumerate(kinds) if kind == "modifier"]
    best = scores[:, nouns].max(axis=1) if nouns else modified
    scores[:, modifiers] = best[:, None]
    return scores


def match(word: Word, attributes: np.ndarray) -> np.ndarray:
    """How well regions look like a word.

    Args:
        word: The word; one that says nothing about looks matches everything.
        attributes: (N, A) float32, in the order of `ATTRIBUTES`.

    Returns:
        (N,) float32 in [0, 1]; 1 where every attribute is in its range.
    """
    matched = _match_looks(word.looks, attributes)
    if word.colours:
        looks = [LEXICON[colour].looks for colour in word.colours]
        matched = matched * np.max([_match_looks(each, attributes) for each in looks], axis=0)
    return matched


def _match_looks(looks: Mapping[str, Range], attributes: np.ndarray) -> np.ndarray:
    """(N,) product over the attributes of a Gaussian of the distance to the range."""
    squared = np.zeros(len(attributes), np.float32)
    for name, (low, high) in looks.items():
        values = attributes[:, ATTRIBUTES.index(name)]
        if name == "hue":
            middle, half = (low + high) / 2, (high - low) / 2
            outside = np.abs((values - middle + 180) % 360 - 180) - half
        else:
            if name in OCTAVES:
                low, high = np.log2(max(low, 1e-6)), np.log2(high)
            outside = np.maximum(low - values, values - high)
        squared += np.square(np.maximum(outside, 0) / SOFTNESS[name])
    return np.exp(-squared / 2)


def attribute_table(regions: Regions) -> np.ndarray:
    """(N, A) float32 attributes of regions, lengths in octaves, in the order of `ATTRIBUTES`."""
    columns = [getattr(regions, name) for name in ATTRIBUTES]
    return np.stack(
        [np.log2(c) if n in OCTAVES else c for n, c in zip(ATTRIBUTES, columns, strict=True)],
        axis=1,
    )


def salience(regions: Regions) -> np.ndarray:
    """(N,) float32 in [0, 1], how surely a region is an object and not texture of the water.

    A logistic function whose middle, a peak of 2.1 deviations with 4 times the energy around it,
    lies where the water's own peaks end on the Train and Validation photographs of water birds.
    """
    evidence = (regions.peak - 2.1) + 1.2 * np.log2(regions.isolation / 4)
    return 1 / (1 + np.exp(-evidence))
