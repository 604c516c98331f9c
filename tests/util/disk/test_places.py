from pathlib import Path

import pytest

from util.disk.places import begin_elsewhere, name_in, path_of, to_place


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("bird", "bird", "/project/bird"),
        ("student/Test", "student/Test", "/project/student/Test"),
        ("../x.csv", "../x.csv", "/x.csv"),
        ("./bird", "bird", "/project/bird"),
        ("/x/y.csv", "/x/y.csv", "/x/y.csv"),
        ("a, b", "a, b", "/project/a, b"),
    ],
)
def test_a_place_is_a_path_and_keeps_what_was_given(text: str, name: str, path: str) -> None:
    place = to_place(text, Path("/project"))
    assert name_in(place) == name
    assert path_of(place) == Path(path)
    assert to_place(place, Path("/elsewhere")) == place


def test_a_place_that_begins_relative_to_a_folder_is_the_same_in_it() -> None:
    place = to_place("label_sets/bird", Path("/project"))
    moved = begin_elsewhere(place, lambda path: f"../../../{path.name}")
    assert moved == "../../../project/./label_sets/bird"
    assert to_place(moved, Path("/project/runs/a")) == place
    assert begin_elsewhere("/x/y.csv", lambda path: "z") == "/x/y.csv"
