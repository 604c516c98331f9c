"""What marks become."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.reviewing.marks import (
    Marks,
    find_held_out,
    find_other_lists,
    read_marks,
    weigh,
    write_lists,
)
from util.config import DataSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSet, LabelSetWriter

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


def test_the_list_of_what_is_right_lies_beside_copies_of_the_others(tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "Train.txt").write_bytes(b"a/1\nm\xf6we\n")  # names need not be UTF-8
    right = ["a/1", "c"]
    path = write_lists(tmp_path / "new", "mine", right, find_other_lists("mine", splits))
    assert path.read_text() == "a/1\nc\n"
    assert (tmp_path / "new/Train.txt").read_bytes() == b"a/1\nm\xf6we\n"
    assert sorted(each.name for each in splits.iterdir()) == ["Train.txt"]
    with pytest.raises(UserError, match="has a list Train already"):
        find_other_lists("Train", splits)
    assert write_lists(tmp_path / "bare", "mine", right, find_other_lists("mine", None)).exists()


def test_what_is_validated_or_tested_on_is_held_out_as_far_as_there_are_lists(
    tmp_path: Path,
) -> None:
    names = {"validation_split": "Chosen", "test_split": "Test+Later"}
    assert find_held_out(DataSection(**names), IDS) == set()
    (tmp_path / "Train.txt").write_text("a/1")
    (tmp_path / "Later.txt").write_text("b")
    data = DataSection(splits=tmp_path, **names)
    assert find_held_out(data, IDS) == {"b"}
    (tmp_path / "Chosen.txt").write_text("c\n")
    assert find_held_out(data, IDS) == {"b", "c"}
    (tmp_path / "Chosen.txt").write_text("nowhere")
    with pytest.raises(UserError, match="nowhere"):
        find_held_out(data, IDS)


@pytest.fixture
def label_set(tmp_path: Path) -> LabelSet:
    """A label set of three images, of which b has weights and c logits."""
    with LabelSetWriter(tmp_path / "t", {"producer": "test"}) as writer:
        ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
        writer.add("a/1", Content(ramp), "1", 0.0)
        writer.add("b", Content(ramp, weights=np.full((3, 4), 0.2)), "1", 0.0)
        writer.add("c", Content(ramp, logits=np.full((3, 4), 2.0)), "1", 0.0)
        writer.fail("d", "it is truncated")
        return writer.finish(BoxSettings(threshold=0.7, object_class="bird"))


def test_what_is_wrong_has_weight_0_and_all_else_stays(tmp_path: Path, label_set: LabelSet) -> None:
    marks = Marks("t", {"a/1": "wrong", "b": "right", "d": "wrong"})
    made = weigh(label_set, marks, tmp_path / "new", False).label_set
    assert made is not None
    assert made.ids == ["a/1", "b", "c"]
    assert made.failed == {"d": "it is truncated"}
    assert made.box_settings == label_set.box_settings
    for image_id in made.ids:
        np.testing.assert_array_equal(made.read(image_id), label_set.read(image_id))
    assert not made.read_weights("a/1").any()
    np.testing.assert_allclose(made.read_weights("b"), 0.2, atol=0.001)
    assert not made.is_weighted("c")
    np.testing.assert_array_equal(made.read_logits("c"), 2)


def test_other_marks_make_anew_only_what_is_marked_otherwise(
    tmp_path: Path, label_set: LabelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh(label_set, Marks("t", {"a/1": "wrong", "b": "wrong"}), tmp_path / "new", False)
    read: list[str] = []
    plain: Callable[..., np.ndarray] = LabelSet.read

    def note(self: LabelSet, image_id: str) -> np.ndarray:
        read.append(image_id)
        return plain(self, image_id)

    monkeypatch.setattr(LabelSet, "read", note)
    marks = Marks("t", {"a/1": "right", "b": "wrong"})
    made = weigh(label_set, marks, tmp_path / "new", False).label_set
    assert read == ["a/1"]
    assert made is not None
    assert not made.is_weighted("a/1")
    assert not made.read_weights("b").any()


def test_the_label_set_that_was_marked_is_never_replaced(
    tmp_path: Path, label_set: LabelSet
) -> None:
    with pytest.raises(UserError, match=r"review\.output is 't'"):
        weigh(label_set, Marks("t", {"b": "wrong"}), tmp_path / "t", True)
