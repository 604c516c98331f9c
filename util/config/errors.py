"""What is wrong with the config, in plain words: impossible values, and keys that do not exist."""

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "names with values, in {{ }}",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_type": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "list_type": "a list, in [ ]",
    "literal_error": "{expected}",
    "model_type": "keys with values, in {{ }}",
    "recursion_depth_exceeded": "less nesting",
    "string_pattern_mismatch": "what matches {pattern}",
    "string_too_short": "text that is not empty",
    "string_type": "text",
    "too_short": "at least {min_length} value",
}
"""What was expected, by pydantic's type of error; our own validators say it themselves."""

_LONGEST = 100
"""So many characters of a value or place are shown."""

_NEAR = 0.8
"""Least similarity, of 1, of a key that may have been meant."""

_OF_SECTION = 0.2
"""How much more a key counts that is in the section named."""


_MOST = 3
"""So many keys are proposed."""


def describe_errors(
    error: ValidationError, source: str, known: Collection[str], whole: str = "the config"
) -> str:
    """Give a line for each wrong value: its place, what it was, what was expected.

    Args:
        error: Of a config.
        source: Its file or the like, for the start of each line.
        known: All sections and keys, such as `student` and `student.epochs`.
        whole: What all values make up, where they are no object at all.
    """
    lines = (_describe(details, known, whole) for details in error.errors())
    return "\n".join(f"{source}: {line}" for line in lines)


def _describe(details: ErrorDetails, known: Collection[str], whole: str) -> str:
    *places, last = map(str, details["loc"]) if details["loc"] else (whole,)
    key = _shorten(".".join([*places, last]))
    if details["type"] == "extra_forbidden":
        return f"unknown key '{key}'; {_propose(key, known)}"
    given = _shorten(json.dumps(details["input"], ensure_ascii=False, default=str))
    if details["type"] in _EXPECTED:
        context: dict[str, Any] = details.get("ctx", {})
        expected = f"expected {_EXPECTED[details['type']].format(**context)}"
    else:
        expected = details["msg"].removeprefix("Value error, ")
    if last == "[key]":  # the name of one value among several
        return f"{'.'.join(places[:-1])} names {given}; {expected}"
    return f"{key} is {given}; {expected}"


def _propose(key: str, known: Collection[str]) -> str:
    """Say what to do about an unknown key of a file."""
    if key in known:
        section, name = key.split(".")
        return f'keys stand in their section: "{section}": {{"{name}": ...}}'
    near = nearest_keys(key, known)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return "take it out (other versions may know it; --help lists the keys of this one)"


def nearest_keys(wrong: str, known: Collection[str]) -> list[str]:
    """Find the keys that were meant by one that does not exist, by their names.

    A key of the section that was named is preferred, and one of another section is meant if it has
    the very same name, be it with its section in front (`data.demo_seed` is `demo.seed`). A section
    that does not exist counts by its similarity. Where no key is near, those are meant that begin
    with it, if they are few. Where no section is named, the nearest key without one comes first,
    whatever a section has.

    Args:
        wrong: Such as `student.epoch`, `epochs` or `techer.prompts`.
        known: The keys that there are.

    Returns:
        At most three that are equally near, but for the first; [] where none is.
    """
    *wrong_section, wrong_name = _plain(wrong).rsplit(".", 1)
    sections = {key.partition(".")[0] for key in known}

    def nearness(key: str) -> float:
        *section, name = key.rsplit(".", 1)
        if wrong_section and not section:
            return 0.0  # a key is asked for, not a section
        if key.replace(".", "_") in (_plain(wrong), wrong_name):
            return 1.0 + _OF_SECTION
        near = _similarity(wrong_name, name)
        if not (wrong_section and section):
            return near
        if wrong_section[0] not in sections:
            return near + _OF_SECTION * _similarity(*wrong_section, *section)
        if section == wrong_section:
            return near + _OF_SECTION
        return near if name == wrong_name else 0.0

    scores = {key: nearness(key) for key in known}
    alike = {} if wrong_section else {k: score for k, score in scores.items() if "." not in k}
    if near := list(dict.fromkeys([*_nearest(alike), *_nearest(scores)])):
        return near[:_MOST]
    longer = [key for key in known if key.startswith(_plain(wrong))]
    return longer if len(longer) <= _MOST else []


def _nearest(scores: Mapping[str, float]) -> list[str]:
    """Give the keys of the highest score, if it is near enough."""
    best = max(scores.values(), default=0.0)
    return [key for key, score in scores.items() if score == best >= _NEAR]


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _shorten(text: str) -> str:
    """Cut what is too long to be read."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... ({len(text)} characters)"
