"""Kinds of values that sections have: paths, names, fractions; and what all sections share."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationInfo,
    field_validator,
)
from pydantic.config import JsonDict

from util.disk.places import begin_elsewhere, to_place
from util.disk.walking import on_disk

REPOSITORY = Path(__file__).resolve().parents[2]

DECIDES_NOTHING: JsonDict = {"decides": False}
"""Mark of a field, its `json_schema_extra`, that changes no result (where and how fast it runs), or
names what is told by its content."""

_TOO_LARGE = 2**63


def expand_path(path: str | Path, base: Path) -> Path:
    """Make a path plain, and absolute if `base` is.

    Args:
        path: It may begin with `~` or `~user`.
        base: Where it begins, if it is relative.

    Raises:
        ValueError: It is empty, there is no such user, or no system can have it.
    """
    if not str(path) or "\0" in str(path):
        raise ValueError("expected a path")
    place = os.path.expanduser(path)  # noqa: PTH111  # a Path has lost the ./ of ./~name
    if place.startswith("~"):
        raise ValueError(
            "expected a path; there is no such user (a folder of that name is ./~NAME)"
        )
    return on_disk(Path(os.path.normpath(base / place)))


def _read_path(value: Any, info: ValidationInfo) -> Path:
    """Make a path of text, from the folder in the validation context."""
    if not isinstance(value, str | Path):
        raise ValueError("expected a path")
    return expand_path(value, (info.context or {}).get("base", REPOSITORY))


def locate_model(name: str, info: ValidationInfo) -> str:
    """Make the path of a model absolute; what is not on this disk is a name, and stays as it is."""
    path = _read_path(name, info)
    is_place = name.startswith("~") or os.path.exists(path)  # noqa: PTH110  no name is too long
    return str(path) if is_place else name


def _no_path_parts(name: str) -> str:
    """Refuse names that would leave the folder they are put in."""
    if not name or name.startswith(".") or any(c in name for c in '/\\:;*?"<>|\0'):
        raise ValueError(
            "expected the name of a folder or list: no '/', '\\', ':', ';', no dot in front"
        )
    return name


def regular_expression(pattern: str) -> str:
    """Refuse what is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    return pattern


def substitutions(replacements: dict[str, str]) -> dict[str, str]:
    """Refuse what cannot replace what a regular expression finds: groups that it does not have."""
    for pattern, replacement in replacements.items():
        try:
            re.sub(pattern, replacement, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"expected what can replace {pattern}: {error}") from None
    return replacements


def _keep_name(value: Any, info: ValidationInfo) -> str:
    """Make a path of what may be a name, which is kept in it."""
    path = _read_path(value, info)
    if value.startswith("~"):
        return str(path)
    return to_place(value, (info.context or {}).get("base", REPOSITORY))


def _write_path(path: Path, info: SerializationInfo) -> str:
    """Make text of a path, as the context of the serialization says."""
    return (info.context or {}).get("move", str)(path)


def _write_place(place: str, info: SerializationInfo) -> str:
    return begin_elsewhere(place, (info.context or {}).get("move", str))


ConfigPath = Annotated[
    Path, PlainValidator(_read_path), PlainSerializer(_write_path, when_used="json")
]


Place = Annotated[str, PlainValidator(_keep_name), PlainSerializer(_write_place, when_used="json")]


FolderName = Annotated[str, AfterValidator(_no_path_parts)]


Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys, no NaN, nothing that no library takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    defaults_version: ClassVar[int] = 1
    """Counts up whenever a default that decides changes, so that what was made with the old one is
    not taken for what the new one would give."""

    def decides(self) -> dict[str, Any]:
        """Give what changes a result: settings that differ from their defaults, as JSON values.

        So a new key with a default leaves all that was made before it as it is.
        """
        changed = self.model_dump(mode="json", exclude_defaults=True)
        decided = {key: value for key, value in changed.items() if self.is_deciding(key)}
        if self.defaults_version > 1:
            decided["defaults_version"] = self.defaults_version
        return decided

    @classmethod
    def is_deciding(cls, key: str) -> bool:
        """Tell whether a key of the section changes results."""
        return cls.model_fields[key].json_schema_extra != DECIDES_NOTHING

    @field_validator("*")
    @classmethod
    def _can_be_used(cls, value: Any) -> Any:
        """Refuse numbers beyond 64 bits, and text that is none; a path may have any bytes."""
        for leaf in _leaves(value):
            if isinstance(leaf, int | float) and abs(leaf) >= _TOO_LARGE:
                raise ValueError("expected numbers below 2**63")
            if isinstance(leaf, str) and not leaf.startswith("/"):
                _check_text(leaf)
        return value


def _leaves(value: Any) -> Iterator[Any]:
    """Walk over what lists and objects hold, names included; a value alone is itself."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _check_text(text: str) -> None:
    """Refuse surrogates: bytes of the command line that are no UTF-8, or half a JSON escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text in UTF-8") from None
