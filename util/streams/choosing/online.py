"""Our selector for endless streams: each frame is seen once, and memory does not grow.

Two things that the published thresholds lack. Theirs is set once, so that dusk, or a lens that gets
dirty, lets all frames pass or none; this one is a quantile of the last scores. And they take the
first frames that pass, often of one and the same car; here of those that lie near each other in
time the best alone is kept, and of these the best of the whole stream.
"""

import heapq
from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

import numpy as np

from util.streams.choosing.choice import Choice


class Passed(NamedTuple):
    """A frame that has passed; of two, the larger is the better, of equal scores the earlier.

    Attributes:
        score: The higher, the better.
        before: Its number in the stream, negative.
        time: When it was.
        threshold: What the score had to exceed.
    """

    score: float
    before: int
    time: float
    threshold: float


class OnlineSelector:
    """Chooses frames of a stream of scores.

    A frame passes when its score is strictly above the quantile 1 - rate of the scores of the last
    `window` frames before it, interpolated linearly; until there are so many, none passes. The
    first frame that passes waits for `apart` whether a better one comes, which then takes its
    place; from the time of that which is left, frames are passed by for `apart` again. The best
    `num` of those left are held. Memory is that of the window and of these, and each frame costs
    the logarithm of them in comparisons.
    """

    def __init__(self, num: int, rate: float, window: int, apart: float) -> None:
        """Begin with an empty stream.

        Args:
            num: How many frames are held at most; at least 1.
            rate: Share of frames that should pass, in (0, 1].
            window: How many of the last scores set the threshold; at least 1.
            apart: Least time between two frames that are chosen.
        """
        self._num, self._window, self._apart = num, window, apart
        place = (1 - rate) * (window - 1)
        self._below = int(place)
        self._above, self._part = min(self._below + 1, window - 1), place - self._below
        self._last: deque[float] = deque()
        self._sorted: list[float] = []
        self._held: list[Passed] = []
        self._waiting: Passed | None = None
        self._decided_at, self._open_from = np.inf, -np.inf

    def see(self, number: int, time: float, score: float) -> None:
        """Look at the next frame, which comes behind all others in number and time."""
        if time >= self._decided_at:
            self._decide()
        ordered = self._sorted
        if len(self._last) == self._window:
            below = ordered[self._below]
            threshold = below + (ordered[self._above] - below) * self._part
            if score > threshold and time >= self._open_from:
                self._pass(Passed(score, -number, time, threshold))
            del ordered[bisect_left(ordered, self._last.popleft())]
        self._last.append(score)
        insort(ordered, score)

    def _pass(self, passed: Passed) -> None:
        """Let a frame wait, if none better does."""
        if self._waiting is None:
            self._waiting, self._decided_at = passed, passed.time + self._apart
        elif passed > self._waiting:
            self._waiting = passed

    def _decide(self) -> None:
        """Hold the frame that waits if it is one of the best so far."""
        if self._waiting is not None:
            self._open_from = self._waiting.time + self._apart
            if len(self._held) < self._num:
                heapq.heappush(self._held, self._waiting)
            else:
                heapq.heappushpop(self._held, self._waiting)
            self._waiting, self._decided_at = None, np.inf

    def chosen(self) -> list[Passed]:
        """Give what is held at the end of the stream, the best first."""
        self._decide()
        return sorted(self._held, reverse=True)


def choose_online(
    times: np.ndarray,
    scores: np.ndarray,
    num: int,
    is_top: bool = True,
    rate: float = 0.1,
    window: int = 720,
    apart: float = 0.0,
) -> Choice:
    """Put recorded scores before an `OnlineSelector`, one after another.

    Args:
        times: (N,) float64 of frames, increasing.
        scores: (N,) float64; NaN = none: not seen.
        num: How many to choose at most.
        is_top: Whether high scores are the better ones.
        rate: Share of frames that should pass.
        window: How many of the last scores set the threshold.
        apart: Least time between two frames that are chosen.

    Returns:
        At most `num` frames, the best first.
    """
    selector = OnlineSelector(num, rate, window, apart)
    sign = 1 if is_top else -1
    scored = np.flatnonzero(~np.isnan(scores))
    seen = zip(
        scored.tolist(), times[scored].tolist(), (sign * scores[scored]).tolist(), strict=True
    )
    for number, time, score in seen:
        selector.see(number, time, score)
    chosen = selector.chosen()
    return Choice(
        np.array([-each.before for each in chosen], np.int64),
        sign * np.array([each.score for each in chosen], np.float64),
        sign * np.array([each.threshold for each in chosen], np.float64),
        len(scores),
        min(window, len(scored)),
        rate,
    )
