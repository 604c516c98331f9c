"""The road-anomaly benchmark's conventions, pixel by pixel: independent of `util.metrics`.

A frame is a list of pixels, each a score and a truth (0, 1, or 255: ignored).
"""

import bisect
import itertools
import math
from collections.abc import Sequence

Frame = Sequence[tuple[float, int]]
Point = tuple[float, int, int]
"""Lower edge, true positives, false positives."""


def plain_quantiles(scores: Sequence[float]) -> list[float]:
    """At most 384 quantiles of a class, evenly spaced, each between two neighbours."""
    ranked = sorted(scores)
    number = min(384, len(ranked))
    found = []
    for i in range(number):
        # As floats, for an edge that is one bit above a score does not hold it.
        level = 0.0 if i == 0 else 1.0 if i == number - 1 else i * (1 / (number - 1))
        place = level * (len(ranked) - 1)
        below = math.floor(place)
        a, b = ranked[below], ranked[min(below + 1, len(ranked) - 1)]
        t = place - below
        found.append(b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t)
    return found


def plain_edges(frame: Frame, version: str, binning: str) -> list[float]:
    scores = [score for score, _ in frame]
    if binning == "uniform":
        low, high = (0.0, 1.0) if version == "2021" else (-0.01, 1.01)
        step = (high - low) / 4096
        return [low + i * step for i in range(4096)] + [high]
    edges = set()
    for truth in (0, 1):
        edges |= {*plain_quantiles([s for s, t in frame if t == truth])}
    if version == "2021":
        edges |= {0.0, 1.0}
    else:
        margin = max(0.01 * (max(scores) - min(scores)), 0.01)
        edges |= {min(scores) - margin, max(scores) + margin}
    return sorted(edges)


def lower_edge(score: float, edges: Sequence[float]) -> float:
    """Of the bin that holds a score; the last one holds its upper edge too."""
    assert edges[0] <= score <= edges[-1]
    return edges[-2] if score == edges[-1] else edges[bisect.bisect_right(edges, score) - 1]


def plain_points(frames: Sequence[Frame], version: str, binning: str) -> list[Point]:
    """The curve, each bin of each frame a point until ties are merged."""
    bins: list[list[float]] = []  # lower edge, frame, positives, negatives
    for number, frame in enumerate(frames):
        counted = [(score, truth) for score, truth in frame if truth != 255]
        if not counted:
            continue
        edges = plain_edges(counted, version, binning)
        of_frame = {low: [low, number, 0, 0] for low in edges[:-1]}
        for score, truth in counted:
            of_frame[lower_edge(score, edges)][3 - truth] += 1
        bins += of_frame.values()
    if binning == "uniform":  # the bins of all frames are the same
        summed: dict[float, list[float]] = {}
        for low, _, positives, negatives in bins:
            so_far = summed.setdefault(low, [low, 0, 0, 0])
            so_far[2] += positives
            so_far[3] += negatives
        bins = list(summed.values())
    bins.sort(key=lambda one: (-one[0], one[1]))
    points: list[Point] = []
    tp = fp = 0
    for index, (low, _, positives, negatives) in enumerate(bins):
        tp, fp = tp + int(positives), fp + int(negatives)
        is_last_of_ties = index + 1 == len(bins) or bins[index + 1][0] != low
        if version == "2021" or is_last_of_ties or index == 0:
            points.append((low, tp, fp))
    if version == "2021":
        while points and points[0][1] + points[0][2] == 0:
            points.pop(0)
    elif not points or points[0][1] + points[0][2] > 0:
        points.insert(0, (math.inf, 0, 0))
    if version == "2023":
        every = [truth for frame in frames for _, truth in frame]
        points.append((-math.inf, every.count(1), every.count(0)))
    return points


def plain_road_anomaly(frames: Sequence[Frame], version: str, binning: str) -> dict[str, float]:
    points = plain_points(frames, version, binning)
    every = [truth for frame in frames for _, truth in frame]
    num_positives, num_negatives = every.count(1), every.count(0)
    if not num_positives:
        areas = ("left_sum", "right_sum", "trapezoid", "aupr_sum", "area_prc")
        return dict.fromkeys([*areas, "best_f1", "best_threshold"], math.nan) | {
            "fpr_at_95_tpr": 1.0
        }
    left = right = trapezoid = 0.0
    for (_, tp, fp), (_, next_tp, next_fp) in itertools.pairwise(points):
        width = (next_tp - tp) / num_positives
        before = tp / (tp + fp) if tp + fp else 1.0
        behind = next_tp / (next_tp + next_fp) if next_tp + next_fp else 1.0
        left += width * before
        right += width * behind
        trapezoid += width * (before + behind) / 2
    fpr95 = 1.0
    for _, tp, fp in points:
        if 20 * tp >= 19 * num_positives:
            fpr95 = fp / num_negatives if num_negatives else math.nan
            break
    best_f1, best_threshold = -1.0, math.nan
    for low, tp, fp in points:
        f1 = 2 * tp / (2 * tp + fp + num_positives - tp)
        if f1 > best_f1:
            best_f1, best_threshold = f1, low
    return {
        "left_sum": left,
        "right_sum": right,
        "trapezoid": trapezoid,
        "aupr_sum": left if version == "2021" else right,
        "area_prc": trapezoid if version == "2021" else right,
        "fpr_at_95_tpr": fpr95,
        "best_f1": best_f1,
        "best_threshold": best_threshold,
    }
