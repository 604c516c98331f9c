"""The lexicon in words for people: what each word means, and which words look nearly the same."""

import math
from collections.abc import Iterator
from itertools import combinations
from textwrap import wrap

from teacher.saa.attributes.lexicon import LEXICON, Range, Word

_WIDTH = 100

_TITLES = {
    "noun": "Things, by how they look from above (sizes are shares of the image's longest side)",
    "modifier": "Words that change the things of their phrase",
    "background": "The scene as a whole",
    "function": "Words that say nothing about looks",
}


def explain_words() -> Iterator[str]:
    """Yield lines on all words: by kind, with synonyms, and which cannot be told apart."""
    groups = _group_synonyms()
    for kind, title in _TITLES.items():
        yield f"{title}:"
        for names in groups:
            word = LEXICON[names[0]]
            if word.kind == kind:
                same = f" ({', '.join(names[1:])})" if names[1:] else ""
                yield from _wrapped(f"{names[0]}{same}: {explain(word)}".removesuffix(": "))
        yield ""
    yield "Any other word is passed over; a prompt of such words alone is answered with any object."
    yield "A thing is known by its looks alone. These look nearly the same, and are not told apart:"
    for name, others in look_alikes().items():
        yield from _wrapped(f"{name}: {', '.join(others)}")


def explain(word: Word) -> str:
    """Say what a word means, such as "size 0.02 to 0.08, black or white"; '' for nothing.

    Example:
        >>> explain(Word("noun", {"size": (0, 0.1), "chroma": (20, math.inf)}, ("red", "blue")))
        'red or blue, size up to 0.1, chroma from 20'
    """
    parts = [" or ".join(word.colours)] if word.colours else []
    parts += [
        f"{name.replace('_', ' ')} {said}"
        for name, limits in word.looks.items()
        if (said := _explain_range(name, limits))
    ]
    return ", ".join(parts)


def look_alikes() -> dict[str, list[str]]:
    """For each thing, those that share a colour with it and most of every range of both."""
    nouns = {names[0]: LEXICON[names[0]] for names in _group_synonyms()}
    nouns = {n: w for n, w in nouns.items() if w.kind == "noun" and n != "object"}
    alike: dict[str, list[str]] = {name: [] for name in nouns}
    for one, other in combinations(nouns, 2):
        if is_alike(nouns[one], nouns[other]):
            alike[one].append(other)
            alike[other].append(one)
    return {name: others for name, others in alike.items() if others}


def is_alike(one: Word, other: Word) -> bool:
    """Tell whether two things share a colour, and of each attribute half of the narrower range."""
    if one.colours and other.colours and not set(one.colours) & set(other.colours):
        return False
    return all(
        _share(name, one.looks[name], other.looks[name]) >= 0.5
        for name in one.looks.keys() & other.looks.keys()
    )


def _share(name: str, one: Range, other: Range) -> float:
    """Share of the narrower of two ranges that the other covers; lengths by their ratio."""
    ends = [one, other]
    if name in ("size", "elongation"):
        ends = [(math.log2(max(low, 0.005)), math.log2(min(high, 16))) for low, high in ends]
    (a, b), (c, d) = ends
    common, narrower = min(b, d) - max(a, c), min(b - a, d - c)
    if common <= 0 or math.isinf(narrower):
        return float(common > 0)
    return common / narrower


def _group_synonyms() -> list[list[str]]:
    """Names of equal meaning together, the first of each as the lexicon has it first."""
    groups: dict[int | str, list[str]] = {}
    for name, word in LEXICON.items():
        says_looks = word.kind in ("noun", "modifier")
        groups.setdefault(id(word) if says_looks else name, []).append(name)
    return list(groups.values())


def _explain_range(name: str, limits: Range) -> str:
    """Say a range, '' where it excludes nothing."""
    low, high = limits
    least = {"size": 0.0, "elongation": 1.0, "fill": 0.0, "chroma": 0.0, "bright_share": 0.0}
    has_low = low > least.get(name, 0.0 if name == "texture" else -math.inf)
    has_high = high < (1 if name in ("size", "bright_share") else math.inf)
    if has_low and has_high:
        return f"{low:g} to {high:g}"
    return f"from {low:g}" if has_low else f"up to {high:g}" if has_high else ""


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")
