"""The figure of a ranking: dots with intervals, and the label-free score over the true one."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.study.report.plot_style import STYLE, name_points, shortened, write_plot
from util.visualization import new_figure

KINDS = {"prompt": ("#0072B2", "o"), "combination": ("#009E73", "D")}
"""Colour and marker of each."""


def draw_ranking(path: Path, table: pd.DataFrame, metric: str | None) -> None:
    """Draw a ranking as PNG and SVG; see `make_figure`.

    Args:
        path: Of the pictures, without suffix.
        table: Of `tables.tabulate`.
        metric: Name of the true score; None without.
    """
    with rc_context(STYLE):
        write_plot(path, make_figure(table, metric))


def make_figure(table: pd.DataFrame, metric: str | None) -> Figure:
    """Draw label-free scores with their intervals, best on top; with truth, over it beside them."""
    figure = new_figure(10.4 if metric else 5.6, max(1.2 + 0.27 * len(table), 3.2))
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
    return figure


def _draw_truth(axis: Axes, table: pd.DataFrame, metric: str) -> None:
    """Draw true scores over label-free ones, with both intervals and the names of points."""
    axis.hlines(table["true"], table["score_low"], table["score_high"], color="#bbb")
    axis.vlines(table["score"], table["true_low"], table["true_high"], color="#bbb")
    for kind, (colour, marker) in KINDS.items():
        rows = table[table["kind"] == kind]
        axis.plot(rows["score"], rows["true"], marker, color=colour)
    axis.set(xlabel="label-free score", ylabel=metric)
    known = table.dropna(subset=["score", "true"])
    names = [shortened(str(name), 18) for name in known["label_set"]]
    name_points(axis, names, known[["score", "true"]].to_numpy(float))
