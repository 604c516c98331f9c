"""How plots of a study look.

Colours are those of Okabe and Ito; markers and lines tell apart, too.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
"""Colour, marker and line style of strategies and of components, in turn."""


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
