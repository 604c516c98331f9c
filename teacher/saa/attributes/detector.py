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
from teacher.saa.attributes.salient_regions import find_salient_regions
from teacher.saa.detectors import Detections
from teacher.saa.whole_things import Look, see_nothing
from util.words import split_words

ATTRIBUTES = tuple(SOFTNESS)
"""The order of the columns of a region's attributes."""

OCTAVES = ("size", "elongation")
"""Attributes that are compared by ratio."""

SHAPE = ("elongation", "fill")
"""Attributes that depend on where a near thing is seen from."""

SMALLEST_PEER = 0.5
"""Share of the size of a near thing that others of its name have at least."""

MANY = 8.0
"""How much more than a near thing small ones score together where an image is from the air. Glints
round a duck near by look like small ducks, and reach 6 times its score."""

NEAR_SOFTNESS = 3.0
"""How much softer shapes are judged of near things."""


@dataclass(frozen=True)
class Encoding:
    """What the detector knows about an image before it is asked anything.

    Attributes:
        boxes_xyxy: (1 + N, 4) float32, pixels; the whole image, then the salient regions.
        salience: (1 + N,) float32 in [0, 1], how surely a region is an object; 0 for the image.
        calm: (1 + N,) float32 in [0, 1], how far a box is background; 0 for the regions.
        attributes: (1 + N, A) float32, in the order of `ATTRIBUTES`.
        is_near: (1 + N,) bool, large things that were seen as a whole.
    """

    boxes_xyxy: np.ndarray
    salience: np.ndarray
    calm: np.ndarray
    attributes: np.ndarray
    is_near: np.ndarray


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

    def __init__(self, look: Look = see_nothing) -> None:
        """Make a detector.

        Args:
            look: Says what stands out as a whole, large things too; by default nothing, so that
                regions are found by colour alone.
        """
        self._look = look

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Find and describe the salient regions of an image, (H, W, 3) uint8 RGB."""
        height, width = image_rgb.shape[:2]
        answer = self._look(image_rgb)
        known = [] if answer is None else [find_salient_regions(image_rgb, answer)]
        regions = find_regions(image_rgb, known)
        boxes = np.zeros((1 + len(regions), 4), np.float32)
        boxes[0, 2:] = width, height
        boxes[1:] = regions.boxes_xyxy
        covered = np.prod(boxes[1:, 2:] - boxes[1:, :2], axis=1).sum() / (width * height)
        calm, salient = np.zeros((2, len(boxes)), np.float32)
        calm[0] = max(0.0, 1 - covered)
        salient[1:] = regions.salience
        attributes = np.zeros((len(boxes), len(ATTRIBUTES)), np.float32)
        attributes[1:] = attribute_table(regions)
        is_near = np.zeros(len(boxes), bool)
        is_near[1:] = regions.is_near > 0
        return Encoding(boxes, salient, calm, attributes, is_near)

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
    matches = [match(word, encoding.attributes, encoding.is_near) if word else 0 for word in words]
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
    scores *= weigh_scales(scores, encoding)[:, None]
    best = scores[:, nouns].max(axis=1) if nouns else modified
    scores[:, modifiers] = best[:, None]
    return scores


def weigh_scales(scores: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Weigh regions by whether they have the size that what a phrase names has in this image.

    Things of one name are of about one size, so either those that are near are meant or those that
    are of less than `SMALLEST_PEER` of their size: the small ones where they are many, by their
    scores together (`MANY`).

    Args:
        scores: (1 + N, T) float32, of the words of a phrase.
        encoding: Of the image.

    Returns:
        (1 + N,) float32 in [0, 1].
    """
    kept = np.ones(len(scores), np.float32)
    if not encoding.is_near.any():
        return kept
    best = scores.max(axis=1, initial=0)
    nearest = np.argmax(np.where(encoding.is_near, best, -1))
    size = encoding.attributes[:, ATTRIBUTES.index("size")]
    is_small = ~encoding.is_near & (size < size[nearest] + np.log2(SMALLEST_PEER))
    is_small[0] = False  # the image
    near, small = best[encoding.is_near].sum(), best[is_small].sum()
    if small > MANY * near:
        kept[encoding.is_near] = 0
    else:
        kept[is_small] = 1 - best[nearest]
    return kept


def match(word: Word, attributes: np.ndarray, is_near: np.ndarray) -> np.ndarray:
    """How well regions look like a word.

    The lexicon says what things look like from the air. Of a near thing the size in the picture
    says nothing, and its shape less, since it may be seen from the side.

    Args:
        word: The word; one that says nothing about looks matches everything.
        attributes: (N, A) float32, in the order of `ATTRIBUTES`.
        is_near: (N,) bool.

    Returns:
        (N,) float32 in [0, 1]; 1 where every attribute is in its range.
    """
    matched = _match_looks(word.looks, attributes, is_near)
    if word.colours:
        looks = [LEXICON[colour].looks for colour in word.colours]
        matched = matched * np.max(
            [_match_looks(each, attributes, is_near) for each in looks], axis=0
        )
    return matched


def _match_looks(
    looks: Mapping[str, Range], attributes: np.ndarray, is_near: np.ndarray
) -> np.ndarray:
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
        distance = np.maximum(outside, 0) / SOFTNESS[name]
        if name == "size":
            distance = np.where(is_near & (values > high), 0, distance)
        elif name in SHAPE:
            distance = np.where(is_near, distance / NEAR_SOFTNESS, distance)
        squared += np.square(distance)
    return np.exp(-squared / 2)


def attribute_table(regions: Regions) -> np.ndarray:
    """(N, A) float32 attributes of regions, lengths in octaves, in the order of `ATTRIBUTES`."""
    columns = [getattr(regions, name) for name in ATTRIBUTES]
    return np.stack(
        [np.log2(c) if n in OCTAVES else c for n, c in zip(ATTRIBUTES, columns, strict=True)],
        axis=1,
    )
