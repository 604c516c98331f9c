"""Dice: each frame is let pass with a chance of its own, and the first that pass are chosen.

Each camera has dice of its own, which do not depend on what other cameras there are.
"""

import zlib
from typing import Literal

import numpy as np

from util.streams.choosing.choice import Choice


def choose_uniformly(name: str, num_frames: int, num: int, rate: float, seed: int) -> Choice:
    """Choose the first frames that a die lets pass, whether they show anything or not.

    Args:
        name: Of the camera.
        num_frames: N, how many it has.
        num: How many to choose at most.
        rate: The chance of each, in (0, 1].
        seed: Of the dice.
    """
    draws = _throw(name, num_frames, seed)
    return _take_first(draws, np.full(num_frames, 1 - rate), num, rate)


def choose_by_chance(name: str, chances: np.ndarray, num: int, seed: int) -> Choice:
    """Choose the first frames that dice let pass, each with its own chance.

    A die is thrown for each frame, with a chance or without, so that what other frames show does
    not change it.

    Args:
        name: Of the camera.
        chances: (N,) float64 in [0, 1]; NaN = none: never chosen.
        num: How many to choose at most.
        seed: Of the dice.

    Returns:
        At most `num` frames in the order of time; scores are what was thrown, in [0, 1), thresholds
        1 less the chance.
    """
    return _take_first(_throw(name, len(chances), seed), 1 - chances, num)


def chance_of(
    confidence: np.ndarray,
    is_top: bool,
    acceptance: Literal["logistic", "b-sampling"] = "logistic",
    steepness: float = 8.0,
    halfway: float = 0.1,
) -> np.ndarray:
    """Turn confidences c into the chance that a frame passes.

    As published, with u = 1 - c where high confidences are wanted, u = c where low ones are:
    `logistic` is exp(-steepness u), which is no logistic curve in spite of its name, and
    `b-sampling` is halfway / (halfway + u). Confidences that are sums may exceed 1, of which the
    original makes chances above 1 or below 0; they count as 1 here.

    Args:
        confidence: (N,) float64, at least 0; NaN = none.
        is_top: Whether high confidences are wanted.
        acceptance: Which curve.
        steepness: Above 0.
        halfway: Above 0; at this u the chance by `b-sampling` is a half.

    Returns:
        (N,) float64 in (0, 1]; NaN = none.
    """
    sure = np.minimum(confidence, 1)
    unwanted = 1 - sure if is_top else sure
    if acceptance == "logistic":
        return np.exp(-steepness * unwanted)
    return halfway / (halfway + unwanted)


def _throw(name: str, num_frames: int, seed: int) -> np.ndarray:
    """Throw the dice of a camera, (N,) float64 in [0, 1)."""
    chance = np.random.default_rng([seed, zlib.crc32(name.encode(errors="surrogateescape"))])
    return chance.random(num_frames)


def _take_first(
    draws: np.ndarray, thresholds: np.ndarray, num: int, rate: float | None = None
) -> Choice:
    """Take the first frames whose draws reach their thresholds, none where that is NaN."""
    positions = np.flatnonzero(draws >= thresholds)[:num]
    seen = int(positions[-1]) + 1 if len(positions) == num else len(draws)
    return Choice(positions, draws[positions], thresholds[positions], seen, rate=rate)
