"""Weights of a weighted mean, tuned for the best average precision (AP) on images with true masks.

AP pools the pixels of all images (`PixelCurve.average_precision`). From equal weights, one map
after another gets the best share of a grid, the others what is left in the proportions they have,
until no share gains. For two maps that looks at the whole grid.

A figure of the images that chose the weights is in sample. So each image is also scored with the
weights that the others alone choose, searched in the same way. Counts of pixels are whole numbers,
so an image is exactly left out by taking its own away, and each candidate is scored for all of
these searches at a time: what several of them look at costs once. What maps themselves have learnt
from an image, such as a calibration, is not left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from util.metrics.pixelwise.pixels import PixelCurve, PixelHistogram
from util.multi_teacher.pixel_samples import PixelSample
from util.running.progress import track

Weights = tuple[float, ...]
"""One a map, from 0, with sum 1; of 6 digits, so that another machine has no other settings."""

SHARES = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class Tuned:
    """Weights that were tuned, and the AP of the images that chose them.

    Attributes:
        weights: One a map.
        in_sample: AP with these weights.
        leave_one_out: AP where each image has the weights that the others choose.
        equal: AP with equal weights.
        alone: AP of each map.
    """

    weights: Weights
    in_sample: float
    leave_one_out: float
    equal: float
    alone: tuple[float, ...]

    def describe(self, names: Sequence[str]) -> str:
        """Say how good the weights are, beside what needs no tuning."""
        alone = [f"{name} {ap:.3f}" for name, ap in zip(names, self.alone, strict=True)]
        weights = [f"{name} {w:.3g}" for name, w in zip(names, self.weights, strict=True)]
        return (
            f"weighted mean {self.in_sample:.3f} in sample, {self.leave_one_out:.3f} leave-one-out;"
            f" members {', '.join(alone)}; equal weights {self.equal:.3f};"
            f" weights {', '.join(weights)}"
        )

    def as_facts(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Give the figures as JSON values."""
        return {
            "in_sample": self.in_sample,
            "leave_one_out": self.leave_one_out,
            "equal_weights": self.equal,
            "members": dict(zip(names, self.alone, strict=True)),
        }


def tune(samples: Sequence[PixelSample]) -> Tuned:
    """Tune the weights of maps.

    Each candidate costs about 6 ms an image on one core, and searches that leave out an image look
    at others: 100 images of two maps take 10 s; three maps of 48 images had 919 candidates, five of
    24 had 2,667, which is about six minutes.

    Args:
        samples: One an image, of one map or more; one or more have an anomalous pixel. Where all
            others have none, an image that is left out gets equal weights.
    """
    num_maps = len(samples[0].values)
    scores = _Scores(samples)
    best = search(partial(scores.of, 0), num_maps)
    pooled = PixelHistogram()
    left_out = track(enumerate(samples, start=1), "leave-one-out", len(samples), transient=True)
    for number, sample in left_out:
        pooled += sample.histogram(search(partial(scores.of, number), num_maps))
    alone = [tuple(row) for row in np.eye(num_maps).tolist()]
    return Tuned(
        best,
        scores.of(0, best),
        _average_precision(pooled),
        scores.of(0, _equal(num_maps)),
        tuple(scores.of(0, weights) for weights in alone),
    )


class _Scores:
    """AP of candidates, each measured once."""

    def __init__(self, samples: Sequence[PixelSample]) -> None:
        self._samples = samples
        self._known: dict[Weights, tuple[float, ...]] = {}

    def of(self, number: int, weights: Weights) -> float:
        """Measure AP of all images but the one of a number, counted from 1; 0 leaves none out."""
        if weights not in self._known:
            pooled = PixelHistogram()
            for sample in self._samples:
                pooled += sample.histogram(weights)
            # Anew, as the histograms of all images would take a megabyte each.
            others = (pooled - sample.histogram(weights) for sample in self._samples)
            self._known[weights] = tuple(map(_average_precision, (pooled, *others)))
        return self._known[weights][number]


def _average_precision(histogram: PixelHistogram) -> float:
    """AP of 9 digits, so that no rounding of a sum chooses; 0 without anomaly."""
    return round(float(np.nan_to_num(PixelCurve.of(histogram).average_precision())), 9)


def search(score: Callable[[Weights], float], num_maps: int) -> Weights:
    """Find weights that no move of one map's share betters; of equally good moves, the smallest.

    Args:
        score: Of weights, more is better.
        num_maps: One or more.
    """
    best = _equal(num_maps)
    before = None
    while num_maps > 1 and best != before:
        before = best
        for which in range(num_maps):
            best = max([best, *_moves(best, which)], key=score)
    return best


def _equal(num_maps: int) -> Weights:
    return (round(1 / num_maps, 6),) * num_maps


def _moves(weights: Weights, which: int) -> list[Weights]:
    """Give one of two maps or more each share of the grid, the nearest to its own first."""
    others = np.array(weights)
    others[which] = 0
    if not others.any():
        others[:] = 1
        others[which] = 0
    others /= others.sum()
    moved = np.outer(1 - SHARES, others)
    moved[:, which] = SHARES
    order = np.argsort(np.abs(SHARES - weights[which]).round(6), kind="stable")
    return [tuple(row) for row in moved[order].round(6).tolist()]
