"""Labels of whole images: as people write them, and with everything that is wrong said at once."""

import logging
from pathlib import Path

import pytest

from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels

IDS = ["a", "b", "c", "sub/d"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def refused(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_image_labels(path, IDS)
    return str(error.value)


def test_several_rows_are_several_labels_an_empty_one_is_none_and_no_row_is_not_looked_at(
    path: Path,
) -> None:
    path.write_text("image;label\na.jpg;smoke\nsub/d.jpg;smoke\na.jpg;chimney\nb.jpg;\n")
    assert read_image_labels(path, IDS) == {
        "a": {"smoke", "chimney"},
        "sub/d": {"smoke"},
        "b": frozenset(),
    }


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffimage;label\r\na;smoke\r\nb;\r\n",
        "label;image\nsmoke;a\n;b\n",
        ";image;label;view\n1;a; smoke ;north\n2;b;;south\n",
        '"image";"label"\n\n"a.PNG";"smoke"\n\n"b";""\n\n',
        "image;label;\na;smoke;\nb;;\n",
        "image;label\na;smoke\nb\n",
    ],
    ids=[
        "byte order mark",
        "other order",
        "more columns",
        "quotes and blank lines",
        "R",
        "cut short",
    ],
)
def test_the_table_may_look_as_programs_write_it(text: str, path: Path) -> None:
    path.write_text(text, newline="")
    assert read_image_labels(path, IDS) == {"a": {"smoke"}, "b": frozenset()}


def test_all_bad_rows_are_named_together_by_line(path: Path) -> None:
    text = "image;label\na;smoke\n../b;smoke\nc;\n;smoke\na;\nc;steam\na; \n"
    assert refused(path, text) == (
        f"{path} has 5 bad rows: line 3: '../b' is no name of a file in the image folder, "
        "line 5: '' is no name of a file in the image folder, "
        "line 4: c has no label, but in line 7 it is steam, "
        "line 6: a has no label, but in line 2 it is smoke, "
        "line 8: a has no label, but in line 2 it is smoke"
    )
    many = refused(path, "image;label\n" + "/x;y\n" * 30)
    assert "has 30 bad rows: line 2: " in many
    assert many.endswith("and 20 more")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no CSV of labels of images; its first line must be image;label"),
        ("image,label\na,smoke\n", "separated by ',', expected ';'"),
        ("image;class\na;smoke\n", "lacks the column label; expected image;label"),
        ("file;label\na;smoke\n", "lacks the column image"),
        ("image;label;label\na;x;y\n", "names a column twice"),
        ("image;label\n", "has no label of any image; write a row image;label for each"),
        ("image;label\n\n\n", "has no label of any image"),
        ("image;label\na;smoke;steam\n", "expected 2 values in each line, but line 2 has 3"),
    ],
)
def test_what_is_no_table_of_labels_is_said(text: str, message: str, path: Path) -> None:
    assert message in refused(path, text)


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(UserError, match=r"the labels of images .*labels\.csv cannot be read"):
        read_image_labels(path, IDS)


def test_labels_of_unknown_images_are_counted_and_most_of_them_refused(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("image;label\na;smoke\nb;smoke\nelsewhere;smoke\n")
    assert list(read_image_labels(path, IDS)) == ["a", "b"]
    assert "left out 1 of 3 labels, of images that are not in data.images: elsewhere" in caplog.text
    text = "image;label\na;smoke\nx;smoke\ny;\n"
    assert "has 2 of its 3 labels in x, y, which are no images in data.images" in refused(
        path, text
    )


def test_a_label_that_is_there_twice_counts_once_and_is_said(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path.write_text("image;label\na;smoke\na.jpg;smoke\nb;\n")
    assert read_image_labels(path, IDS) == {"a": {"smoke"}, "b": frozenset()}
    assert "has labels of 1 image twice: a" in caplog.text
