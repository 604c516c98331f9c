"""Masks as runs of pixels, COCO's RLE (Lin et al., arXiv 1405.0312; pycocotools.mask).

Pixels are counted column by column, each from the top: so many are off, so many on, and so on. In a
file the counts are a list, or a text: each count, from the fourth on less the one two before it, in
groups of five bits from the lowest up, a character each; the sixth bit says that more follow.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_BITS = 5
_MORE = 32
_SIGN = 16
_FIRST_CHARACTER = 48


def count_runs(
    mask: np.ndarray, corner_xy: tuple[int, int], size_hw: tuple[int, int]
) -> np.ndarray:
    """Count the pixels of an image that are off, on, off, and so on.

    Args:
        mask: (h, w) bool, a part of the image; all others are off.
        corner_xy: Column and row of its upper left pixel.
        size_hw: Height and width of the image.

    Returns:
        (N,) int64, whose sum is the number of pixels; it begins with those that are off, be they 0.
    """
    height, width = size_hw
    left, top = corner_xy
    steps = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    columns, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    above = (columns.astype(np.int64) + left) * height + top
    edges = np.column_stack([above + starts, above + ends]).ravel()
    # What reaches the lower border goes on at the top of the next column.
    goes_on = np.repeat(edges[1:-1:2] == edges[2::2], 2)
    is_kept = np.concatenate([[True], ~goes_on, [True]])[: len(edges)]
    counts = np.diff(np.concatenate([[0], edges[is_kept], [height * width]]))
    return counts if counts[-1] else counts[:-1]


def encode_runs(counts: np.ndarray) -> str:
    """Write counts as COCO's text."""
    left = counts.astype(np.int64)
    left[3:] -= counts[1:-2]
    digits, are_there = [], []
    has_more = np.ones(len(left), bool)
    while has_more.any():
        digit = left & (_MORE - 1)
        left = left >> _BITS
        are_there.append(has_more)
        has_more = has_more & np.where(digit & _SIGN, left != -1, left != 0)
        digits.append(digit + _MORE * has_more + _FIRST_CHARACTER)
    return np.stack(digits, 1)[np.stack(are_there, 1)].astype(np.uint8).tobytes().decode("ascii")


def read_counts(counts: Any, size_hw: tuple[int, int]) -> np.ndarray:
    """Read counts, COCO's text or a list of them, as (N,) int64.

    Args:
        counts: What a file has.
        size_hw: Height and width of the image.

    Raises:
        ValueError: They are neither, are negative, or are of an image of another size.
    """
    found = _decode(counts) if isinstance(counts, str) else _read_list(counts)
    if (found < 0).any() or int(found.sum()) != size_hw[0] * size_hw[1]:
        raise ValueError(
            f"the counts of its RLE do not make {size_hw[0]} x {size_hw[1]} pixels (height, width)"
        )
    return found


def _read_list(counts: Any) -> np.ndarray:
    is_list = isinstance(counts, Sequence) and all(type(each) is int for each in counts)
    if not is_list or max(map(abs, counts), default=0) >= 2**48:
        raise ValueError("the counts of its RLE are no text and no list of whole numbers")
    return np.array(counts, np.int64)


def _decode(text: str) -> np.ndarray:
    codes = np.frombuffer(text.encode("latin-1", "replace"), np.uint8).astype(np.int64)
    codes -= _FIRST_CHARACTER
    is_last = (codes & _MORE) == 0
    if len(codes) and (codes.min() < 0 or codes.max() >= 2 * _MORE or not is_last[-1]):
        raise ValueError("the counts of its RLE are damaged")
    ends = np.flatnonzero(is_last) + 1
    lengths = np.diff(ends, prepend=0)
    if lengths.max(initial=0) > 10:
        raise ValueError("the counts of its RLE are damaged")
    places = np.arange(len(codes)) - np.repeat(ends - lengths, lengths)
    parts = (codes & (_MORE - 1)) << (_BITS * places)
    values = np.add.reduceat(parts, ends - lengths) if len(ends) else np.zeros(0, np.int64)
    values -= np.where(codes[ends - 1] & _SIGN, 1 << (_BITS * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def fill_runs(counts: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Make the mask, (H, W) bool, that counts stand for."""
    is_on = np.arange(len(counts)) % 2 == 1
    return np.repeat(is_on, counts).reshape(size_hw[::-1]).T


def box_of_runs(counts: np.ndarray, height: int) -> tuple[int, int, int, int] | None:
    """Find the box x0, y0, x1, y1 round the pixels that are on, x1/y1 exclusive; None without any.

    Args:
        counts: Of `read_counts`.
        height: Of the image.
    """
    edges = np.cumsum(counts)
    starts, ends = edges[:-1:2], edges[1::2]
    has_pixels = ends > starts
    starts, ends = starts[has_pixels], ends[has_pixels] - 1
    if not len(starts):
        return None
    x0, x1 = int(starts[0] // height), int(ends[-1] // height) + 1
    if (starts // height != ends // height).any():
        return x0, 0, x1, height
    return x0, int((starts % height).min()), x1, int((ends % height).max()) + 1
