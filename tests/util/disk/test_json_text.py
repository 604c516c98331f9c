import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.disk.json_text import parse_json

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each))


@given(VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
def test_json_of_any_encoding_comes_back(value: object, encoding: str) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=True).encode(encoding)) == value


def test_what_has_a_byte_order_mark_is_read() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": "\xc3\xbc"}') == {"a": "ü"}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (b'{"a": "\xff"}', r"no text \(byte 8"),
        (b"\x89PNG\r\n\x1a\n", "no text"),
        (b'{"a": 1,\n}', "not JSON.*line 2, column 1"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_said_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_json(data)


def test_keys_that_stand_twice_are_refused_with_their_places() -> None:
    text = '{"a": 1, "b": [{}, {"c": {"d": 1, "d": 2, "e": 3, "d": 4}}], "a": 1, "é": 5}'
    with pytest.raises(ValueError, match=r"twice, drop one of each: a, b\.1\.c\.d$"):
        parse_json(text)


def test_numbers_of_any_length_are_read() -> None:
    assert parse_json("9" * 300) == 10**300 - 1
    assert parse_json("[" + "9" * 5000 + ", -" + "9" * 5000 + "]") == [math.inf, -math.inf]
