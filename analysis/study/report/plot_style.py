"""How plots of a study look.

Colours are those of Okabe and Ito; markers and lines tell apart, too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from util.visualization import write_figure

STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a prompt with dollars is no formula
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
}
COLOURS = {"teacher": "#0072B2", "student": "#D55E00"}
MARKERS = {"teacher": "o", "student": "s"}
LINES = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", (0, (5, 1))),
    ("#56B4E9", "P", (0, (3, 1, 1, 1))),
    ("#000000", "X", (0, (1, 1))),
)
"""Colour, marker and line style of strategies, and colour of clusters, in turn."""

NAME_INCH = 0.2024
"""Height that the name of a point takes beside a plot."""


def write_plot(path: Path, figure: Figure) -> None:
    """Write a figure as PNG and as SVG.

    Args:
        path: Of the pictures, without suffix.
        figure: To be written.
    """
    for suffix in (".png", ".svg"):
        write_figure(path.with_name(path.name + suffix), figure)


def add_legend(figure: Figure, axes: Sequence[Axes], **place: Any) -> None:
    """Add one legend of all axes to a figure, each label once."""
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), **place)


def shortened(name: str, length: int = 34) -> str:
    """Cut the middle out of a long name, and line breaks, so that it fits beside a plot.

    Two thirds of what is left are its beginning.
    """
    text = " ".join(name.split())
    if len(text) <= length:
        return text
    end = length // 3
    return f"{text[: length - end - 1].rstrip()}…{text[-end:].lstrip()}"


def name_points(axis: Axes, names: Sequence[str], points_xy: np.ndarray) -> None:
    """Name points at the right margin in the order of their heights, with a line to each.

    More names than fit beside the plot are all left out.

    Args:
        axis: Keeps its limits.
        names: Of N points.
        points_xy: (N, 2) finite, in the units of the axis.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    gap = NAME_INCH / figure.get_figheight()
    if (len(names) - 1) * gap > 1:
        return
    rising = np.lexsort(points_xy.T)  # by height, and where that is equal by x
    axis.set_ylim(axis.get_ylim())
    bottom, top = axis.get_ylim()
    places = _keep_apart((points_xy[rising, 1] - bottom) / (top - bottom), gap)
    for position, place in zip(rising.tolist(), places, strict=True):
        axis.annotate(
            names[position],
            points_xy[position],
            xytext=(1.04, place),
            textcoords="axes fraction",
            verticalalignment="center",
            arrowprops={
                **{"arrowstyle": "-", "color": "#999", "linewidth": 0.6, "shrinkB": 4},
                "relpos": (0, 0.5),  # the line begins before the name
            },
        )


def _keep_apart(heights: np.ndarray, gap: float) -> list[float]:
    """Move rising heights in [0, 1] apart by a gap or more: up, then down again."""
    places: list[float] = []
    for height in heights.tolist():
        places.append(max([height, *(place + gap for place in places[-1:])]))
    highest = 1.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], highest)
        highest = places[i] - gap
    return places
