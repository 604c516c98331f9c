"""What is marked as right is listed, as far as it may be learnt from."""

from pathlib import Path

import pytest

from analysis.reviewing.right_list import RightList, find_held_out, find_other_lists
from util.config import DataSection
from util.errors import UserError

IDS = {"a/1", "b", "c"}


def test_the_list_of_what_is_right_lies_beside_copies_of_the_others(tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "Train.txt").write_bytes(b"a/1\nm\xf6we\n")  # names need not be UTF-8
    path = tmp_path / "new/mine.txt"
    RightList(path, ["a/1", "c"], [], {}, find_other_lists("mine", splits)).write()
    assert path.read_text() == "a/1\nc\n"
    assert (tmp_path / "new/Train.txt").read_bytes() == b"a/1\nm\xf6we\n"
    assert sorted(each.name for each in splits.iterdir()) == ["Train.txt"]
    with pytest.raises(UserError, match="has a list Train already"):
        find_other_lists("Train", splits)
    RightList(tmp_path / "bare/mine.txt", ["c"], [], {}, find_other_lists("mine", None)).write()
    assert (tmp_path / "bare/mine.txt").read_text() == "c\n"


def test_where_nothing_is_right_any_more_the_list_of_earlier_marks_goes(tmp_path: Path) -> None:
    nothing = RightList(tmp_path / "mine.txt", [], ["b"], {"c": "it is truncated"}, [])
    nothing.write()
    (tmp_path / "mine.txt").write_text("a/1\n")
    nothing.write()
    assert not (tmp_path / "mine.txt").exists()
    none, unlearnable, held_out = nothing.describe(DataSection())
    assert none.startswith("No image to learn from")
    assert "1 image marked as right that cannot be learnt from: c: it is truncated" in unlearnable
    assert "1 image marked as right that Validation or Test judges by" in held_out


def test_what_is_validated_or_tested_on_is_held_out_as_far_as_there_are_lists(
    tmp_path: Path,
) -> None:
    names = {"validation_split": "Chosen", "test_split": "Test+Later"}
    assert find_held_out(DataSection(splits=None, **names), IDS) == {}
    (tmp_path / "Train.txt").write_text("a/1")
    (tmp_path / "Later.txt").write_text("b")
    data = DataSection(splits=tmp_path, **names)
    assert find_held_out(data, IDS) == {"b": "Later"}
    (tmp_path / "Chosen.txt").write_text("c\n")
    assert find_held_out(data, IDS) == {"b": "Later", "c": "Chosen"}
    (tmp_path / "Chosen.txt").write_text("nowhere")
    with pytest.raises(UserError, match="nowhere"):
        find_held_out(data, IDS)
