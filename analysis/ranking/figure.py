"""The figure of a ranking: dots with intervals, and the label-free score over the true one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Affine2D, Bbox

from analysis.study.report.plot_style import STYLE, shortened
from util.visualization import new_figure, write_figure

KINDS = {"prompt": ("#0072B2", "o"), "combination": ("#009E73", "D")}
"""Colour and marker of each."""

TEXT_PT = 7
DOT_PT = 6.0
"""Of texts beside dots, and of these."""


def draw_ranking(path: Path, table: pd.DataFrame, metric: str | None) -> None:
    """Draw a ranking as PNG and SVG; see `make_figure`.

    Args:
        path: Of the pictures, without suffix.
        table: Of `tables.tabulate`.
        metric: Name of the true score; None without.
    """
    with rc_context(STYLE):
        figure = make_figure(table, metric)
        for suffix in (".png", ".svg"):
            write_figure(path.with_name(path.name + suffix), figure)


def make_figure(table: pd.DataFrame, metric: str | None) -> Figure:
    """Draw label-free scores with their intervals, best on top; with truth, over it beside them."""
    figure = new_figure(9.2 if metric else 5.6, max(1.2 + 0.27 * len(table), 3.2))
    axes = figure.subplots(1, 2 if metric else 1, squeeze=False)[0]
    heights = np.arange(len(table))
    for kind, (colour, marker) in KINDS.items():
        rows = table[table["kind"] == kind]
        at = heights[(table["kind"] == kind).to_numpy()]
        axes[0].hlines(at, rows["score_low"], rows["score_high"], color=colour, linewidth=1.6)
        axes[0].plot(rows["score"], at, marker, color=colour, label=kind)
    axes[0].set_yticks(heights, [shortened(str(name)) for name in table["label_set"]])
    axes[0].invert_yaxis()
    axes[0].set(xlabel="label-free score", xlim=(0, 1))
    axes[0].legend(loc="best")
    if metric:
        _draw_truth(axes[1], table, metric)
        names = [shortened(str(name), 18) for name in table["label_set"]]
        label_points(axes[1], names, table[["score", "true"]].to_numpy(float))
    return figure


def _draw_truth(axis: Axes, table: pd.DataFrame, metric: str) -> None:
    """Draw true scores over label-free ones, with both intervals."""
    axis.hlines(table["true"], table["score_low"], table["score_high"], color="#bbb")
    axis.vlines(table["score"], table["true_low"], table["true_high"], color="#bbb")
    for kind, (colour, marker) in KINDS.items():
        rows = table[table["kind"] == kind]
        axis.plot(rows["score"], rows["true"], marker, color=colour)
    axis.set(xlabel="label-free score", ylabel=metric)


def label_points(axis: Axes, texts: Sequence[str], points_xy: np.ndarray) -> list[Annotation]:
    """Write a text at each point where it covers no other text and no point, as near as may be.

    A text that is not beside its point has a thin line to it. Texts for which there is no such
    place lie beside their points.

    Args:
        axis: Of a figure whose layout may still change; it is settled first.
        texts: N.
        points_xy: (N, 2) in the units of the axis.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    points = axis.transData.transform(points_xy) * 72 / figure.dpi
    frame = axis.get_window_extent().transformed(Affine2D().scale(72 / figure.dpi))
    dots = [Bbox.from_bounds(x - DOT_PT / 2, y - DOT_PT / 2, DOT_PT, DOT_PT) for x, y in points]
    written: list[Bbox] = []
    labels = []
    told = zip(texts, points_xy.tolist(), points.tolist(), strict=True)
    for text, (at_x, at_y), (x, y) in told:
        size = (0.6 * TEXT_PT * len(text), 1.2 * TEXT_PT)
        places = [place.translated(x, y) for place in _around(size)]
        inside = [place for place in places if frame.x0 < place.x0 and place.x1 < frame.x1]
        free = (place for place in inside if not place.count_overlaps([*dots, *written]))
        place = next(free, places[0])
        written.append(place)
        is_far = not place.padded(DOT_PT).contains(x, y)
        labels.append(
            axis.annotate(
                text,
                (at_x, at_y),
                (place.x0 - x, place.y0 - y),
                textcoords="offset points",
                fontsize=TEXT_PT,
                arrowprops={"arrowstyle": "-", "color": "#888", "lw": 0.5} if is_far else None,
            )
        )
        labels[-1].set_in_layout(False)
    return labels


def _around(size_wh: tuple[float, float]) -> list[Bbox]:
    """List places of a text round a point at (0, 0), the nearest first; in typographic points."""
    width, height = size_wh
    places = []
    for distance in (DOT_PT, 2 * DOT_PT, 4 * DOT_PT, 6 * DOT_PT, 9 * DOT_PT):
        for left in (distance, -width - distance, -width / 2):
            for low in (distance - DOT_PT / 2, -height - distance + DOT_PT / 2, -height / 2):
                if left != -width / 2 or low != -height / 2:
                    places.append(Bbox.from_bounds(left, low, width, height))
    return places
