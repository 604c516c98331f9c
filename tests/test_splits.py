from pathlib import Path

import pytest

from util.errors import UserError
from util.splits import read_split


def test_ids_keep_their_order_and_may_have_suffixes_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "Train.txt").write_text("b.jpg\n\nsub dir/ä\na\n", encoding="utf-8")
    assert read_split(tmp_path, "Train", {"a", "b", "sub dir/ä"}) == ["b", "sub dir/ä", "a"]


def test_splits_that_are_not_set_are_asked_for() -> None:
    with pytest.raises(UserError, match=r"data\.splits is not set"):
        read_split(None, "Train", "abc")


def test_splits_are_joined_by_plus_and_must_not_overlap(tmp_path: Path) -> None:
    (tmp_path / "Train.txt").write_text("a\nb\n")
    (tmp_path / "Validation.txt").write_text("c\n")
    assert read_split(tmp_path, "Train+Validation", "abc") == ["a", "b", "c"]
    with pytest.raises(UserError, match="twice: a, b"):
        read_split(tmp_path, "Train+Train", "abc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a\nx\ny\n", r"2 ids \(of 3\) that no image has: x, y"),
        ("a\na\n", "twice: a"),
        ("../a\n", "is no name of a file"),
    ],
)
def test_bad_lists_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "Train.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        read_split(tmp_path, "Train", ["a"])


def test_a_missing_list_names_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "Test.txt").write_text("a\n")
    with pytest.raises(UserError, match="splits in this folder: Test"):
        read_split(tmp_path, "Train", ["a"])
