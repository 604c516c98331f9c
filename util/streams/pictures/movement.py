"""Frames on which enough has moved since the last one that was kept."""

from collections.abc import Iterable

import cv2
import numpy as np

from util.streams.choosing.choice import Choice


def measure_movement(before: np.ndarray, after: np.ndarray) -> float:
    """Measure how far pixels have moved, by dense optical flow (Farneback, SCIA 2003).

    Args:
        before: (h, w) uint8.
        after: (h, w) uint8 of any size.

    Returns:
        Mean length of the flow as a part of the longer side, which rounding leaves some 1e-5 of
        where nothing moves; infinite for pictures of two sizes.
    """
    if before.shape != after.shape:
        return np.inf
    flow = np.zeros((*before.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(before, after, flow, 0.5, 3, 15, 3, 5, 1.2, 0)
    return float(np.hypot(flow[..., 0], flow[..., 1]).mean(dtype=np.float64)) / max(before.shape)


def score_movement(
    pictures: Iterable[np.ndarray | None], num_frames: int, num: int, least: float
) -> np.ndarray:
    """Walk over frames in the order of time, and score each by what has moved since the last kept.

    The first is kept, as infinitely far from nothing; then each whose score is above `least`. The
    original compares with a ratio of 4, of which we take that it means pixels of its frames of
    1920; it looks at every second frame, here at all; and gaps, which it means to fill and loses
    all frames over, stay.

    Args:
        pictures: (h, w) uint8 of each frame; None = unreadable.
        num_frames: N, how many they are.
        num: How many are kept; those behind are not looked at.
        least: What must be exceeded, at least 0.

    Returns:
        (N,) float64; NaN of frames that are unreadable or not looked at.
    """
    scores = np.full(num_frames, np.nan)
    kept: np.ndarray | None = None
    num_kept = 0
    for number, picture in enumerate(pictures):
        if picture is None:
            continue
        scores[number] = np.inf if kept is None else measure_movement(kept, picture)
        if scores[number] > least:
            kept, num_kept = picture, num_kept + 1
        if num_kept == num:
            break
    return scores


def choose_moved(scores: np.ndarray, num: int, least: float) -> Choice:
    """Choose the first frames whose scores, by `score_movement`, are above `least`."""
    positions = np.flatnonzero(scores > least)[:num]
    seen = int(positions[-1]) + 1 if len(positions) == num else len(scores)
    return Choice(positions, scores[positions], np.full(len(positions), least), seen)
