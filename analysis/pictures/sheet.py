"""Contact sheets: a row an image, a column for photo, truth and each label set."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.pictures.drawing import BLANK, CELL_PX, GAP_PX, column_left, row_width
from analysis.pictures.scale import COLOURS_RGB, ColourScale
from analysis.study.report.plot_style import shortened
from util.visualization import new_figure, write_figure

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
    bars_top = names_top + LINE_PX
    rows_top = bars_top + BAR_PX + LINE_PX + GAP_PX
    tops = np.cumsum([rows_top, *(LINE_PX + len(row) + GAP_PX for row in rows.values())]).tolist()
    height, width = tops[-1] - GAP_PX + MARGIN_PX, row_width(len(columns)) + 2 * MARGIN_PX
    paper = np.full((height, width, 3), BLANK, np.uint8)
    texts = [(MARGIN_PX, MARGIN_PX + n * LINE_PX, line, "left") for n, line in enumerate(lines)]
    for number, (name, scale) in enumerate(columns):
        left = MARGIN_PX + column_left(number)
        texts.append((left, names_top, shortened(name, CHARACTERS_A_CELL), "left"))
        if scale is not None:
            shares = np.linspace(0, 255, CELL_PX).astype(np.uint8)
            paper[bars_top : bars_top + BAR_PX, left : left + CELL_PX] = COLOURS_RGB[shares]
            low, high = scale.ends()
            below = bars_top + BAR_PX + 2
            texts += [(left, below, low, "left"), (left + CELL_PX, below, high, "right")]
    for top, (image_id, row) in zip(tops, rows.items(), strict=False):
        texts.append((MARGIN_PX, top, image_id, "left"))
        below = top + LINE_PX
        paper[below : below + len(row), MARGIN_PX : MARGIN_PX + row.shape[1]] = row
    _write(path, paper, texts)


def _write(path: Path, paper: np.ndarray, texts: Sequence[tuple[int, int, str, str]]) -> None:
    """Write pixels as they are, with texts at x, y of their upper end, and aligned."""
    height, width = paper.shape[:2]
    figure = new_figure(width / DPI, height / DPI)
    figure.set_layout_engine("none")
    figure.set_dpi(DPI)
    figure.figimage(paper)
    for x, y, text, side in texts:
        figure.text(x / width, 1 - y / height, text, fontsize=TEXT_PT, ha=side, va="top")
    write_figure(path, figure, dpi=DPI)
