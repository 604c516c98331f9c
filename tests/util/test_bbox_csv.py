from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import box_table, write_table
from util.bbox_csv import COORDINATES, boxes_to_table, read_bbox_csv
from util.data_classes import Boxes
from util.errors import UserError
from util.metrics.boxes import BoxMatcher

HEADER = "image;xmin;ymin;xmax;ymax;obj_id;obj_class;confidence"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_tables_survive_the_disk_with_awkward_names(tmp_path: Path) -> None:
    names = ["a;b", 'say "hi"', "möwe 1", "sub/x", "1", "NA", "null"]
    table = box_table([(name, 0.1, 0.2, 0.3, 0.4, 0.5) for name in names])
    write_table(tmp_path / "x.csv", table)
    read = read_bbox_csv(tmp_path / "x.csv")
    assert read["image"].tolist() == names
    np.testing.assert_allclose(read["confidence"], 0.5)


def test_coordinates_are_relative_to_width_and_height() -> None:
    boxes = Boxes(np.array([[10.0, 20, 30, 40]]), np.array([0.7]))
    table = boxes_to_table([("a", (100, 50), boxes)], "bird")
    row = table.iloc[0]
    assert (row.xmin, row.ymin, row.xmax, row.ymax) == (0.2, 0.2, 0.6, 0.4)
    assert (row.obj_id, row.obj_class, row.confidence) == (0, "bird", 0.7)


@given(
    st.tuples(st.integers(2, 9000), st.integers(1, 9000)),
    st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
    st.floats(0, 1),
)
@settings(max_examples=50, deadline=None)
def test_half_of_a_box_in_whole_pixels_is_half_of_it_in_a_file_too(
    size_wh: tuple[int, int], shares: tuple[float, ...], confidence: float
) -> None:
    width, height = size_wh
    half = 1 + int(shares[0] * (width // 2))
    x, y = int(shares[1] * (width - 2 * half + 1)), int(shares[2] * height)
    bottom = y + 1 + int(shares[3] * (height - y))
    box = [x, y, x + 2 * half, bottom]
    halves = [[x, y, x + half, bottom], [x, y, x + half - 1, bottom]]
    boxes = Boxes(np.array([box, *halves], float), np.array([1, confidence, confidence]))
    table = boxes_to_table([("a", (height, width), boxes)], "bird")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.csv"
        write_table(path, table)
        read = read_bbox_csv(path)
    for column in (*COORDINATES, "confidence"):
        assert read[column].tolist() == table[column].tolist()
    truth, exactly, less = (read.iloc[[row]] for row in range(3))
    for half_box, is_found in ((exactly, True), (less, False)):
        matcher = BoxMatcher(truth, half_box, ["a"], min_confidence=-1)
        assert matcher.one_to_one(0.5).total().true_positives == is_found


def test_no_boxes_give_a_header_alone(tmp_path: Path) -> None:
    table = boxes_to_table([("a", (10, 10), Boxes(np.zeros((0, 4)), np.zeros(0)))], "bird")
    write_table(tmp_path / "x.csv", table)
    assert (tmp_path / "x.csv").read_text() == HEADER + "\n"
    assert read_bbox_csv(tmp_path / "x.csv").empty


def test_suffixes_and_other_columns_are_dropped_and_optional_ones_filled(tmp_path: Path) -> None:
    path = write(tmp_path, "a.JPG;0;0;1;1;5", header="image;xmin;ymin;xmax;ymax;line")
    row = read_bbox_csv(path).iloc[0]
    assert (row.image, row.obj_class, row.confidence) == ("a", "unknown", 1.0)
    path = write(tmp_path, "a.JPG;0;0;1;1; ", header="image;xmin;ymin;xmax;ymax;obj_class")
    assert read_bbox_csv(path)["obj_class"].tolist() == ["unknown"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a;x;0;1;1;0;bird;1", r"no number in xmin in line 3 \(a\)"),
        ("a;;0;1;1;0;bird;1", "no number in xmin"),
        ("a;0;0;1", r"no number in ymax in line 3 \(a\)"),
        ("a;0;0;1.5;1;0;bird;1", r"outside \[0, 1\]"),
        ("a;-0.1;0;1;1;0;bird;1", r"outside \[0, 1\]"),
        ("a;0.5;0;0.4;1;0;bird;1", "xmin > xmax"),
        ("a;0;0.5;1;0.4;0;bird;1", "ymin > ymax"),
        ("a;0;0;1;1;0;bird;2", "confidence"),
        ("../a;0;0;1;1;0;bird;1", "is no name of a file"),
    ],
)
def test_bad_rows_are_named_by_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_bbox_csv(write(tmp_path, "good;0;0;1;1;0;bird;1", row))


GOOD = ["a;0.1;0.25;0.3;0.5;0;bird;1", "b;0.6;0.625;0.9;0.75;1;white crest;0.5"]


def quoted(line: str) -> str:
    return ";".join(f'"{cell}"' for cell in line.split(";"))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (quoted(HEADER), [quoted(row) for row in GOOD]),  # R's write.csv2
        (HEADER + ";", [row + ";" for row in GOOD]),  # spreadsheets
        (HEADER + ";;", [row + "; ;" for row in GOOD]),
        (";" + HEADER, [f"{number};{row}" for number, row in enumerate(GOOD)]),  # row numbers
        ('"";' + quoted(HEADER), [f'"{n}";{quoted(row)}' for n, row in enumerate(GOOD)]),
        (" " + HEADER, GOOD),
        ("\n\n" + HEADER, GOOD),
        (HEADER.replace(";", " ; "), [row.replace(";", " ; ") for row in GOOD]),
        (HEADER + ";note", [row + ";seen twice" for row in GOOD]),
    ],
)
def test_tables_are_read_as_spreadsheets_and_r_write_them(
    header: str, rows: list[str], tmp_path: Path
) -> None:
    expected = read_bbox_csv(write(tmp_path, *GOOD))
    found = read_bbox_csv(write(tmp_path, *rows, header=header))
    assert found.to_csv(index=False) == expected.to_csv(index=False)
    assert found["obj_class"].tolist() == ["bird", "white crest"]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (HEADER, "a;0,1;0,25;0,3;0,5;0;bird;1", r"a decimal comma, .* in xmin in line 2 \(a\)"),
        (HEADER.replace(";", ","), "a,0,0,1,1,0,bird,1", "separated by ',', expected ';'"),
        (HEADER.replace(";", "\t"), "a\t0\t0\t1\t1\t0\tbird\t1", "separated by tabs"),
        (HEADER + ";", GOOD[0] + ";gull", "column 9 has values, but no name"),
        (";;", "a;0;0", "no CSV of boxes"),
        (HEADER, '"a;0;0;1;1;0;bird;1', "boxes.csv: a quote that is opened in line 2 is"),
        (HEADER, 'a;0;0;1;1;0;bird;1\n\nb;"0', "a quote that is opened in line 4 is not closed"),
        ("\n" + HEADER, 'a;0;0;1;1;0;"bird;1\n', "a quote that is opened in line 3 is not closed"),
    ],
)
def test_other_tables_are_one_sentence(header: str, row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_bbox_csv(write(tmp_path, row, header=header))


def test_lines_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"in line 5 \(b\)"):
        read_bbox_csv(write(tmp_path, GOOD[0], "b;0;0;9;1;0;bird;1", header="\n\n" + HEADER))
    with pytest.raises(UserError, match="but line 5 has 9"):
        read_bbox_csv(write(tmp_path, GOOD[0], GOOD[1] + ";1", header="\n\n" + HEADER))


@pytest.mark.parametrize("row", ["a;0.1;0.1;0.2;0.2;0.9", "a;0;0;1;1;"])
def test_rows_that_are_too_long_are_refused(tmp_path: Path, row: str) -> None:
    header = "image;xmin;ymin;xmax;ymax"
    with pytest.raises(UserError, match="expected 5 values in each line, but line 4"):
        read_bbox_csv(write(tmp_path, "", "b;0;0;1;1", row, header=header))
    with pytest.raises(UserError, match="expected 5 values in each line, but line 2"):
        read_bbox_csv(write(tmp_path, row, row, header=header))


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    assert len(read_bbox_csv(write(tmp_path, "", "a;0;0;1;1;0;bird;1", ""))) == 1
    with pytest.raises(UserError, match=r"in line 4 \(b\)"):
        read_bbox_csv(write(tmp_path, "", "a;0;0;1;1;0;bird;1", "b;0;0;9;1;0;bird;1"))


def test_columns_named_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no CSV of boxes"):
        read_bbox_csv(write(tmp_path, header="image;xmin;ymin;xmax;ymax;xmin"))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_must_be_finite(tmp_path: Path, value: str) -> None:
    with pytest.raises(UserError, match="no number in confidence"):
        read_bbox_csv(write(tmp_path, f"a;0;0;1;1;0;bird;{value}"))


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks the column xmax, ymax"):
        read_bbox_csv(write(tmp_path, header="image;xmin;ymin"))
    with pytest.raises(UserError, match="cannot be read"):
        read_bbox_csv(tmp_path / "nowhere.csv")
    (tmp_path / "excel.csv").write_bytes("image;xmin\nmöwe;0\n".encode("cp1252"))
    with pytest.raises(
        UserError, match=r"excel\.csv are no text in UTF-8 \(byte 13: .*; save them"
    ):
        read_bbox_csv(tmp_path / "excel.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="no CSV of boxes"):
        read_bbox_csv(tmp_path / "empty.csv")
