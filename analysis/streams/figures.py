"""Plots of results: scores over the frames learnt from, a line a strategy.

The original averages tests on a student's own cameras and on others in one line; here they are
panels of their own.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes

from analysis.streams.run_names import without_seed
from analysis.streams.trained_runs import split_domain
from analysis.study.report.plot_style import LINES, STYLE, add_legend, shortened, write_plot
from util.metrics.intervals import bootstrap
from util.streams.cameras import natural_key
from util.visualization import new_figure

CURVES = ("mAP50", "mAP50-95", "precision", "recall")
SAME, OTHER = "own cameras", "other cameras"
COLUMNS = ["panel", "strategy", "samples", "mean", "low", "high", "cameras", "runs"]


def tabulate_curves(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Average a metric by where students are tested, strategy and samples.

    Seeds of a strategy are averaged over, and so are runs of a camera; then cameras count alike.

    Args:
        results: Columns of `read_results`; rows without the metric are passed over.
        metric: Column of the table.

    Returns:
        Columns `panel` (`SAME` where a student has learnt from the camera, among others or alone,
        else `OTHER`), `strategy`, `samples`, `mean`, `low` and `high` (the 95 % bootstrap interval
        over cameras that are tested on; of a single row its own, METRIC_low and METRIC_high, where
        it has one, else nan), `cameras` and `runs`. Of baselines, which have 0 samples, `panel` is
        '', and all cameras are averaged.
    """
    told = results.dropna(subset=[metric]).copy()
    told["strategy"] = told["strategy"].map(without_seed)
    told["panel"] = [_find_panel(*row) for row in _pairs(told)]
    told.loc[told["samples"] == 0, "panel"] = ""
    rows = [
        (*keys, *_average(part, metric), part["target_domain"].nunique(), part["run_id"].nunique())
        for keys, part in told.groupby(["panel", "strategy", "samples"])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(results: pd.DataFrame) -> list[tuple[str, str]]:
    """Give source and target of each row."""
    return list(zip(results["source_domain"], results["target_domain"], strict=True))


def _find_panel(source: str, target: str) -> str:
    """Tell whether a student has learnt from a camera: `cam1o2` has from `cam2`."""
    return SAME if target == source or target in split_domain(source) else OTHER


def _average(part: pd.DataFrame, metric: str) -> tuple[float, float, float]:
    """Average rows with the ends of an interval."""
    ends = [f"{metric}_low", f"{metric}_high"]
    if len(part) == 1 and {*ends} <= {*part}:
        value, low, high = part[[metric, *ends]].to_numpy(np.float64)[0]
        return float(value), float(low), float(high)
    means = part.groupby("target_domain")[metric].mean().to_numpy(np.float64)
    interval = bootstrap(np.stack([means, np.ones(len(means))], axis=1), _mean)
    return float(interval.estimate), float(interval.low), float(interval.high)


def _mean(sums: np.ndarray) -> np.ndarray:
    """Give means of sums (..., 2), of values and of how many there are."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def draw_all_curves(folder: Path, results: pd.DataFrame, prefix: str) -> list[str]:
    """Draw the curves of each metric of `CURVES`; names of the PNG files, as far as there are any.

    Args:
        folder: Of the pictures.
        results: Columns of `read_results`.
        prefix: How names begin; the metric follows.
    """
    return [
        f"{prefix}_{metric}.png"
        for metric in CURVES
        if draw_curves(folder / f"{prefix}_{metric}", tabulate_curves(results, metric), metric)
    ]


def draw_curves(path: Path, curves: pd.DataFrame, metric: str) -> bool:
    """Draw a metric over samples, a panel for own cameras and one for others, as PNG and SVG.

    Baselines, such as the untouched student and the teacher, are dashed lines.

    Args:
        path: Of the pictures, without suffix; earlier ones are removed where there are none.
        curves: See `tabulate_curves`.
        metric: Its name.

    Returns:
        Whether there was anything to draw: a strategy, not baselines alone.
    """
    panels = [panel for panel in (SAME, OTHER) if (curves["panel"] == panel).any()]
    if not panels:
        for suffix in (".png", ".svg"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return False
    strategies = sorted(set(curves.loc[curves["panel"] != "", "strategy"]), key=natural_key)
    with rc_context(STYLE):
        figure = new_figure(1.2 + 4.0 * len(panels), 4.4)
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axis, panel in zip(axes, panels, strict=True):
            _draw_strategies(axis, curves[curves["panel"] == panel], strategies)
            _draw_baselines(axis, curves[curves["panel"] == ""])
            axis.set(title=panel, xlabel="frames learnt from", xscale="log")
            samples = sorted(set(curves.loc[curves["panel"] != "", "samples"]))
            axis.set_xticks(samples, [str(number) for number in samples])
            axis.minorticks_off()
        axes[0].set_ylabel(metric)
        add_legend(figure, axes, loc="outside lower center", ncols=2)
        write_plot(path, figure)
    return True


def _draw_strategies(axis: Axes, curves: pd.DataFrame, strategies: list[str]) -> None:
    """Draw a line with intervals for each strategy, in the same style in all panels."""
    for number, strategy in enumerate(strategies):
        curve = curves[curves["strategy"] == strategy].sort_values("samples")
        if curve.empty:
            continue
        colour, marker, line = LINES[number % len(LINES)]
        ends = curve[["low", "high"]].to_numpy().T
        errors = np.nan_to_num(np.abs(curve["mean"].to_numpy() - ends))
        beside = curve["samples"] * 1.02 ** (number - (len(strategies) - 1) / 2)  # no bar hides one
        axis.errorbar(
            beside,
            curve["mean"],
            errors,
            label=shortened(strategy),
            capsize=2,
            color=colour,
            marker=marker,
            markersize=4,
            linestyle=line,
        )


def _draw_baselines(axis: Axes, baselines: pd.DataFrame) -> None:
    """Draw a dashed line for each network that has learnt from no camera, darker the better."""
    ordered = baselines.sort_values(["mean", "strategy"])
    for number, (name, mean) in enumerate(ordered[["strategy", "mean"]].itertuples(index=False)):
        gray = 0.6 * (1 - number / max(len(ordered) - 1, 1))
        dashes = (0, (6, 2 + 2 * number))
        axis.axhline(
            mean, color=str(gray), linestyle=dashes, label=f"{shortened(name)} (untouched)"
        )
