import os
from pathlib import Path

import pytest

from util.config import DataSection
from util.errors import UserError
from util.images.ids import name_to_id
from util.images.splits import read_split, spread, warn_of_shared_images


def test_ids_keep_their_order_and_may_have_suffixes_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "Train.txt").write_text("b.jpg\n\nsub dir/ä\na\n", encoding="utf-8")
    assert read_split(tmp_path, "Train", {"a", "b", "sub dir/ä"}) == ["b", "sub dir/ä", "a"]


def test_splits_that_are_not_set_are_asked_for() -> None:
    with pytest.raises(UserError, match=r"data\.splits is not set.*util/make_splits\.py"):
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
        ("../a\na\n/b\n", r"2 lines that name no file in the image folder: '\.\./a', '/b'"),
    ],
)
def test_bad_lists_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "Train.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        read_split(tmp_path, "Train", ["a"])


def test_a_missing_list_names_those_there_are_and_the_keys(tmp_path: Path) -> None:
    (tmp_path / "Test.txt").write_text("a\n")
    with pytest.raises(UserError, match=r"splits in this folder: Test\. .*data\.train_split"):
        read_split(tmp_path, "Train", ["a"])
    with pytest.raises(UserError, match=r"splits in this folder: none\. Set data\.splits"):
        read_split(tmp_path / "nowhere", "Train", ["a"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_on_any_system(tmp_path: Path, end: str) -> None:
    names = ["a", "mo\u0308we", "next\x85line", "b.JFIF"]
    text = "\ufeff" + end.join(names) + end
    (tmp_path / "Train.txt").write_bytes(text.encode())
    known = ["a", "m\u00f6we", "next\x85line", "b"]
    assert read_split(tmp_path, "Train", known) == known


def test_a_list_may_have_a_decomposed_name(tmp_path: Path) -> None:
    (tmp_path / "Pru\u0308fung.txt").write_text("a\n")
    assert read_split(tmp_path, "Pr\u00fcfung", ["a"]) == ["a"]


def test_lists_name_files_whose_names_are_not_utf_8_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "Train.txt").write_bytes(b"m\xf6we.jpg\n")
    known = name_to_id(os.fsdecode(b"m\xf6we.jpg"))
    assert read_split(tmp_path, "Train", [known]) == [known]


def test_a_list_of_two_bytes_a_letter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Train.txt").write_text("a\nb\n", encoding="utf-16")
    with pytest.raises(UserError, match="no text in UTF-8"):
        read_split(tmp_path, "Train", ["a", "b"])


def test_images_that_stand_in_two_splits_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "Train.txt").write_text("a\nb.jpg\nc\n")
    (tmp_path / "Validation.txt").write_text("d\ne\n")
    (tmp_path / "Test.txt").write_text("b\nf\nc\n")
    warn_of_shared_images(DataSection(splits=tmp_path))
    (message,) = caplog.messages
    assert message == "2 images stand in both Train and Test, which should be apart: b, c"


def test_a_list_that_is_learnt_from_and_tested_on_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_shared_images(DataSection(splits=tmp_path, test_split="Other+Train"))
    assert caplog.messages == ["Train is both learnt from and tested on"]


def test_a_list_that_only_chooses_is_not_said_to_be_learnt_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_shared_images(DataSection(splits=tmp_path, test_split="Validation+Test"))
    assert caplog.messages == ["Validation, which chooses the checkpoint, is tested on too"]


def test_a_list_that_is_learnt_from_and_chooses_too_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = DataSection(splits=tmp_path, train_split="Validation", test_split="Validation")
    warn_of_shared_images(data)
    assert caplog.messages == ["Validation is both learnt from and tested on"]


@pytest.mark.parametrize("train", ["Train", "Train+Validation", "Validation", "Missing"])
def test_splits_that_are_apart_missing_or_meant_to_be_one_are_no_reason_to_warn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, train: str
) -> None:
    for name, content in (("Train", "a\n"), ("Validation", "b\n"), ("Test", "c\n")):
        (tmp_path / f"{name}.txt").write_text(content)
    warn_of_shared_images(DataSection(splits=tmp_path, train_split=train))
    warn_of_shared_images(DataSection(splits=None))
    assert not caplog.messages


def test_images_are_spread_over_the_split() -> None:
    assert spread(["a", "b", "c", "d", "e", "f"], 3) == ["a", "c", "e"]
    assert spread(["a", "b"], 12) == ["a", "b"]
    assert spread([], 12) == []
