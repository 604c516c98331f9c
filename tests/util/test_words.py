import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.words import did_you_mean, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("White-winged terns!", ("white", "winged", "terns")),
        ("a_b  7", ("a", "b", "7")),
        ("पक्षी और पानी", ("पक्षी", "और", "पानी")),
        ("เรือ", ("เรือ",)),
        ("mo\u0308we", ("möwe",)),
        ("❤️ bird", ("bird",)),  # the heart is no letter, so its variation selector is no word
        ("\u0301", ()),
        ("!?", ()),
        ("", ()),
    ],
)
def test_words_are_runs_of_letters_and_digits_with_their_marks(
    text: str, words: tuple[str, ...]
) -> None:
    assert split_words(text) == words


def test_hindi_words_that_differ_in_a_vowel_sign_stay_two() -> None:
    assert split_words("पानी") != split_words("पीना")


@given(st.text())
def test_both_spellings_give_one_word_and_words_are_stable(text: str) -> None:
    words = split_words(text)
    assert split_words(unicodedata.normalize("NFD", text)) == words
    assert all(word and not any(c.isspace() for c in word) for word in words)
    for word in words:
        first = unicodedata.category(word[0])
        assert first[0] in "LN", first


def test_capitals_make_no_difference_to_what_may_be_meant() -> None:
    assert did_you_mean("Duck", ["duck", "goose"]) == " (did you mean 'duck'?)"
    assert did_you_mean("DUCK", ["Duck", "goose"]) == " (did you mean 'Duck'?)"
    assert did_you_mean("whale", ["Duck", "goose"]) == ""
