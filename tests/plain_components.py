"""Component metrics in set arithmetic: slow, obvious, independent of `util.metrics.components`."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from util.metrics.components import SizeLimits

Component = frozenset[tuple[int, int]]


def plain_components(pixels: set[tuple[int, int]]) -> list[Component]:
    """8-connected components, by growing each from one pixel."""
    left, components = set(pixels), []
    while left:
        grown, border = set(), [left.pop()]
        while border:
            y, x = border.pop()
            grown.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            border += near
        components.append(frozenset(grown))
    return components


def plain_scores(
    prediction: np.ndarray, truth: np.ndarray, limits: SizeLimits
) -> tuple[list[Fraction], list[Fraction]]:
    """The definitions in set arithmetic, one component after the other."""
    pixels = {(int(y), int(x)) for y, x in np.ndindex(*truth.shape)}
    void = {p for p in pixels if truth[p] == 255}
    every_true = plain_components({p for p in pixels if truth[p] == 1})
    predicted = plain_components({p for p in pixels - void if prediction[p]})
    predicted = [c for c in predicted if len(c) >= limits.prediction_px]
    true = [c for c in every_true if len(c) >= limits.truth_px]
    void |= {p for c in every_true if len(c) < limits.truth_px for p in c}
    predicted = [c - void for c in predicted if c - void]
    sious = []
    for k in true:
        touching = frozenset().union(*(c for c in predicted if c & k))
        others = frozenset().union(*(c for c in true if c != k))
        inter, adjustment = len(touching & k), len(touching & others)
        sious.append(Fraction(inter, len(touching) + len(k) - inter - adjustment))
    anomalous = frozenset().union(*true)
    return sious, [Fraction(len(c & anomalous), len(c)) for c in predicted]


def plain_f1(sious: list[Fraction], ppvs: list[Fraction]) -> list[Fraction | float]:
    f1 = []
    for percent in range(25, 80, 5):
        tp = sum(s >= Fraction(percent, 100) for s in sious)
        fn = sum(s < Fraction(percent, 100) for s in sious)
        fp = sum(p < Fraction(percent, 100) for p in ppvs)
        f1.append(Fraction(2 * tp, 2 * tp + fn + fp) if tp + fn + fp else math.nan)
    return f1


def plain_mean(values: Sequence[Fraction | float]) -> float:
    return float(sum(values) / len(values)) if values else math.nan
