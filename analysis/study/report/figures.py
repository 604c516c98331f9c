"""The plots of a study. Colours are those of Okabe and Ito; markers and lines tell apart, too."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.study.results import ArmResults, StudyResults
from util.visualization import new_figure, write_figure

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

COMPONENT_FILLS = {
    "prompt": ("#0072B2", ""),
    "training seed": ("#E69F00", "//"),
    "image": ("#56B4E9", ".."),
    "prompt x image": ("#CC79A7", "\\\\"),
    "residual": ("#BBBBBB", ""),
}
SHARE_WITH_TEXT = 0.06
"""Smallest share whose bar is wide enough for its number."""

MAX_NAMED = 22
"""Points that can be named beside a plot without touching."""


def write_figures(results: StudyResults, folder: Path) -> list[str]:
    """Write every plot that the results allow as PNG and SVG.

    Returns:
        Their names without suffix: `scores`, `transfer`, `gain`, `components`, each followed by -1,
        -2 and so on where there are several arms, and `reliability`.
    """
    names = []
    with rc_context(STYLE), warnings.catch_warnings():
        # A script that the font lacks is boxes in the PNG; browsers have it for the SVG.
        warnings.filterwarnings("ignore", "Glyph")
        for name, figure in draw_figures(results):
            write_figure(folder / f"{name}.png", figure)
            write_figure(folder / f"{name}.svg", figure)
            names.append(name)
    return names


def draw_figures(results: StudyResults) -> Iterator[tuple[str, Figure]]:
    """Draw every plot that the results allow, with its name."""
    draw = {
        "scores": draw_scores,
        "transfer": draw_transfer,
        "gain": draw_gain,
        "components": draw_components,
    }
    for number, arm in enumerate(results.arms, start=1):
        suffix = f"-{number}" if len(results.arms) > 1 else ""
        for name, function in draw.items():
            figure = function(arm, f"{results.metric}, {results.split}")
            if figure is not None:
                yield f"{name}{suffix}", figure
    if len(results.reliability):
        yield "reliability", draw_reliability(results.reliability)


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
    _add_legend(figure, axes[:1], loc="outside lower right", ncols=4)
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
    _name_points(axis, prompts)
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


def _name_points(axis: Axes, prompts: pd.DataFrame) -> None:
    """Name points at the right margin in the order of their heights, with a line to each."""
    if len(prompts) > MAX_NAMED:
        return
    rising = prompts.sort_values(["student", "teacher"])
    axis.set_ylim(axis.get_ylim())
    bottom, top = axis.get_ylim()
    places = _keep_apart((rising["student"].to_numpy() - bottom) / (top - bottom))
    columns = rising[["label_set", "teacher", "student"]].itertuples(index=False)
    for (name, x, y), place in zip(columns, places, strict=True):
        axis.annotate(
            shortened(name),
            (x, y),
            xytext=(1.04, place),
            textcoords="axes fraction",
            verticalalignment="center",
            arrowprops={
                **{"arrowstyle": "-", "color": "#999", "linewidth": 0.6, "shrinkB": 4},
                "relpos": (0, 0.5),  # the line begins before the name
            },
        )


def _keep_apart(heights: np.ndarray, gap: float = 0.046) -> list[float]:
    """Move rising heights in [0, 1] as far apart as lines of text are high: up, then down again."""
    places: list[float] = []
    for height in heights:
        places.append(max([height, *(place + gap for place in places[-1:])]))
    highest = 1.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], highest)
        highest = places[i] - gap
    return places


def draw_gain(arm: ArmResults, metric: str) -> Figure | None:
    """Draw scores over the number of prompts combined; None where nothing is or none differ."""
    whos = list(dict.fromkeys(arm.gain.loc[arm.gain["size"] > 1, "who"]))
    if not whos or not arm.has_different_prompts:
        return None
    figure = new_figure(7.6, 3.6)
    axes = figure.subplots(1, len(whos), sharex=True, sharey=True, squeeze=False)[0]
    styles = dict(zip(dict.fromkeys(arm.gain["strategy"]), LINES * len(arm.gain), strict=False))
    for axis, who in zip(axes, whos, strict=True):
        of_side = arm.gain[arm.gain["who"] == who]
        for strategy, curve in of_side.groupby("strategy", sort=False):
            colour, marker, line = styles[strategy]
            (drawn,) = axis.plot(curve["size"], curve["score"], label=strategy)
            drawn.set(color=colour, marker=marker, markersize=4, linestyle=line)
            band = axis.fill_between(curve["size"], curve["low"], curve["high"])
            band.set(color=colour, alpha=0.12, linewidth=0)
        best = (of_side["score"] - of_side["over_best"]).iloc[0]
        axis.axhline(best, color="#777", linestyle=":", label="best single prompt (oracle)")
        sizes = sorted(set(arm.gain["size"]))
        axis.set(title=who, xlabel="prompts combined", xticks=sizes[:: -(-len(sizes) // 8)])
    axes[0].set_ylabel(metric)
    _add_legend(figure, axes, loc="outside lower center", ncols=3)
    return figure


def _add_legend(figure: Figure, axes: Sequence[Axes], **place: Any) -> None:
    """Add one legend of all axes to a figure, each label once."""
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), **place)


def draw_components(arm: ArmResults, metric: str) -> Figure | None:
    """Draw the shares of variance as bars; None where none can be had."""
    table = arm.components.dropna(subset=["share"])
    if table.empty:
        return None
    whos = list(dict.fromkeys(table["who"]))
    figure = new_figure(7.6, 1.2 + 0.5 * len(whos))
    axis = figure.subplots()
    left = dict.fromkeys(whos, 0.0)
    for component, (colour, hatch) in COMPONENT_FILLS.items():
        shares = table[table["component"] == component].set_index("who")["share"]
        if shares.empty:
            continue  # else its entry in the legend would have no bar
        bars = axis.barh(shares.index, shares, left=[left[who] for who in shares.index], height=0.6)
        for bar in bars:
            bar.set(facecolor=colour, hatch=hatch, edgecolor="white")
        bars.set_label(component)
        texts = [f"{share:.0%}" if share >= SHARE_WITH_TEXT else "" for share in shares]
        for text in axis.bar_label(bars, texts, label_type="center"):
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
        for who, share in shares.items():
            left[str(who)] += share
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.set(xlim=(0, 1), xlabel=f"share of the variance between images' scores ({metric})")
    figure.legend(loc="outside lower center", ncols=len(COMPONENT_FILLS))
    return figure


def draw_reliability(reliability: pd.DataFrame) -> Figure:
    """Draw shares of anomalous pixels over probabilities, a panel a label set."""
    groups = list(reliability.groupby("label_set", sort=False))
    num_columns = 4 if len(groups) <= 12 else 6
    num_rows = -(-len(groups) // num_columns)
    figure = new_figure(8.6, 0.8 + 7.2 / num_columns * num_rows)
    axes = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis in axes[len(groups) :]:
        axis.remove()
    for position, (name, table) in enumerate(groups):
        axis = axes[position]
        axis.plot([0, 1], [0, 1], color="#777", linestyle="--", linewidth=0.9)
        for who, curve in table.groupby("who", sort=False):
            (line,) = axis.plot(curve["probability"], curve["share"], label=who, markersize=3)
            style = "-" if who == "teacher" else ":"
            line.set(color=COLOURS[str(who)], marker=MARKERS[str(who)], linestyle=style)
        axis.set_title(shortened(str(name), 96 // num_columns), fontsize="x-small")
        axis.set(xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axis.tick_params(labelbottom=position + num_columns >= len(groups))
    figure.supxlabel("probability", fontsize="medium")
    figure.supylabel("share of anomalous pixels", fontsize="medium")
    _add_legend(figure, list(axes[: len(groups)]), loc="outside upper right", ncols=2)
    return figure


def shortened(name: str, length: int = 34) -> str:
    """Cut the middle out of a long name, and line breaks, so that it fits beside a plot.

    Two thirds of what is left are its beginning.
    """
    text = " ".join(name.split())
    if len(text) <= length:
        return text
    end = length // 3
    return f"{text[: length - end - 1].rstrip()}…{text[-end:].lstrip()}"
