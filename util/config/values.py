"""Values of keys as texts: how they are described, and how those of a command line are read."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from util.config import REPOSITORY, config_fields, fill_in
from util.disk.json_text import parse_json
from util.errors import UserError

_METAVARS = {bool: "{true,false}", float: "X", int: "N", str: "TEXT", Path: "PATH", dict: "JSON"}


def describe_default(key: str, field: FieldInfo) -> str:
    """Give the default of a key as it stands in a config file, text without quotes.

    Of a path it is what a file gets that leaves it out; where that is another one than
    `config.json` has, both are told.
    """
    if isinstance(field.default, Path):
        section, name = key.split(".")
        place = field.default.relative_to(REPOSITORY).as_posix()
        left_out = fill_in({})[section].get(name, place)
        return place if left_out == place else f"{left_out}; config.json has {place}"
    default = json.dumps(field.default, ensure_ascii=False)
    return default.strip('"') if isinstance(field.default, str) else default


def describe_kind(field: FieldInfo) -> str:
    """Say what kind of value a key takes, or each value of its list."""
    kind = _plain_type(field.annotation)
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return _METAVARS.get(_plain_type(item), "JSON")
    if get_origin(kind) is dict:
        return "NAME=VALUE"
    if get_origin(kind) is Literal:
        return f"{{{','.join(map(str, get_args(kind)))}}}"
    return _METAVARS.get(kind, "VALUE")


def list_values(field: FieldInfo) -> list[str]:
    """List the values that a key can take, or each of its list; [] where they cannot be told."""
    kind = _plain_type(field.annotation)
    if get_origin(kind) is list:
        kind = _plain_type(get_args(kind)[0])
    values = ["true", "false"] if kind is bool else []
    if get_origin(kind) is Literal:
        values = [str(value) for value in get_args(kind)]
    return [*values, "null"] if values and NoneType in get_args(field.annotation) else values


def _plain_type(annotation: Any) -> Any:
    """Take `Annotated` and `| None` off a type."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _plain_type(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def read_overrides(given: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Turn the texts of each key into values, by section and key.

    Raises:
        UserError: A list has commas, or an object is no JSON; all are named.
    """
    overrides: dict[str, dict[str, Any]] = {}
    problems = []
    for key, texts in given.items():
        section, name = key.split(".")
        values = overrides.setdefault(section, {})
        try:
            values[name] = _read_values(texts, config_fields()[key].annotation)
        except ValueError as error:
            problems.append(f"--{key} is {' '.join(texts)}; {error}")
    if problems:
        raise UserError("\n".join(problems))
    return overrides


def _read_values(texts: Sequence[str], annotation: Any) -> Any:
    """Read what was given for a key, once or several times, as its type asks.

    What cannot be read stays text, of which the config says what it should be.
    """
    kind = _plain_type(annotation)
    if texts[-1] == "null" and NoneType in get_args(annotation):
        return None
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return [value for text in texts for value in _read_items(text, _plain_type(item))]
    if get_origin(kind) is dict:
        return _read_named(texts, _plain_type(get_args(kind)[1]))
    return _read_value(texts[-1], kind)


def _read_items(text: str, kind: Any) -> list[Any]:
    """Read a JSON list, or one value, which may well begin with a bracket."""
    if text.startswith("["):
        try:
            items = parse_json(text)
        except ValueError:
            pass
        else:
            return list(items)
    if kind in (int, float) and "," in text:
        raise ValueError(f"a list is given by repeating its option, or as JSON: [{text}]")
    return [_read_value(text, kind)]


def _read_named(texts: Sequence[str], kind: Any) -> dict[str, Any]:
    """Read values with names, given as NAME=VALUE or as JSON objects."""
    named: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if text.startswith("{"):
            named |= parse_json(text)
        elif "," in value:
            raise ValueError("each NAME=VALUE has an option of its own, so repeat it")
        elif equals:
            named[name] = _read_value(value, kind)
        else:
            raise ValueError("expected NAME=VALUE, or a JSON object")
    return named


def _read_value(text: str, kind: Any) -> Any:
    """Read one value: text and paths are what they are, the rest is JSON, with Python's numbers."""
    if kind in (str, Path) or get_origin(kind) is Literal:
        return text
    if get_origin(kind) is dict:
        return parse_json(text)
    try:
        return kind(text) if kind in (int, float) else parse_json(text.lower())
    except ValueError:
        return text


def list_given(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """List the texts of a command line that were given for each key that was given."""
    return {
        # Of --KEY=--, argparse makes an empty list.
        key: ["--" if text == [] else text for text in texts]
        for key in config_fields()
        if (texts := getattr(arguments, key))
    }
