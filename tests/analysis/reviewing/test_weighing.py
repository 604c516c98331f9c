"""What is marked as wrong has no weight."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.reviewing.marks import Marks
from analysis.reviewing.weighing import weigh
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSet, LabelSetWriter


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
