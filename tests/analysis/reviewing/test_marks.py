"""Marks of a review are read, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.reviewing.marks import Marks, read_marks
from util.errors import UserError

IDS = {"a/1", "b", "c"}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_marks_are_read_by_the_ids_of_images(tmp_path: Path) -> None:
    told = {"a/1": "right", "b": "wrong", "c": "skip"}
    marks = read_marks(write(tmp_path / "m", {"teacher": "t", "key": "1", "marks": told}), IDS)
    assert marks == Marks("t", told)
    assert marks.of("wrong") == ["b"]


def test_ids_that_no_image_has_and_other_marks_are_all_named(tmp_path: Path) -> None:
    told = {"../../x": "right", "b": "maybe", "c": 1, "a/1": ["right"]}
    with pytest.raises(UserError) as caught:
        read_marks(write(tmp_path / "m", {"teacher": "t", "marks": told}), IDS)
    assert "1 image that is not there: ../../x" in str(caught.value)
    assert "b: 'maybe', c: 1, a/1: ['right']" in str(caught.value)


@pytest.mark.parametrize("content", [[], {"marks": {}}, {"teacher": "t", "marks": []}, "x"])
def test_what_holds_no_marks_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UserError, match="holds no marks"):
        read_marks(write(tmp_path / "m", content), IDS)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read \(No such file"):
        read_marks(tmp_path / "none", IDS)
    (tmp_path / "m").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_marks(tmp_path / "m", IDS)
