"""Masks merged by a map, by hand and against sets of pixels."""

from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from util.refinement.merging import merge_masks


def line(text: str) -> np.ndarray:
    """One row of pixels, of which those that are no dot are marked."""
    return np.array([[letter != "." for letter in text]])


def merged(soft_label: np.ndarray, *masks: str) -> str:
    result = merge_masks(soft_label.astype(np.float32), [line(mask) for mask in masks])
    assert set(np.unique(result)) <= {0, 1}
    return "".join("x" if pixel else "." for pixel in result[0])


def test_masks_that_are_mostly_marked_are_taken_whole_and_others_lose_what_is_marked() -> None:
    marked = line("xx..xx....xx")
    assert merged(marked, "xxx.........") == "xxx.xx....xx"  # 2 of 3
    assert merged(marked, "xxxx........") == "....xx....xx"  # half is not enough
    assert merged(marked, "xxx.........", "....xxxx....") == "xxx.......xx"
    assert merged(marked, ".xxx........", "xxx.........") == "xxx.xx....xx"


def test_a_mask_that_has_nearly_all_that_is_marked_is_taken_unless_it_is_half_the_image() -> None:
    marked = line("..xx........")
    assert merged(marked, "xxxxxx......") == "xxxxxx......"
    assert merged(marked, "xxxxxxx.....") == "..xx........"  # as if it were not there
    assert merged(line("............"), "xxxx........") == "............"
    assert merged(marked) == "..xx........"


def test_what_is_marked_is_above_the_threshold() -> None:
    soft_label = np.array([[0.2, 0.4, 0.6, 0]], np.float32)
    assert merge_masks(soft_label, [], threshold=0.4).tolist() == [[0, 0, 1, 0]]
    assert merge_masks(soft_label, [], threshold=0.1).tolist() == [[1, 1, 1, 0]]


@given(
    arrays(bool, (4, 5)),
    st.lists(arrays(bool, (4, 5)), max_size=5),
    st.sampled_from([0.25, 0.5, 1]),
    st.randoms(use_true_random=False),
)
def test_it_is_what_sets_of_pixels_give_in_any_order(
    marked: np.ndarray, masks: Sequence[np.ndarray], largest: float, order: Random
) -> None:
    pixels = set(np.flatnonzero(marked))
    sets = [set(np.flatnonzero(mask)) for mask in masks]
    sets = [each for each in sets if len(each) <= largest * marked.size]
    taken = [
        each
        for each in sets
        if len(each & pixels) > len(each) / 2
        or (pixels and len(each & pixels) / len(pixels) >= 0.85)
    ]
    expected = set().union(*taken) | (pixels - set().union(*sets))
    shuffled = order.sample(list(masks), len(masks))
    result = merge_masks(marked.astype(np.float32), shuffled, largest=largest)
    assert set(np.flatnonzero(result)) == expected
