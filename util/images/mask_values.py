"""What the values of true masks mean: normal, anomalous, or ignored.

A *meaning* is a table of all values from 0 to 65535: `NORMAL`, `ANOMALOUS`, `IGNORED`, or
`UNKNOWN` for values that no mask may have.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from util.errors import UserError, listed
from util.metrics.pixelwise.pixels import IGNORED

NORMAL, ANOMALOUS, UNKNOWN = 0, 1, 2
"""Beside `IGNORED`, which is 255."""

MAX_VALUE = 65535
CHUNK_PX = 2**18
"""Pixels that are looked up at a time; numpy makes 8 bytes of each."""

NUM_CLASSES = 50
"""Gray values below it may be class numbers: few data sets have more classes, and what is no class
begins there: 50 is the shadow of CDnet, 127 or 128 what nobody knows in a trimap."""

_WORDS = {"normal": NORMAL, "anomalous": ANOMALOUS, "ignored": IGNORED}
WORDS = {meaning: word for word, meaning in _WORDS.items()}
"""What data.mask_values calls each meaning."""


def recognise(
    values: Collection[int], are_numbers: bool, are_mixed: bool = False
) -> np.ndarray | None:
    """Tell what the values of masks mean from which there are.

    0 is normal. One other value, 255 or another that is no class number, is anomalous. Otherwise
    they are class numbers, 1 for a single class: 255 is ignored, all others are anomalous.

    Args:
        values: All that the masks have.
        are_numbers: Whether they are surely class numbers, since the masks have a palette of
            colours: then they may be large.
        are_mixed: Whether some masks have 255 and others class numbers, but none has both.

    Returns:
        The meaning; None where it might be another (see `doubt`).
    """
    meaning = np.full(MAX_VALUE + 1, UNKNOWN, np.uint8)
    meaning[0] = NORMAL
    others = sorted(set(values) - {0})
    numbers = [value for value in others if value != 255]
    limit = 255 if are_numbers else NUM_CLASSES
    if 0 in values and len(others) <= 1 and all(v == 255 or v >= limit for v in others):
        meaning[others] = ANOMALOUS
    elif numbers and max(numbers) < limit and not are_mixed and (0 in values or numbers == [1]):
        meaning[1:limit] = ANOMALOUS
        meaning[255] = IGNORED
    else:
        return None
    return meaning


def doubt(values: Collection[int], are_mixed: bool) -> tuple[str, list[int]]:
    """Say why values that `recognise` gives no meaning might have several, and which of them."""
    numbers = [value for value in values if value not in (0, 255)]
    if are_mixed:
        return "some masks have 255 and others class numbers, but none has both", numbers
    if 0 not in values:
        return "no mask has a 0, which would be normal", list(values)
    odd = [value for value in numbers if value >= NUM_CLASSES]
    return "smooth edges give gray levels between", odd or numbers


def meaning_of_names(names: Mapping[int, Collection[str]]) -> np.ndarray:
    """Make the meaning of masks whose class numbers have names: 0 is normal, 255 ignored.

    Unless it has a name, 255 is ignored, as is a number that has none of its names. No other number
    that is not among them may occur.
    """
    meaning = np.full(MAX_VALUE + 1, UNKNOWN, np.uint8)
    meaning[255] = IGNORED
    meaning[0] = NORMAL
    for value, given in names.items():
        meaning[value] = IGNORED if not given else ANOMALOUS if value else NORMAL
    return meaning


def meaning_of_settings(given: Mapping[str, str]) -> np.ndarray:
    """Make the meaning that data.mask_values gives, by value or range of values, `5` or `5-9`.

    Raises:
        UserError: A range is impossible or named twice, or nothing is anomalous.
    """
    meaning = np.full(MAX_VALUE + 1, UNKNOWN, np.uint8)
    for key, word in given.items():
        first, _, last = key.partition("-")
        low, high = int(first), int(last or first)
        if not low <= high <= MAX_VALUE:
            raise UserError(
                f"data.mask_values has {key!r}; expected a value from 0 to {MAX_VALUE}, or a range "
                "such as 128-255"
            )
        if (meaning[low : high + 1] != UNKNOWN).any():
            raise UserError(f"data.mask_values says twice what values in {key} mean")
        meaning[low : high + 1] = _WORDS[word]
    if ANOMALOUS not in meaning:
        raise UserError("data.mask_values says of no value that it is anomalous")
    return meaning


def choose_classes(meaning: np.ndarray | None, numbers: Sequence[int]) -> np.ndarray:
    """Make a meaning in which some class numbers alone are anomalous, and other classes normal.

    Args:
        meaning: Of all classes; None = every value is a class, 255 is ignored.
        numbers: Of the classes that count.
    """
    if meaning is None:
        chosen = np.full(MAX_VALUE + 1, NORMAL, np.uint8)
        chosen[255] = IGNORED
    else:
        chosen = np.where(meaning == ANOMALOUS, np.uint8(NORMAL), meaning)
    chosen[list(numbers)] = ANOMALOUS
    return chosen


def look_up(of_value: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Look up what stands for each value, (H, W) uint8 for (H, W) int, in little memory.

    Args:
        of_value: (65536,) uint8 of each value, such as a meaning.
        values: Of a mask.
    """
    flat = values.ravel()
    found = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), CHUNK_PX):
        chunk = slice(start, start + CHUNK_PX)
        found[chunk] = of_value[flat[chunk]]
    return found.reshape(values.shape)


def to_word(meaning: int) -> str:
    """Name a meaning, as data.mask_values does."""
    return next(word for word, number in _WORDS.items() if number == meaning)


def to_settings(meaning: np.ndarray) -> dict[str, str]:
    """Write a meaning as data.mask_values would: the word for each range of values that may be."""
    starts = np.flatnonzero(np.diff(meaning.astype(np.int16), prepend=-1))
    ends = [*(starts[1:] - 1).tolist(), MAX_VALUE]
    ranges = zip(starts.tolist(), ends, strict=True)
    return {
        f"{low}" if low == high else f"{low}-{high}": to_word(meaning[low])
        for low, high in ranges
        if meaning[low] != UNKNOWN
    }


def describe(
    meaning: np.ndarray, values: Sequence[int], show: Callable[[Sequence[int]], str]
) -> str:
    """Say what values mean: `0 = normal, 1-11 = anomalous`; those that are unknown are left out.

    Args:
        meaning: Of each value.
        values: That masks have.
        show: Lists some of them.
    """

    def parts() -> Iterator[str]:
        for word, number in _WORDS.items():
            if having := [value for value in values if meaning[value] == number]:
                yield f"{show(having)} = {word}"

    return ", ".join(parts())


def list_values(values: Sequence[int]) -> str:
    """List values, rising, as ranges: `0, 50, 85-90`; the first eight and how many more."""
    array = np.array(values)
    starts = np.flatnonzero(np.diff(array, prepend=-2) != 1)
    ranges = zip(array[starts].tolist(), array[np.append(starts[1:] - 1, -1)].tolist(), strict=True)
    return listed([f"{low}" if low == high else f"{low}-{high}" for low, high in ranges], 8)
