"""Words: those of a text, in any script, and how many things there are."""

import difflib
import unicodedata
from collections.abc import Iterable


def split_words(text: str) -> tuple[str, ...]:
    """The lower-case words of a text, in order: runs of letters and digits.

    Marks that belong to a letter, such as the vowel signs of Hindi, are part of its word; text is
    put together (NFC) first, so that both spellings of "é" give one word. No letter gives ().

    Example:
        >>> split_words("White-winged terns!")
        ('white', 'winged', 'terns')
    """
    kept = ""
    for character in unicodedata.normalize("NFC", text).lower():
        is_mark = unicodedata.category(character).startswith("M") and not kept.endswith(" ")
        kept += character if character.isalnum() or (kept and is_mark) else " "
    return tuple(kept.split())


def singulars(word: str) -> tuple[str, ...]:
    """A lower-case word, then what its singular may be, if it is a regular English plural.

    Example:
        >>> singulars("flies"), singulars("boxes"), singulars("duck")
        (('flies', 'flie', 'fli', 'fly'), ('boxes', 'boxe', 'box'), ('duck',))
    """
    endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"))
    return tuple(word.removesuffix(old) + new for old, new in endings if word.endswith(old))


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Say how many there are of what has this plural, by default a regular one.

    Example:
        >>> count_of(1, "camera"), count_of(2, "camera"), count_of(0, "box", "boxes")
        ('1 camera', '2 cameras', '0 boxes')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def did_you_mean(name: str, known: Iterable[str], least: float = 0.6) -> str:
    """Say behind a name that nobody knows which known ones, three at most, may be meant.

    Args:
        name: In small letters or capitals, which make no difference here.
        known: The names that there are.
        least: Similarity, of 1, that they have at least.

    Returns:
        Such as ` (did you mean 'duck'?)`; '' where none is near.
    """
    lower = {each.lower(): each for each in known}
    near = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, cutoff=least)]
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
