"""Pascal VOC's files, as they are written by labelling tools."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from util.bbox_csv import COORDINATES
from util.errors import UserError
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images, write_image


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "sub/b", "c"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((80, 100, 3), np.uint8))
    (tmp_path / "truth" / "sub").mkdir(parents=True)
    return find_images(tmp_path / "images")


HALF = "<width>200</width><height>160</height>"
"""Of which an image of 100 x 80 is a copy of half the sides."""


def write(path: Path, *objects: str, size: str = "<width>100</width><height>80</height>") -> None:
    path.write_text(
        f"<annotation><filename>x.jpg</filename><size>{size}<depth>3</depth></size>"
        f"{''.join(objects)}</annotation>"
    )


def draw(name: str, x0: float, y0: float, x1: float, y1: float, more: str = "") -> str:
    edges = f"<xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{edges}</bndbox></object>"


def read(tmp_path: Path, images: dict[str, Path], *classes: str) -> pd.DataFrame:
    return read_ground_truth(tmp_path / "truth", "voc", images, classes)


def test_pixels_count_from_one_and_the_last_is_in_the_box(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    write(tmp_path / "truth/a.xml", draw(" gull ", 1, 1, 100, 80), draw("boat", 11, 21, 20, 40))
    write(tmp_path / "truth/sub/b.xml", draw("gull", 51, 41, 51, 41))
    table = read(tmp_path, images)
    assert table["image"].tolist() == ["a", "a", "sub/b"]
    assert table["obj_class"].tolist() == ["gull", "boat", "gull"]
    expected = [[0, 0, 1, 1], [0.1, 0.25, 0.2, 0.5], [0.5, 0.5, 0.51, 0.5125]]
    np.testing.assert_allclose(table[COORDINATES], expected)
    assert not table["ignore"].any()
    assert read(tmp_path, images, "boat")["image"].tolist() == ["a"]


def test_boxes_that_begin_at_0_are_said_since_voc_counts_from_1(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "truth/a.xml", draw("gull", 1, 1, 9, 9), draw("gull", 2, 1, 100, 80))
    read(tmp_path, images)
    assert "begin" not in caplog.text
    write(tmp_path / "truth/a.xml", draw("gull", 1, 1, 9, 9), draw("gull", 16, 0, 20, 20))
    write(tmp_path / "truth/sub/b.xml", draw("gull", 0, 7, 30, 20))
    table = read(tmp_path, images)
    np.testing.assert_allclose(table["xmin"], [0, 0.15, 0])
    assert (
        "2 of 3 boxes begin at pixel 0: a.xml, object 2, sub/b.xml, object 1; VOC counts from 1, "
        "so boxes of a tool that counts from 0 are one pixel too large to the left and to the top"
    ) in caplog.text


def test_difficult_objects_are_regions_to_ignore(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    hard = draw("gull", 1, 1, 10, 10, "<difficult>1</difficult>")
    write(tmp_path / "truth/a.xml", hard, draw("gull", 1, 1, 9, 9, "<difficult>0</difficult>"))
    with caplog.at_level("INFO"):
        assert read(tmp_path, images)["ignore"].tolist() == [True, False]
    assert "1 of 2 objects are difficult: ignored" in caplog.text


def test_all_bad_files_are_named_together(tmp_path: Path, images: dict[str, Path]) -> None:
    write(tmp_path / "truth/a.xml", draw("gull", 1, 1, 10, 10).replace("10", "ten"))
    (tmp_path / "truth/c.xml").write_text("<annotation>")
    write(tmp_path / "truth/sub/b.xml", size="<width>-1</width><height>80</height>")
    with pytest.raises(UserError) as error:
        read(tmp_path, images)
    told = str(error.value)
    assert "3 files are no XML of VOC: a.xml: bndbox/xmax is 'ten', expected a number" in told
    assert "c.xml: no element found" in told
    assert "sub/b.xml: its size is -1 x 80" in told


@pytest.mark.parametrize(
    "size",
    [
        "<size><width>0</width><height>0</height><depth>3</depth></size>",
        "<size><width/><height></height></size>",
        "<size><width>100</width><height>0</height></size>",
        "<size/>",
        "",
    ],
)
def test_the_size_of_the_image_is_taken_where_a_file_gives_none(
    size: str, tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    box = draw("gull", 11, 21, 20, 40)
    (tmp_path / "truth/a.xml").write_text(f"<annotation>{size}{box}</annotation>")
    write(tmp_path / "truth/c.xml", draw("gull", 1, 1, 200, 160), size=HALF)
    with caplog.at_level("INFO"):
        table = read(tmp_path, images)
    np.testing.assert_allclose(table[COORDINATES], [[0.1, 0.25, 0.2, 0.5], [0, 0, 1, 1]])
    assert "gives no width and height of 1 image, whose own are taken: a" in caplog.text


def test_boxes_of_an_image_of_which_no_size_is_known_are_left_out(
    tmp_path: Path, images: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    images["a"].write_text("damaged")
    for name in ("a", "c"):
        box = draw("gull", 11, 21, 20, 40)
        (tmp_path / f"truth/{name}.xml").write_text(f"<annotation>{box}</annotation>")
    assert read(tmp_path, images)["image"].tolist() == ["c"]
    assert "of 1 image, which cannot be read either" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no element found"),
        ("<html/>", "its outermost element is html, expected annotation"),
        ("<annotation><size><width>ten</width></size></annotation>", "size/width is 'ten', "),
        (
            "<a><size><width>100</width><height>80</height></size><object/></a>",
            "object 1 has no name",
        ),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, images: dict[str, Path], content: str, reason: str
) -> None:
    (tmp_path / "truth/a.xml").write_text(content)
    with pytest.raises(UserError, match=f"1 file is no XML of VOC: a.xml: {reason}"):
        read(tmp_path, images)


def test_a_file_of_an_encoding_that_nobody_knows_is_told(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    (tmp_path / "truth/a.xml").write_text('<?xml version="1.0" encoding="ANSI"?><annotation/>')
    with pytest.raises(UserError, match=r"no XML of VOC: a\.xml: unknown encoding: ANSI"):
        read(tmp_path, images)


def test_files_of_images_of_another_shape_are_refused(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    write(tmp_path / "truth/a.xml", size="<width>80</width><height>100</height>")
    with pytest.raises(UserError, match=r"swapped: a\.xml \(80 x 100 for 100 x 80\)"):
        read(tmp_path, images)
    write(tmp_path / "truth/a.xml", size="<width>100</width><height>100</height>")
    with pytest.raises(UserError, match=r"another ratio .* a\.xml \(100 x 100 for 100 x 80\)"):
        read(tmp_path, images)


def test_a_folder_without_a_file_of_any_image_is_refused(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    write(tmp_path / "truth/other.xml")
    with pytest.raises(
        UserError, match=r"no xml file of any image: <image id>\.xml .*such as {.* other"
    ):
        read(tmp_path, images)
