"""YOLO's files as they are written, and as they come back."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from util.bbox_csv import COORDINATES
from util.exporting.yolo import describe, write_lines
from util.ground_truth.yolo import read_yolo


def table_of(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", *COORDINATES, "obj_class", "confidence"])


ROWS = [
    ("b", 0.25, 0.5, 0.75, 1.0, "car", 0.5),
    ("a", 0.0, 0.0, 0.125, 0.25, "bus", 0.75),
    ("b", 0.0, 0.0, 1.0, 0.5, "bus", 1.0),
]


def test_a_line_is_a_box_with_its_centre_and_all_digits() -> None:
    told = dict(write_lines(table_of(ROWS), ["a", "b", "c"], ["car", "bus"], False))
    assert told == {
        "a": "1 0.0625 0.125 0.125 0.25\n",
        "b": "0 0.5 0.75 0.5 0.5\n1 0.5 0.25 1.0 0.5\n",
        "c": "",
    }
    thirds = table_of([("a", 0.0, 0.0, 1 / 3, 1.0, "car", 0.1)])
    assert dict(write_lines(thirds, ["a"], ["car"], True)) == {
        "a": f"0 {1 / 6!r} 0.5 {1 / 3!r} 1.0 0.1\n"
    }


def test_no_box_at_all_gives_empty_files() -> None:
    nothing = table_of([]).astype({"image": str, "obj_class": str})
    assert dict(write_lines(nothing, ["a", "b"], [], True)) == {"a": "", "b": ""}
    assert dict(write_lines(nothing, [], [], True)) == {}


edges = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda e: (min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3]))
)
boxes = st.tuples(
    st.sampled_from(["a", "sub/b", "c"]),
    edges.filter(lambda e: min(e[2] - e[0], e[3] - e[1]) > 1e-9),
    st.sampled_from(["car", "bus", "a class"]),
    st.floats(0, 1),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=12), st.booleans())
def test_what_is_written_is_read_again(
    drawn: list[tuple[str, tuple, str, float]], has_confidence: bool
) -> None:
    table = table_of([(image, *box, name, score) for image, box, name, score in drawn])
    ids, classes = ["a", "c", "sub/b"], ["car", "a class", "bus"]
    with tempfile.TemporaryDirectory() as name:
        for image_id, text in write_lines(table, ids, classes, has_confidence):
            path = Path(name) / f"{image_id}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        read = read_yolo(Path(name), {image_id: Path(image_id) for image_id in ids})
    expected = table.sort_values("image", kind="stable")
    assert read["image"].tolist() == expected["image"].tolist()
    assert [classes[int(c)] for c in read["obj_class"]] == expected["obj_class"].tolist()
    np.testing.assert_allclose(read[COORDINATES], expected[COORDINATES], rtol=0, atol=1e-15)


def test_names_of_classes_are_read_as_they_are() -> None:
    classes = ["car", "no", "a: 'b'", 'quote"s', "möwe", "1"]
    told = yaml.safe_load(describe(Path("/data/it's: here"), classes))
    assert told == {"path": "/data/it's: here", "names": dict(enumerate(classes))}
    assert yaml.safe_load(describe(Path("x"), [])) == {"path": "x", "names": {}}
