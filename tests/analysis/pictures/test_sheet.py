"""Texts of contact sheets, which stay in their columns."""

import os
from pathlib import Path

import numpy as np
import pytest

from analysis.pictures.drawing import CELL_PX, column_left, row_width
from analysis.pictures.scale import ColourScale
from analysis.pictures.sheet import MARGIN_PX, break_name, write_sheet
from util.images.files import read_image

ROW_PX = 5


def write(path: Path, names: list[str], image_id: str = "a") -> np.ndarray:
    """Where a sheet of these columns is not white, its only row left out."""
    row = np.full((ROW_PX, row_width(len(names)), 3), 255, np.uint8)
    write_sheet(path / "sheet.png", "", [(name, None) for name in names], {image_id: row})
    return np.asarray((read_image(path / "sheet.png") < 255).any(axis=2))


@pytest.mark.parametrize("name", ["W" * 80, "MAJUSCULE_NAMES_OF_30_LETTERS_", "a word " * 20])
def test_a_long_name_stays_in_its_column(tmp_path: Path, name: str) -> None:
    names = [name, "", "short", name]
    drawn = write(tmp_path, names, "")
    for number, shown in enumerate(names):
        left = MARGIN_PX + column_left(number)
        assert drawn[:, left : left + CELL_PX].any() == bool(shown)
        assert not drawn[:, left + CELL_PX + 1 : left + CELL_PX + 7].any()
    assert not drawn[:, -MARGIN_PX + 2 :].any()


def test_names_that_begin_and_end_alike_can_be_told_apart(tmp_path: Path) -> None:
    one, other = "a_white_bird_over_the_grey_sea_at_dawn", "a_white_bird_over_the_cold_sea_at_dawn"
    assert break_name(one) == ["a_white_bird_over_the_grey_sea", "_at_dawn"]
    assert break_name(other) == ["a_white_bird_over_the_cold_sea", "_at_dawn"]
    cut = break_name("x" * 100 + "_end")
    assert [len(line) for line in cut] == [30, 30]
    assert cut[1].endswith("_end")
    assert "…" in "".join(cut)
    two_lines = write(tmp_path, [one])
    assert len(two_lines) > len(write(tmp_path, ["bird"]))


def test_a_long_image_id_stays_on_the_sheet(tmp_path: Path) -> None:
    drawn = write(tmp_path, ["photo"], "folder/" * 30 + "image")
    assert drawn.any()
    assert not drawn[:, -MARGIN_PX + 2 :].any()


@pytest.mark.filterwarnings("error")
def test_names_of_any_script_or_none_are_drawn_as_they_are(tmp_path: Path) -> None:
    scale = ColourScale(0.0, 1.0)
    row = np.full((ROW_PX, CELL_PX, 3), 255, np.uint8)
    path, no_text = tmp_path / "sheet.png", os.fsdecode(b"m\xf6we")
    for name in ("$bad_{formula", no_text, "鳥"):
        write_sheet(path, "maps", [(name, scale)], {name: row})
        assert read_image(path).shape[1] == CELL_PX + 2 * MARGIN_PX
