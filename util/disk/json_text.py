"""JSON that people write: what their editors add is passed over, what is ambiguous is refused."""

import json
from collections.abc import Iterator
from typing import Any

_MOST_DIGITS = 300
"""Whole numbers of more digits become floats, which Python reads at any length."""


class _Ambiguous(dict[str, Any]):
    """An object that has keys twice."""

    twice: list[str]


def parse_json(data: bytes | str) -> Any:
    """Read JSON that may begin with a byte order mark.

    NaN and Infinity are read, and so is a number that is too large for a float, as Infinity.

    Args:
        data: The content of a file, in UTF-8, -16 or -32; or text.

    Raises:
        ValueError: It is empty, no text, malformed or nested too deeply, or an object has a key
            twice. The message goes on from the name of the file: "it is empty".
    """
    text = _decode(data) if isinstance(data, bytes) else data
    if not text.strip():
        raise ValueError("it is empty")
    ambiguous = []

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        marked = _Ambiguous(found)
        names = [name for name, _ in pairs]
        marked.twice = [name for name in found if names.count(name) > 1]
        ambiguous.append(marked)
        return marked

    try:
        content = json.loads(text, object_pairs_hook=to_dict, parse_int=_parse_int)
        twice = list(_find_twice(content)) if ambiguous else []
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    if twice:
        raise ValueError(f"it has keys twice, drop one of each: {', '.join(twice)}")
    return content


def _decode(data: bytes) -> str:
    """Decode UTF-8, UTF-16 or UTF-32, told apart as the JSON standard says."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text (byte {error.start + 1}: {error.reason})") from None


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _find_twice(value: Any, place: str = "") -> Iterator[str]:
    """Name the keys that an object, or one in it, has twice, with their places: `student.epochs`.

    An object that is itself the first of two with one name is lost, and so are its keys.
    """
    if isinstance(value, _Ambiguous):
        yield from (f"{place}{name}" for name in value.twice)
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _find_twice(each, f"{place}{name}.")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _find_twice(each, f"{place}{number}.")
