"""Plots of a study's label sets as points: their scores, and students over their teachers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.study.report.plot_style import COLOURS, MARKERS, add_legend, name_points, shortened
from analysis.study.results import ArmResults
from util.visualization import new_figure


def draw_scores(arm: ArmResults, metric: str) -> Figure:
    """Draw the scores of prompts, then of combinations, with intervals; best teacher on top."""
    table = arm.scores.sort_values("teacher", ascending=False, kind="stable")
    table = table.sort_values("kind", key=lambda kind: kind != "prompt", kind="stable")
    is_combined = (table["kind"] != "prompt").to_numpy()
    heights = np.arange(len(table)) + 0.7 * is_combined  # a gap between the two kinds
    whos = [who for who in COLOURS if table[who].notna().any()]
    figure = new_figure(7.6, 1.2 + 0.27 * len(table))
    axes = figure.subplots(1, len(whos), sharex=True, sharey=True, squeeze=False)[0]
    for axis, who in zip(axes, whos, strict=True):
        low, high = table[f"{who}_low"], table[f"{who}_high"]
        axis.hlines(heights, low, high, color=COLOURS[who], linewidth=1.6)
        for label, is_kind, marker, is_full in _kinds_of_points(table, MARKERS[who]):
            (points,) = axis.plot(table.loc[is_kind, who], heights[is_kind], marker, label=label)
            points.set(color=COLOURS[who], markerfacecolor=COLOURS[who] if is_full else "white")
        chance = table["chance"].iloc[0]
        if np.isfinite(chance):
            axis.axvline(chance, color="#777", linestyle=":", label="marking everything")
        axis.set(title=who, xlabel=metric)
    axes[0].set_yticks(
        heights, [_name_row(*row) for row in table[["label_set", "same_as"]].to_numpy()]
    )
    axes[0].invert_yaxis()
    add_legend(figure, axes[:1], loc="outside lower right", ncols=4)
    return figure


def _name_row(name: str, same_as: str) -> str:
    """Name a label set, and the one that it is equal to."""
    return shortened(name) if not same_as else f"{shortened(name, 20)} = {shortened(same_as, 16)}"


def _kinds_of_points(
    table: pd.DataFrame, marker: str
) -> Iterator[tuple[str, np.ndarray, str, bool]]:
    """Label, rows, marker and whether it is filled, of each kind of label set that is there."""
    target = table["target"].to_numpy()
    for label, value, marker_of_kind, is_full in (
        ("on-target prompt", "on-target", marker, True),
        ("off-target prompt", "off-target", marker, False),
        ("combination", "", "D", True),
    ):
        if (target == value).any():
            yield label, target == value, marker_of_kind, is_full


def draw_transfer(arm: ArmResults, metric: str) -> Figure | None:
    """Draw students over their teachers; None without students, or prompts that differ."""
    table = arm.scores.dropna(subset=["teacher", "student"])
    table = table[table["same_as"] == ""]
    if table.empty or not arm.has_different_prompts:
        return None
    figure = new_figure(7, 4.4)
    axis = figure.subplots()
    ends = [table[["teacher", "student"]].min().min(), table[["teacher", "student"]].max().max()]
    axis.plot(ends, ends, color="#777", linestyle="--", label="student = teacher")
    axis.hlines(table["student"], table["teacher_low"], table["teacher_high"], color="#bbb")
    axis.vlines(table["teacher"], table["student_low"], table["student_high"], color="#bbb")
    for label, is_kind, marker, is_full in _kinds_of_points(table, "o"):
        colour = "#009E73" if label == "combination" else "#0072B2"
        rows = table[is_kind]
        (points,) = axis.plot(rows["teacher"], rows["student"], marker, label=label)
        points.set(color=colour, markerfacecolor=colour if is_full else "white")
    prompts = table[table["kind"] == "prompt"]
    if np.isfinite(_slope(arm)):
        _draw_fit(axis, prompts, _slope(arm))
    axis.set(xlabel=f"teacher: {metric}", ylabel=f"student: {metric}")
    names = [shortened(name) for name in prompts["label_set"]]
    name_points(axis, names, prompts[["teacher", "student"]].to_numpy(float))
    axis.legend(loc="upper left")
    return figure


def _slope(arm: ArmResults) -> float:
    """Slope of the students' scores over the teachers'; nan where it cannot be had."""
    values = arm.transfer.loc[arm.transfer["statistic"] == "slope", "value"]
    return float(values.iloc[0]) if len(values) else np.nan


def _draw_fit(axis: Axes, prompts: pd.DataFrame, slope: float) -> None:
    """Draw the least-squares line: it goes through the mean of the prompts."""
    x = np.array([prompts["teacher"].min(), prompts["teacher"].max()])
    y = prompts["student"].mean() + slope * (x - prompts["teacher"].mean())
    axis.plot(x, y, color="#D55E00", label=f"fit, slope {slope:.2f}")
