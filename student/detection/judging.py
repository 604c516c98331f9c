"""How well boxes fit the truth, camera by camera."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from util.bbox_csv import split_ignored
from util.metrics.class_average_precision import (
    best_operating_point,
    bootstrap_by_class,
    rank_by_class,
)
from util.streams.cameras import Camera, group_in_time

RESAMPLES = 1000
"""Enough for the ends of an interval that is printed with three digits."""

TOGETHER = "all"
"""Name of the row of all cameras, where there are several."""


def judge_cameras(
    cameras: Sequence[Camera],
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    block: int,
    together: bool = True,
) -> pd.DataFrame:
    """Judge the boxes of each camera's frames, and maybe those of all together.

    Args:
        cameras: With the frames that are judged.
        truths: Table of their true boxes, with regions to ignore or without.
        predictions: Table of predicted boxes; what is in other frames does not count.
        block: Frames that follow each other and are drawn together for intervals.
        together: Whether there is a last row of all cameras, `TOGETHER`, where there are several;
            its intervals take as long as those of all the others.

    Returns:
        A row a camera: `camera`, `frames`, `truths`, `precision` and `recall` (see
        `best_operating_point`), `mAP50` and `mAP50-95` with NAME_low and NAME_high; nan where a
        camera has no true box.
    """
    parts = [[camera] for camera in cameras]
    names = [camera.name for camera in cameras]
    if together and len(cameras) > 1:
        parts.append(list(cameras))
        names.append(TOGETHER)
    rows = [_judge(part, truths, predictions, block) for part in parts]
    return pd.DataFrame(rows, index=pd.Index(names, name="camera")).reset_index()


def _judge(
    cameras: Sequence[Camera], truths: pd.DataFrame, predictions: pd.DataFrame, block: int
) -> dict[str, float]:
    ids, groups = group_in_time(cameras, block)
    true, found = (table[table["image"].isin(set(ids))] for table in (truths, predictions))
    interval = bootstrap_by_class(rank_by_class(true, found, ids), groups, RESAMPLES)
    precision, recall = best_operating_point(true, found, ids)
    ends = np.stack([interval.estimate, interval.low, interval.high], axis=1)
    figures = {
        f"{name}{end}": float(value)
        for name, values in zip(("mAP50", "mAP50-95"), ends, strict=True)
        for end, value in zip(("", "_low", "_high"), values, strict=True)
    }
    return {
        "frames": len(ids),
        "truths": len(split_ignored(true)[0]),
        "precision": precision,
        "recall": recall,
        **figures,
    }


def format_cameras(table: pd.DataFrame) -> str:
    """Lay a table of `judge_cameras` out for the screen, with intervals behind their figures."""
    shown = table[["camera", "frames", "truths", "precision", "recall"]].copy()
    for name in ("mAP50", "mAP50-95"):
        shown[name] = table[name]
        ends = zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)
        shown[f"{name} 95 %"] = [
            "-" if np.isnan(low) else f"[{low:.3f}, {high:.3f}]" for low, high in ends
        ]
    return shown.to_string(index=False, float_format=lambda value: f"{value:.3f}")
