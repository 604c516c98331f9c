"""The plots of a study."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.study.report.label_set_plots import draw_scores, draw_transfer
from analysis.study.report.plot_style import (
    COLOURS,
    LINES,
    MARKERS,
    STYLE,
    add_legend,
    shortened,
    write_plot,
)
from analysis.study.results import ArmResults, StudyResults
from util.visualization import new_figure

COMPONENT_FILLS = {
    "prompt": ("#0072B2", ""),
    "training seed": ("#E69F00", "//"),
    "image": ("#56B4E9", ".."),
    "prompt x image": ("#CC79A7", "\\\\"),
    "residual": ("#BBBBBB", ""),
}
RELIABILITY = "reliability"

SHARE_WITH_TEXT = 0.06
"""Smallest share whose bar is wide enough for its number."""


def write_figures(results: StudyResults, folder: Path) -> list[str]:
    """Write every plot that the results allow as PNG and SVG.

    Returns:
        Their names without suffix, of `FIGURES`: those of an arm are followed by -1, -2 and so on
        where there are several.
    """
    names = []
    with rc_context(STYLE), warnings.catch_warnings():
        # A script that the font lacks is boxes in the PNG; browsers have it for the SVG.
        warnings.filterwarnings("ignore", "Glyph")
        for name, figure in draw_figures(results):
            write_plot(folder / name, figure)
            names.append(name)
    return names


def draw_figures(results: StudyResults) -> Iterator[tuple[str, Figure]]:
    """Draw every plot that the results allow, with its name."""
    for number, arm in enumerate(results.arms, start=1):
        suffix = f"-{number}" if len(results.arms) > 1 else ""
        for name, function in OF_AN_ARM.items():
            figure = function(arm, f"{results.metric}, {results.split}")
            if figure is not None:
                yield f"{name}{suffix}", figure
    if len(results.reliability):
        yield RELIABILITY, draw_reliability(results.reliability)


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
    add_legend(figure, axes, loc="outside lower center", ncols=3)
    return figure


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
    add_legend(figure, list(axes[: len(groups)]), loc="outside upper right", ncols=2)
    return figure


OF_AN_ARM = {
    "scores": draw_scores,
    "transfer": draw_transfer,
    "gain": draw_gain,
    "components": draw_components,
}
"""What draws each figure of an arm, by its name."""

FIGURES = (*OF_AN_ARM, RELIABILITY)
"""All names that figures may have."""
