"""Contact sheets: a row an image, a column for photo, truth and each label set."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.pictures.drawing import BLANK, CELL_PX, GAP_PX, column_left, row_width
from analysis.pictures.scale import COLOURS_RGB, ColourScale
from analysis.study.report.plot_style import shortened
from util.visualization import new_figure, plain_text, write_figure

DPI = 100
MARGIN_PX = 16
LINE_PX = 18
BAR_PX = 10
"""Height of a colour scale."""

TEXT_PT = 9
CHARACTERS_A_CELL = 30
"""How much text is as wide as a column, about."""


def write_sheet(
    path: Path,
    title: str,
    columns: Sequence[tuple[str, ColourScale | None]],
    rows: Mapping[str, np.ndarray],
) -> None:
    """Write a sheet as PNG.

    Args:
        path: Of the sheet.
        title: Stands above; broken into lines that fit.
        columns: Name and scale of each column; None for a photo.
        rows: The pictures of each image by its id (see `lay_out_row`).
    """
    lines = textwrap.wrap(title, CHARACTERS_A_CELL * len(columns))
    names_top = MARGIN_PX + len(lines) * LINE_PX + GAP_PX
    names = [break_name(name) for name, _ in columns]
    bars_top = names_top + max(map(len, names)) * LINE_PX
    rows_top = bars_top + BAR_PX + LINE_PX + GAP_PX
    tops = np.cumsum([rows_top, *(LINE_PX + len(row) + GAP_PX for row in rows.values())]).tolist()
    most_px = row_width(len(columns))
    height, width = tops[-1] - GAP_PX + MARGIN_PX, most_px + 2 * MARGIN_PX
    paper = np.full((height, width, 3), BLANK, np.uint8)
    texts = _stack(MARGIN_PX, MARGIN_PX, lines, most_px)
    for number, (_, scale) in enumerate(columns):
        left = MARGIN_PX + column_left(number)
        texts += _stack(left, names_top, names[number], CELL_PX)
        if scale is not None:
            shares = np.linspace(0, 255, CELL_PX).astype(np.uint8)
            paper[bars_top : bars_top + BAR_PX, left : left + CELL_PX] = COLOURS_RGB[shares]
            low, high = scale.ends()
            below = bars_top + BAR_PX + 2
            texts.append(_Text(left, below, low, CELL_PX // 2))
            texts.append(_Text(left + CELL_PX, below, high, CELL_PX // 2, "right"))
    for top, (image_id, row) in zip(tops, rows.items(), strict=False):
        texts.append(
            _Text(MARGIN_PX, top, shortened(image_id, CHARACTERS_A_CELL * len(columns)), most_px)
        )
        below = top + LINE_PX
        paper[below : below + len(row), MARGIN_PX : MARGIN_PX + row.shape[1]] = row
    _write(path, paper, texts)


def break_name(name: str) -> list[str]:
    """Break a long name into two lines, the middle of a longer one cut out.

    Example:
        >>> break_name("a_white_bird_over_the_grey_sea_in_the_morning")
        ['a_white_bird_over_the_grey_sea', '_in_the_morning']
    """
    text = shortened(name, 2 * CHARACTERS_A_CELL)
    parts = text[:CHARACTERS_A_CELL], text[CHARACTERS_A_CELL:]
    return [part for part in parts if part]


class _Text(NamedTuple):
    """A line of text: x, y of its upper end, how wide it may be, and which end of it is at x."""

    x: int
    y: int
    text: str
    most_px: int
    side: str = "left"


def _stack(x: int, y: int, lines: Sequence[str], most_px: int) -> list[_Text]:
    """Put lines below each other."""
    return [_Text(x, y + number * LINE_PX, line, most_px) for number, line in enumerate(lines)]


def _write(path: Path, paper: np.ndarray, texts: Sequence[_Text]) -> None:
    """Write pixels as they are, with texts, smaller where they would be too wide."""
    height, width = paper.shape[:2]
    figure = new_figure(width / DPI, height / DPI)
    figure.set_layout_engine("none")
    figure.set_dpi(DPI)
    figure.figimage(paper)
    for x, y, text, _, side in texts:
        figure.text(x / width, 1 - y / height, text, fontsize=TEXT_PT, ha=side, va="top")
    with plain_text(figure):
        for drawn, each in zip(figure.texts, texts, strict=True):
            width_px = max(drawn.get_window_extent().width, 1)
            drawn.set_fontsize(TEXT_PT * min(1, each.most_px / width_px))
    write_figure(path, figure, dpi=DPI)
