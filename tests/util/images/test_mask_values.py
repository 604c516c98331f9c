"""What values of true masks are taken for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import UserError
from util.images.mask_values import (
    choose_classes,
    describe,
    list_values,
    meaning_of_names,
    meaning_of_settings,
    recognise,
    to_settings,
)

BINARY = {"0": "normal", "255": "anomalous"}
NUMBERS = {"0": "normal", "1-49": "anomalous", "255": "ignored"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], NUMBERS),
        ([1], NUMBERS),  # every pixel is anomalous
        ([0, 255], BINARY),
        ([0, 1, 255], NUMBERS),
        ([1, 255], NUMBERS),
        ([0, 3], NUMBERS),
        ([0, 3, 255], NUMBERS),
        ([*range(12)], NUMBERS),
        ([0, 128], {"0": "normal", "128": "anomalous"}),
        ([0, 65535], {"0": "normal", "65535": "anomalous"}),
        ([0], {"0": "normal"}),
    ],
)
def test_usual_masks_are_recognised(values: list[int], expected: dict[str, str]) -> None:
    meaning = recognise(values, are_numbers=False)
    assert meaning is not None
    assert to_settings(meaning) == expected


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 2, 3, 252, 253, 254, 255],  # JPEG
        [*range(256)],  # smooth edges
        [0, 128, 255],  # a trimap
        [0, 50, 85, 170, 255],  # CDnet
        [0, 50, 255],
        [1, 2, 3],  # the pets of Oxford: which is the background?
        [255],  # all anomalous, or all ignored
        [128],
        [0, 1, 65535],
    ],
)
def test_what_might_mean_something_else_is_not_recognised(values: list[int]) -> None:
    assert recognise(values, are_numbers=False) is None


def test_numbers_of_a_coloured_palette_may_be_large() -> None:
    meaning = recognise([0, 7, 150, 255], are_numbers=True)
    assert meaning is not None
    assert to_settings(meaning) == {"0": "normal", "1-254": "anomalous", "255": "ignored"}
    meaning = recognise([0, 255], are_numbers=True)
    assert meaning is not None
    assert to_settings(meaning) == BINARY


@given(st.sets(st.integers(0, 300)), st.sets(st.sampled_from([0, 255])), st.booleans())
def test_more_masks_never_turn_what_is_normal_into_an_anomaly(
    values: set[int], more: set[int], are_numbers: bool
) -> None:
    # All-zero masks, and ignored pixels where there are class numbers, change no meaning.
    if not values & {1, 2, 3}:
        more = more & {0}
    before = recognise(values, are_numbers)
    after = recognise(values | more, are_numbers)
    if before is not None and after is not None:
        for value in values - {0}:
            assert before[value] == after[value]


def test_names_say_what_numbers_mean_and_what_has_none_is_ignored() -> None:
    for names, expected in (
        ({1: ["bird"], 2: ["boat"]}, {"0": "normal", "1-2": "anomalous", "255": "ignored"}),
        ({0: ["sky"], 1: ["car"], 11: []}, {"0": "normal", "1": "anomalous", "11": "ignored"}),
        ({0: [], 7: ["road"], 255: ["bird"]}, {"0": "ignored", "7": "anomalous"}),
    ):
        of_255 = "anomalous" if 255 in names else "ignored"
        assert to_settings(meaning_of_names(names)) == expected | {"255": of_255}


def test_settings_say_what_values_mean() -> None:
    given = {"0-49": "normal", "50": "ignored", "128-255": "anomalous"}
    meaning = meaning_of_settings(given)
    assert to_settings(meaning) == given
    assert describe(meaning, [0, 1, 2, 50, 60, 128], list_values) == (
        "0-2 = normal, 128 = anomalous, 50 = ignored"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"0-9": "normal", "9": "anomalous"}, "says twice what values in 9 mean"),
        ({"9-0": "anomalous"}, "'9-0'; expected a value from 0 to 65535, or a range"),
        ({"0-70000": "anomalous"}, "from 0 to 65535"),
        ({"0": "normal"}, "of no value that it is anomalous"),
    ],
)
def test_impossible_settings_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        meaning_of_settings(given)


def test_classes_that_are_not_chosen_are_normal_and_ignored_pixels_stay_so() -> None:
    meaning = meaning_of_names({1: ["bird"], 2: ["boat"], 7: ["whale"]})
    chosen = choose_classes(meaning, [2, 7])
    assert chosen[[0, 1, 2, 7, 255]].tolist() == [0, 0, 1, 1, 255]
    assert to_settings(chosen) == {
        "0-1": "normal",
        "2": "anomalous",
        "7": "anomalous",
        "255": "ignored",
    }
    every = choose_classes(None, [255])  # the user's word against all that might be meant
    assert every[[0, 85, 255]].tolist() == [0, 0, 1]


def test_a_named_255_is_a_class_and_0_is_normal_even_with_a_name() -> None:
    meaning = meaning_of_names({0: ["sky"], 255: ["smoke"]})
    assert to_settings(meaning) == BINARY
    assert choose_classes(meaning, [0])[[0, 255]].tolist() == [1, 0]


@given(st.sets(st.integers(0, 400), min_size=1))
def test_ranges_list_every_value_once(values: set[int]) -> None:
    text = list_values(sorted(values)).partition(" and ")[0]
    found: list[int] = []
    for part in text.split(", "):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    assert found == sorted(values)[: len(found)]
    assert len(text.split(", ")) <= 8
    assert np.array_equal(np.unique(found), found)
