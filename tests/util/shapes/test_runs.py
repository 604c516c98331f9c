"""Runs of pixels, beside those of pycocotools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from util.shapes.runs import box_of_runs, count_runs, encode_runs, fill_runs, read_counts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda hw: arrays(bool, hw))


def encode(mask: np.ndarray) -> str:
    return encode_runs(count_runs(mask, (0, 0), mask.shape))


@given(masks)
def test_the_text_is_that_of_pycocotools(mask: np.ndarray) -> None:
    expected = coco.encode(np.asfortranarray(mask, np.uint8))
    assert encode(mask) == expected["counts"].decode()
    counts = read_counts(encode(mask), mask.shape)
    np.testing.assert_array_equal(fill_runs(counts, mask.shape), mask)
    listed = read_counts(counts.tolist(), mask.shape)
    np.testing.assert_array_equal(fill_runs(listed, mask.shape), mask)


@given(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_part_of_an_image_is_counted_as_the_whole_would_be(
    mask: np.ndarray, left: int, top: int, right: int, below: int
) -> None:
    whole = np.pad(mask, ((top, below), (left, right)))
    np.testing.assert_array_equal(
        count_runs(mask, (left, top), whole.shape), count_runs(whole, (0, 0), whole.shape)
    )


def test_long_runs_are_written_as_pycocotools_does(rng: np.random.Generator) -> None:
    mask = np.zeros((700, 900), bool)
    for _ in range(40):
        row, column = rng.integers(0, 600, 2)
        mask[row : row + rng.integers(1, 300), column : column + rng.integers(1, 300)] ^= True
    text = encode(mask)
    assert text == coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    np.testing.assert_array_equal(fill_runs(read_counts(text, mask.shape), mask.shape), mask)


@given(masks)
def test_the_box_is_that_of_the_pixels(mask: np.ndarray) -> None:
    rows, columns = np.nonzero(mask)
    expected = None
    if len(rows):
        expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    found = box_of_runs(count_runs(mask, (0, 0), mask.shape), mask.shape[0])
    if expected is not None and found is not None and (found[1], found[3]) == (0, len(mask)):
        assert found[::2] == expected[::2]  # a run through the border holds both rows
        assert (expected[1], expected[3]) == (0, len(mask)) or expected[3] - expected[1] == 1
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([3, 2], "do not make 2 x 3 pixels"),
        ([8, -2], "do not make 2 x 3 pixels"),
        ([6.0], "no text and no list"),
        ([True, 5], "no text and no list"),
        ({"a": 1}, "no text and no list"),
        ([10**30], "no text and no list"),
        ("\n", "damaged"),
        ("é", "damaged"),
        ("o", "damaged"),
        ("o" * 20 + "0", "damaged"),
        ("", "do not make"),
    ],
)
def test_damaged_counts_are_refused(counts: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_counts(counts, (2, 3))
