"""What is said of settings that differ from those of earlier work."""

from pathlib import Path
from typing import Any

import pytest

from util.errors import UserError
from util.settings import is_same_work, settings_hash


def refuse(made: dict[str, Any], asked: dict[str, Any], **told: str) -> str:
    """Say why work is refused: what stands in brackets."""
    with pytest.raises(UserError) as refused:
        is_same_work(Path("work"), made, asked, False, "another name", told)
    before, _, after = str(refused.value).partition(" (")
    assert before == "work was made with other settings"
    changes, _, remedy = after.rpartition("); ")
    assert remedy == "give --overwrite to make it anew, or another name"
    return changes


def test_values_are_shown_and_what_has_its_default_is_called_so() -> None:
    assert refuse({"a": 1, "same": 2}, {"a": 3, "same": 2, "b": "x"}) == (
        "a: 1 -> 3, b: default -> 'x'"
    )


def test_hashes_are_never_shown() -> None:
    one, other, sha256 = settings_hash({"a": 1}), settings_hash({"a": 2}), "0f" * 32
    made = {"images": one, "label_set": ["bird", one], "weights": None, "name": "facade"}
    asked = {"images": other, "label_set": ["gull", other], "weights": sha256, "name": "decade"}
    assert refuse(made, asked) == (
        "other images than then, label_set: ['bird', ...] -> ['gull', ...], "
        "weights: None -> ..., name: 'facade' -> 'decade'"
    )
    assert refuse({"w": {"sha256": one}}, {"w": {"sha256": other}}) == "other w than then"


def test_what_is_told_of_several_settings_is_said_once() -> None:
    made, asked = {"images": "a", "files": "b", "c": 1}, {"images": "x", "files": "y", "c": 2}
    assert refuse(made, asked, images="other images", files="other images", d="unused") == (
        "other images, c: 1 -> 2"
    )
    assert (
        refuse(made, asked, images="", files="")
        == "images: 'a' -> 'x', files: 'b' -> 'y', c: 1 -> 2"
    )
