"""What words look like from above: a table of visual attributes, and how phrases are read.

The numbers describe things photographed from the air over the sea, by common knowledge (Lampert et
al. 2009 call this an attribute description), and were then checked by eye and by F1 on painted sea
scenes and on the Train and Validation photographs of water birds; none was fitted by a program.
Attributes are those of `teacher.saa.attributes.regions.Regions`. A range says what is ordinary;
outside it the match falls off as a Gaussian with the softness of the attribute.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from util.words import singulars

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


COMPACT: Range = (0.87, ANY)
"""Fill of a body seen from above; streaks, wings and scattered glints are below."""

PATTERNED: Range = (6, ANY)
"""Texture of plumage or of a deck with its shadows; crests of the size of a bird have 2 to 5."""


def _noun(
    colours: str = "", size: Range = (0, 1), elongation: Range = (1, ANY), **more: Range
) -> Word:
    return Word("noun", {"size": size, "elongation": elongation, **more}, tuple(colours.split()))


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
    "fighter": _modifier(chroma=(0, 14)),
}

_NOUNS: Mapping[str, Word] = {
    "bird": _noun("", (0.01, 0.08), (1, 2.2), fill=COMPACT, chroma=(0, 12), texture=PATTERNED),
    "gull": _noun("white pale", (0.015, 0.08), (1, 2.8), fill=(0.8, ANY), texture=(4, ANY)),
    "tern": _noun("white pale", (0.008, 0.035), (1.3, 3.5), texture=(4, ANY)),
    "shearwater": _noun("black brown grey", (0.012, 0.06), (1.3, 4), texture=(4, ANY)),
    "pelican": _noun("white brown", (0.035, 0.11), (1, 2.2), fill=COMPACT, texture=PATTERNED),
    "albatross": _noun("white pied", (0.03, 0.11), (1.8, 5), texture=PATTERNED),
    "penguin": _noun("black pied", (0.01, 0.05), (1, 2.2), fill=COMPACT, texture=PATTERNED),
    "cormorant": _noun("black", (0.015, 0.07), (1.2, 3), texture=(4, ANY)),
    "duck": _noun("brown pied grey", (0.015, 0.09), (1, 2.2), fill=COMPACT, texture=PATTERNED),
    "goose": _noun("brown grey white", (0.02, 0.11), (1, 2.5), fill=COMPACT, texture=PATTERNED),
    "swan": _noun("white", (0.03, 0.12), (1, 2.5), fill=COMPACT, texture=(4, ANY)),
    "whale": _noun("black dark grey", (0.09, 0.5), (1.8, 6), fill=COMPACT, bright_share=(0, 0.6)),
    "dolphin": _noun("grey black", (0.04, 0.15), (2, 5), fill=COMPACT),
    "seal": _noun("grey brown black", (0.02, 0.08), (1.2, 3), fill=COMPACT),
    "fish": _noun("grey", (0.005, 0.05), (2, 5)),
    "boat": _noun(
        "white colourful brown grey black", (0.08, 0.35), (1.6, 4), fill=COMPACT, texture=PATTERNED
    ),
    "ship": _noun("white grey red", (0.15, 0.8), (2.5, 8), fill=COMPACT, texture=PATTERNED),
    "buoy": _noun("red orange yellow", (0.005, 0.05), (1, 1.5), fill=COMPACT),
    "car": _noun("white colourful black grey", (0.07, 0.2), (1.5, 2.8), fill=(0.92, ANY)),
    "airplane": _noun("white grey", (0.06, 0.5), (1, 2.2), fill=(0, 0.85), texture=(4, ANY)),
    "jet": _noun("grey white", (0.04, 0.3), (1.2, 3), fill=(0, 0.9), texture=(4, ANY)),
    "balloon": _noun("colourful", (0.015, 0.3), (1, 1.4), fill=(0.92, ANY)),
    "insect": _noun("black dark brown", (0, 0.022), (1, 3)),
    "cat": _noun("orange brown black", (0.03, 0.12), (1.3, 3), fill=COMPACT),
    "dog": _noun("brown black white", (0.03, 0.12), (1.3, 3), fill=COMPACT),
    "human": _noun("colourful brown", (0.015, 0.08), (1.4, 4)),
    "crest": _noun("white bright", (0.02, 0.6), (2.2, ANY), fill=(0, 0.96)),
    "foam": _noun("white", (0.04, 0.6), fill=(0, 0.92)),
    "debris": _noun(
        "brown colourful dark green", (0.005, 0.06), contrast=(-20, 10), texture=(0, 5)
    ),
    "smoke": _noun("grey white pale", (0.03, 1), texture=(0, 6)),
    "steam": _noun("white", (0.03, 1), texture=(0, 6)),
    "haze": _noun("grey pale", (0.3, 1), texture=(0, 4)),
    # Flaws of surfaces, as a camera straight above them sees them.
    "spot": _noun("", (0, 1), (1, 2.5)),
    "hole": _noun("dark", (0, 0.2), (1, 2.5)),
    "crack": _noun("dark", (0.03, 1), (2, ANY)),
    "scratch": _noun("bright dark", (0.05, 1), (3, ANY)),
    "break": _noun("dark", (0.02, 0.6)),
    "stain": _noun("dark brown", (0.03, 1), texture=(0, 8)),
    "rock": _noun("grey dark brown", (0.02, 0.5), (1, 2.5)),
    "object": _noun(),
}

_BACKGROUNDS = ("sea", "water", "ocean", "lake", "river", "surface", "background")
_FUNCTION_WORDS = (
    # "hot air balloon", "speed boat": the noun says what it looks like.
    *("hot", "air", "speed"),
    *("a", "an", "the", "of", "on", "in", "at", "over", "with", "and", "or", "some", "near"),
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
    "smoke": ("plume", "fume"),
    "steam": ("vapour", "vapor"),
    "haze": ("fog", "mist"),
    "spot": ("blob", "speck", "blemish"),
    "hole": ("blowhole", "pit", "pore", "cavity", "puncture"),
    "crack": ("fissure", "fracture", "split"),
    "scratch": ("scrape", "abrasion"),
    "break": ("chip", "gap"),
    "stain": ("smudge", "smear", "discolouration", "discoloration"),
    "large": ("big", "huge", "giant"),
    "small": ("little",),
    "long": ("elongated", "thin", "slender"),
    "round": ("circular", "compact"),
    "bright": ("light", "shiny", "glowing"),
    "grey": ("gray", "silver"),
    "pied": ("spotted", "patterned"),
    "colourful": ("colorful", "coloured", "colored"),
    "flying": ("soaring", "gliding"),
    "swimming": ("floating", "sitting", "resting"),
}


def _build() -> dict[str, Word]:
    """All words with their synonyms."""
    words = {**_COLOURS, **_OTHER_MODIFIERS, **_NOUNS}
    words |= {name: Word("background") for name in _BACKGROUNDS}
    words |= {name: Word("function") for name in _FUNCTION_WORDS}
    return words | {same: words[word] for word, group in _SAME.items() for same in group}


LEXICON: Mapping[str, Word] = _build()


def look_up(word: str) -> Word | None:
    """Find a word or, if it is a plural, its singular; None when the lexicon lacks it.

    Example:
        >>> look_up("gulls") is look_up("gull"), look_up("boxes")
        (True, None)
    """
    return next((LEXICON[known] for known in singulars(word) if known in LEXICON), None)


def says_nothing(words: Sequence[Word | None]) -> bool:
    """Tell whether no word of a phrase says how what it names looks, as far as it is known."""
    return all(word is None or word.kind == "function" for word in words)
