"""Which images are worth a look."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reviewing.searching import (
    REASONS,
    Found,
    Source,
    Sources,
    difference,
    disagreement,
    find_images_to_review,
)
from util.data_classes import BoxSettings
from util.label_set import Content, LabelSet, LabelSetWriter

VALUES = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=6, max_size=6)


@given(st.lists(VALUES, min_size=2, max_size=5))
def test_disagreement_is_the_mean_entropy_of_the_votes_at_a_pixel(maps: list[list[float]]) -> None:
    total = 0.0
    for pixels in zip(*maps, strict=True):
        share = sum(value > 0 for value in pixels) / len(pixels)
        for part in (share, 1 - share):
            total -= part * math.log2(part) if part else 0
    arrays = [np.array(each, np.float32).reshape(2, 3) for each in maps]
    assert disagreement(arrays) == pytest.approx(total / 6, abs=1e-6)


@given(VALUES, VALUES)
def test_difference_is_one_less_the_share_that_both_maps_have(
    one: list[float], other: list[float]
) -> None:
    higher = sum(map(max, one, other))
    expected = 1 - sum(map(min, one, other)) / higher if higher else 0
    arrays = [np.array(each, np.float32).reshape(2, 3) for each in (one, other)]
    assert difference(*arrays) == pytest.approx(expected, abs=1e-6)


def marked(share: float) -> np.ndarray:
    """A map of 100 pixels of which a share is marked."""
    return (np.arange(100) < share * 100).astype(np.float32).reshape(10, 10)


Maps = Mapping[str, np.ndarray]


@pytest.fixture
def look(write_label_set: Callable[..., LabelSet]) -> Callable[..., Found]:
    """Look through label sets of given maps."""

    def look(
        members: list[Maps], teacher: Maps, student: Maps | None = None, most: int = 10
    ) -> Found:
        opened = [write_label_set(f"member{n}", dict(each)) for n, each in enumerate(members)]
        sources = Sources(
            [Source(each.name, each) for each in opened],
            Source("teacher", write_label_set("teacher", dict(teacher))),
            None if student is None else Source("s", write_label_set("s", dict(student))),
        )
        ids = sorted({i for each in (*members, teacher, student or {}) for i in each})
        return find_images_to_review(sources, ids, most)

    return look


def test_images_come_by_how_far_prompts_disagree_and_the_worst_are_kept(
    look: Callable[..., Found],
) -> None:
    full = {name: marked(1) for name in "abcd"}
    some = {"a": marked(0.9), "b": marked(0.2), "c": marked(1), "d": marked(0.5)}
    found = look([full, some], full, most=2)
    assert found.images["disagree"] == ["b", "d"]  # 80 and 50 pixels of one vote in two
    assert found.why["b"] == ["prompts disagree: 0.8000 bits a pixel"]
    assert found.counts == {"disagree": 3, "differ": 0, "empty": 0, "failed": 0}
    assert found.num_seen == 4


def test_a_student_is_compared_with_the_teacher_where_both_have_a_map(
    look: Callable[..., Found],
) -> None:
    teacher = {"a": marked(1), "b": marked(1), "c": marked(1), "d": marked(1)}
    student = {"a": marked(0.75), "b": marked(1), "c": marked(0.25)}
    found = look([teacher], teacher, student)
    assert found.images["differ"] == ["c", "a"]
    assert found.why["c"] == ["student and teacher differ: 0.75 of 1"]


def test_an_image_is_shown_once_with_all_of_its_reasons(look: Callable[..., Found]) -> None:
    full, half = {"a": marked(1)}, {"a": marked(0.5)}
    found = look([full, half], full, half)
    assert found.images == {"disagree": ["a"], "differ": [], "empty": [], "failed": []}
    assert len(found.why["a"]) == 2
    assert found.counts["differ"] == 1


def test_what_is_empty_everywhere_is_drawn_from_all_of_the_ids(look: Callable[..., Found]) -> None:
    empty = {f"{n:02}": marked(0) for n in range(50)}
    found = look([empty, empty], empty, most=10)
    assert found.counts["empty"] == 50
    assert len(found.images["empty"]) == 10
    assert len({name[0] for name in found.images["empty"]}) > 2  # from near and far
    assert look([empty, empty], empty, most=10) == found
    assert look([empty, {"00": marked(1)}], empty).counts["empty"] == 49


def test_failures_are_those_of_records_and_of_files_that_cannot_be_read(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "t", {"producer": "test"}) as writer:
        for name in ("a", "b", "c"):
            writer.add(name, Content(marked(0.5)), source="1", seconds=0.0)
        writer.fail("d", "it is truncated")
        label_set = writer.finish(BoxSettings())
    label_set.path("b").write_bytes(b"no picture")
    source = Source("t", label_set)
    found = find_images_to_review(Sources([source], source, None), ["a", "b", "c", "d", "e"], 10)
    assert sorted(found.images["failed"]) == ["b", "d"]
    assert found.why["d"] == ["failed: it is truncated"]
    assert "cannot be read" in found.why["b"][0]
    assert found.num_seen == 4  # nobody knows of e


def test_maps_of_other_sizes_are_a_failure(look: Callable[..., Found]) -> None:
    found = look([{"a": marked(1)}, {"a": marked(1)[:5]}], {"a": marked(1)})
    assert found.why["a"] == ["failed: its maps differ in size"]
    assert set(found.images) == set(REASONS)
