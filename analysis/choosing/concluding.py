"""What the tables of strategies and of groups come to, a paragraph each."""

import numpy as np
import pandas as pd

from analysis.choosing.groups import OWN
from analysis.study.statistics.comparisons import SIGNIFICANT
from util.words import count_of

METRIC = "mAP50-95"
"""The score that is spoken of, as in stream-based active distillation."""

EQUAL = 0.05
"""Numbers of steps that differ by less are called equal."""


def conclude(table: pd.DataFrame, gain: pd.DataFrame, reference: str) -> str:
    """Say whether the choice of frames matters, how much, how sure that is, and what is worth it.

    Args:
        table: Of `tabulate_strategies`.
        gain: Of `compare_budgets`.
        reference: Strategy that others are compared with.
    """
    rows = table[table["metric"] == METRIC]
    others = rows[rows["strategy"] != reference]
    if not len(others):
        whether = f"Only {reference} was tried: whether the choice of frames matters stays open."
    else:
        whether = _say_whether(others, ("The choice of frames", "choice of frames"), reference)
    sentences = [whether, _say_gain(rows, gain, reference)]
    sentences += [_say_worth(rows, reference), _say_doubt(others, rows)]
    return " ".join(sentence for sentence in sentences if sentence)


def conclude_groups(table: pd.DataFrame) -> str:
    """Say whether it matters that cameras share a detector, how much, and how sure that is.

    Args:
        table: Of `tabulate_groups`.
    """
    rows = table[table["metric"] == METRIC]
    is_own, key = rows["group"] == OWN, ["strategy", "budget"]
    own, shared = rows[is_own].set_index(key), rows[~is_own].set_index(key)
    apart = (shared["steps"] / own["steps"].reindex(shared.index) - 1).abs().max()
    others = shared.reset_index()
    others["strategy"] = others["group"] + ", " + others["strategy"]
    said = ("Whether cameras share a student", "shared student")
    whether = _say_whether(others, said, "the student of each camera alone")
    steps = "as many steps" if apart < EQUAL else f"steps that differ by up to {apart:.0%}"
    return f"{whether} This is at {steps}. {_say_doubt(others, own)}".strip()


def find_sure(others: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Find the differences that can be told from chance.

    Args:
        others: Rows of strategies but the reference.

    Returns:
        The rows, and which spread they are told by: those of cameras (``) if there are any, else
        those of frames (`_frames`).
    """
    for spread in ("", "_frames"):
        sure = others[others[f"p_holm{spread}"] < SIGNIFICANT]
        if len(sure):
            return sure, spread
    return others.iloc[:0], "_frames"


def _say_whether(others: pd.DataFrame, subject: tuple[str, str], reference: str) -> str:
    """Say whether something matters, which is named with its article, and as one of several."""
    what, one = subject
    sure, spread = find_sure(others)
    cameras = count_of(int(others["cameras"].iloc[0]), "camera")
    if not len(sure):
        widest = others.loc[[others["difference"].abs().idxmax()]]
        return (
            f"No {one} can be told from {reference} by {cameras}; the "
            f"largest difference is {_list(widest, spread)}."
        )
    if spread:
        return (
            f"{what} matters on {cameras}, too few to say so of others; compared "
            f"with {reference}: {_list(sure, spread)}."
        )
    return f"{what} matters, by {cameras}; compared with {reference}: {_list(sure, spread)}."


def _list(rows: pd.DataFrame, spread: str) -> str:
    """Name differences, the largest one first."""
    ordered = rows.loc[rows["difference"].abs().sort_values(ascending=False).index]
    return "; ".join(
        f"{row.strategy}, {row.budget} frames a camera: {row.difference:+.3f} {METRIC}"
        f"{_say_test(low, high, p)}"
        for row, low, high, p in zip(
            ordered.itertuples(),
            ordered[f"difference_low{spread}"],
            ordered[f"difference_high{spread}"],
            ordered[f"p_holm{spread}"],
            strict=True,
        )
    )


def _say_test(low: float, high: float, p: float) -> str:
    """Write an interval and p behind a difference."""
    if np.isnan(p):
        return ", with no interval and no p"
    return f"{say_ends(low, high)}, p {p:.2g} after Holm"


def say_ends(low: float, high: float) -> str:
    """Write an interval behind what it is of; nothing where there is none."""
    return "" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]"


def _say_gain(rows: pd.DataFrame, gain: pd.DataFrame, reference: str) -> str:
    if not len(gain):
        return ""
    of_cameras, of_frames = gain.iloc[0], gain.iloc[1]
    told = of_frames if np.isnan(of_cameras["low"]) else of_cameras
    of = rows.loc[rows["strategy"] == reference, "budget"]
    return (
        f"{of.max()} frames a camera instead of {of.min()}, by {reference}, bring "
        f"{told['difference']:+.3f}{say_ends(told['low'], told['high'])}."
    )


def _say_worth(rows: pd.DataFrame, reference: str) -> str:
    """Say what to do, of the largest budget."""
    last = rows[rows["budget"] == rows["budget"].max()]
    others = last[last["strategy"] != reference]
    if not len(others):
        return ""
    sure, _ = find_sure(others)
    better = sure[sure["difference"] > 0]
    worse = sure[sure["difference"] < 0]
    if len(better):
        best = better.sort_values("difference")["strategy"].iloc[-1]
        return f"Worth doing: choose by {best}."
    advice = f"Worth doing: take frames by {reference}"
    if len(worse):
        return f"{advice}, and none by {', '.join(worse['strategy'])}."
    return f"{advice}, which is as good as can be told."


def _say_doubt(others: pd.DataFrame, own: pd.DataFrame) -> str:
    """Say what so few cameras, or trainings, cannot tell.

    Args:
        others: Rows of what is compared.
        own: Rows of detectors of one camera.
    """
    if not len(others):
        return ""
    cameras, trainings = int(own["cameras"].iloc[0]), int(own["trainings"].iloc[0])
    doubts = []
    if 2.0 ** (1 - cameras) * len(others) >= SIGNIFICANT:
        doubts.append(
            f"{count_of(cameras, 'camera')} cannot make {count_of(len(others), 'comparison')} sure "
            "for other cameras, whatever comes out"
        )
    if trainings == cameras:
        doubts.append("each detector was trained once, so differences may be those of seeds")
    return f"But {'; and '.join(doubts)}." if doubts else ""
