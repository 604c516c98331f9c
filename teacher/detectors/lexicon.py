"""What words look like from above: a table of visual attributes, and how phrases are read.

The numbers are common knowledge about things photographed from the air over the sea (Lampert et
al. 2009 call this an attribute description), not fitted to a data set. Attributes are those of
`teacher.detectors.regions.Regions`. A range says what is ordinary; outside it the match falls off
as a Gaussian with the softness of the attribute.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Range = tuple[float, float]
"""Lowest and highest ordinary value. For `hue` in degrees, from low anticlockwise to high."""

Kind = Literal["noun", "modifier", "background", "function"]
"""A noun is a thing, a modifier changes the nouns of its phrase, a background is the scene as a
whole, and a function word says nothing about looks."""

ANY = math.inf

SOFTNESS: Mapping[str, float] = {
    "size": 0.35,
    "elongation": 0.35,
    "fill": 0.08,
    "contrast": 6.0,
    "chroma": 6.0,
    "hue": 20.0,
    "bright_share": 0.3,
    "texture": 3.0,
}
"""Standard deviation of the fall-off outside a range; for size and elongation in octaves, since
people compare lengths by ratio."""


@dataclass(frozen=True)
class Word:
    """What a word says about looks.

    Attributes:
        kind: How the word works in a phrase.
        looks: Ordinary range of each attribute that the word says something about.
        colours: Modifiers of colour, of which the best one counts; none = any colour.
    """

    kind: Kind
    looks: Mapping[str, Range] = field(default_factory=dict)
    colours: tuple[str, ...] = ()


def _noun(*colours: str, **looks: Range) -> Word:
    return Word("noun", looks, colours)


def _modifier(**looks: Range) -> Word:
    return Word("modifier", looks)


_COLOURS: Mapping[str, Word] = {
    "white": _modifier(contrast=(8, ANY), chroma=(0, 14), bright_share=(0.75, 1)),
    "bright": _modifier(contrast=(8, ANY), bright_share=(0.75, 1)),
    "black": _modifier(contrast=(-ANY, -8), chroma=(0, 18), bright_share=(0, 0.25)),
    "dark": _modifier(contrast=(-ANY, -5), bright_share=(0, 0.25)),
    "grey": _modifier(contrast=(-12, 10), chroma=(0, 12)),
    "pied": _modifier(contrast=(-10, 15), chroma=(0, 14), texture=(10, ANY)),
    "brown": _modifier(contrast=(-25, 8), chroma=(5, 22), hue=(10, 95)),
    "red": _modifier(chroma=(22, ANY), hue=(-15, 50)),
    "orange": _modifier(chroma=(25, ANY), hue=(40, 80)),
    "yellow": _modifier(chroma=(25, ANY), hue=(70, 110)),
    "green": _modifier(chroma=(15, ANY), hue=(110, 170)),
    "blue": _modifier(chroma=(15, ANY), hue=(-130, -50)),
    "colourful": _modifier(chroma=(25, ANY)),
    "pale": _modifier(contrast=(5, 30), chroma=(0, 15)),
}

_OTHER_MODIFIERS: Mapping[str, Word] = {
    "tiny": _modifier(size=(0, 0.02)),
    "small": _modifier(size=(0, 0.04)),
    "large": _modifier(size=(0.06, 1)),
    "long": _modifier(elongation=(2.2, ANY)),
    "round": _modifier(elongation=(1, 1.4), fill=(0.9, ANY)),
    "flying": _modifier(elongation=(1.3, ANY), fill=(0, 0.95)),
    "swimming": _modifier(fill=(0.9, ANY)),
    # Where a bird lives only leans its looks: far out long-winged birds of strong contrast, near
    # the coast white ones, and between them anything grey, white or black.
    "oceanic": _modifier(elongation=(1.5, ANY), size=(0, 0.08)),
    "marine": _modifier(size=(0, 0.05), chroma=(0, 10)),
    "coastal": _modifier(bright_share=(0.5, 1), elongation=(1, 2)),
    # "fighter jet", "hot air balloon", "speed boat": the noun says the rest.
    "fighter": _modifier(chroma=(0, 14)),
    "hot": _modifier(),
    "air": _modifier(),
    "speed": _modifier(),
    "floating": _modifier(),
}

_BIRDS: Mapping[str, Word] = {
    "bird": _noun(
        size=(0.01, 0.08), elongation=(1, 2.2), fill=(0.85, ANY), chroma=(0, 12), texture=(6, ANY)
    ),
    "gull": _noun(
        "white",
        "pale",
        size=(0.015, 0.08),
        elongation=(1.1, 2.8),
        fill=(0.8, ANY),
        texture=(4, ANY),
    ),
    "tern": _noun("white", "pale", size=(0.008, 0.035), elongation=(1.3, 3.5), texture=(4, ANY)),
    "shearwater": _noun(
        "black", "brown", "grey", size=(0.012, 0.06), elongation=(1.3, 4), texture=(4, ANY)
    ),
    "pelican": _noun(
        "white",
        "brown",
        size=(0.035, 0.11),
        elongation=(1, 2.2),
        fill=(0.85, ANY),
        texture=(5, ANY),
    ),
    "albatross": _noun("white", "pied", size=(0.03, 0.11), elongation=(1.8, 5), texture=(5, ANY)),
    "penguin": _noun(
        "black", "pied", size=(0.01, 0.05), elongation=(1, 2.2), fill=(0.9, ANY), texture=(5, ANY)
    ),
    "cormorant": _noun("black", size=(0.015, 0.07), elongation=(1.2, 3), texture=(4, ANY)),
    "duck": _noun(
        "brown",
        "pied",
        "grey",
        size=(0.015, 0.09),
        elongation=(1, 2.2),
        fill=(0.9, ANY),
        texture=(6, ANY),
    ),
    "goose": _noun(
        "brown",
        "grey",
        "white",
        size=(0.02, 0.11),
        elongation=(1, 2.5),
        fill=(0.88, ANY),
        texture=(6, ANY),
    ),
    "swan": _noun(
        "white", size=(0.03, 0.12), elongation=(1, 2.5), fill=(0.88, ANY), texture=(5, ANY)
    ),
}

_OTHER_NOUNS: Mapping[str, Word] = {
    "whale": _noun(
        "black",
        "dark",
        "grey",
        size=(0.09, 0.5),
        elongation=(1.8, 6),
        bright_share=(0, 0.6),
        fill=(0.85, ANY),
    ),
    "dolphin": _noun("grey", "black", size=(0.04, 0.15), elongation=(2, 5), fill=(0.85, ANY)),
    "seal": _noun(
        "grey", "brown", "black", size=(0.02, 0.08), elongation=(1.2, 3), fill=(0.85, ANY)
    ),
    "fish": _noun("grey", size=(0.005, 0.05), elongation=(2, 5)),
    "boat": _noun(
        "white",
        "colourful",
        "brown",
        "grey",
        size=(0.08, 0.35),
        elongation=(1.6, 4),
        fill=(0.9, ANY),
        texture=(5, ANY),
    ),
    "ship": _noun(
        "white",
        "grey",
        "red",
        size=(0.15, 0.8),
        elongation=(2.5, 8),
        fill=(0.85, ANY),
        texture=(5, ANY),
    ),
    "buoy": _noun(
        "red", "orange", "yellow", size=(0.005, 0.05), elongation=(1, 1.5), fill=(0.9, ANY)
    ),
    "car": _noun(
        "white",
        "colourful",
        "black",
        "grey",
        size=(0.07, 0.2),
        elongation=(1.5, 2.8),
        fill=(0.9, ANY),
        texture=(4, ANY),
    ),
    "airplane": _noun(
        "white", "grey", size=(0.06, 0.5), elongation=(1, 2.2), fill=(0, 0.85), texture=(4, ANY)
    ),
    "jet": _noun(
        "grey", "white", size=(0.04, 0.3), elongation=(1.2, 3), fill=(0, 0.9), texture=(4, ANY)
    ),
    "balloon": _noun("colourful", size=(0.015, 0.3), elongation=(1, 1.4), fill=(0.92, ANY)),
    "insect": _noun("black", "dark", "brown", size=(0, 0.022), elongation=(1, 3)),
    "cat": _noun(
        "orange",
        "brown",
        "black",
        size=(0.03, 0.12),
        elongation=(1.3, 3),
        fill=(0.85, ANY),
        texture=(3, ANY),
    ),
    "dog": _noun(
        "brown",
        "black",
        "white",
        size=(0.03, 0.12),
        elongation=(1.3, 3),
        fill=(0.85, ANY),
        texture=(3, ANY),
    ),
    "human": _noun("colourful", "brown", size=(0.015, 0.08), elongation=(1.4, 4), texture=(3, ANY)),
    "crest": _noun("white", "bright", size=(0.02, 0.6), elongation=(2.2, ANY), fill=(0, 0.96)),
    "foam": _noun("white", size=(0.04, 0.6), fill=(0, 0.92)),
    "debris": _noun(
        "brown",
        "colourful",
        "dark",
        "green",
        size=(0.005, 0.06),
        contrast=(-20, 10),
        texture=(0, 5),
    ),
    "smoke": _noun("grey", "white", size=(0.15, 1), texture=(0, 5)),
    "rock": _noun("grey", "dark", "brown", size=(0.02, 0.5), elongation=(1, 2.5)),
    "object": _noun(),
}

_BACKGROUNDS = ("sea", "water", "ocean", "lake", "river", "surface", "background")
_FUNCTION_WORDS = (
    "a",
    "an",
    "the",
    "of",
    "on",
    "in",
    "at",
    "over",
    "with",
    "and",
    "or",
    "some",
    "near",
)

_SAME: Mapping[str, tuple[str, ...]] = {
    "bird": ("seabird", "waterbird", "fowl"),
    "gull": ("seagull",),
    "goose": ("geese",),
    "duck": ("mallard",),
    "human": ("person", "people", "man", "men", "woman", "swimmer", "surfer", "diver"),
    "airplane": ("aeroplane", "plane", "aircraft"),
    "boat": ("sailboat", "kayak", "canoe", "dinghy", "yacht"),
    "ship": ("vessel", "ferry"),
    "car": ("truck", "vehicle"),
    "crest": ("whitecap", "wave", "breaker"),
    "foam": ("spray", "froth"),
    "debris": ("wood", "log", "trash", "litter", "garbage", "plastic"),
    "object": ("thing", "anomaly", "something"),
    "insect": ("bee", "mosquito", "bug"),
    "fish": ("shark",),
    "dolphin": ("porpoise",),
    "buoy": ("float", "marker"),
    "rock": ("stone",),
    "large": ("big", "huge", "giant"),
    "small": ("little",),
    "long": ("elongated", "thin", "slender"),
    "round": ("circular", "compact"),
    "bright": ("light", "shiny", "glowing"),
    "grey": ("gray", "silver"),
    "pied": ("spotted", "patterned"),
    "colourful": ("colorful", "coloured", "colored"),
    "flying": ("soaring", "gliding"),
    "swimming": ("sitting", "resting"),
}


def _build() -> dict[str, Word]:
    """All words with their synonyms."""
    words = {**_COLOURS, **_OTHER_MODIFIERS, **_BIRDS, **_OTHER_NOUNS}
    words |= {name: Word("background") for name in _BACKGROUNDS}
    words |= {name: Word("function") for name in _FUNCTION_WORDS}
    return words | {same: words[word] for word, group in _SAME.items() for same in group}


LEXICON: Mapping[str, Word] = _build()


def split_words(phrase: str) -> tuple[str, ...]:
    """The lower-case words of a phrase: runs of letters and digits, in order.

    Example:
        >>> split_words("White-winged terns!")
        ('white', 'winged', 'terns')
    """
    return tuple(re.findall(r"[^\W_]+", phrase.lower()))


def look_up(word: str) -> Word | None:
    """Find a word or, if it is a plural, its singular; None when the lexicon lacks it.

    Example:
        >>> look_up("gulls") is look_up("gull"), look_up("penguines")
        (True, None)
    """
    endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"))
    singulars = (word.removesuffix(old) + new for old, new in endings if word.endswith(old))
    return next((LEXICON[singular] for singular in singulars if singular in LEXICON), None)
