"""The frames of a video that are taken, and their names."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from util.video.decoding import Break, Frame

_SLACK_S = Fraction(1, 1000)
"""Some files have times in milliseconds: a frame may come so much before it is due."""

_APART = Fraction(1, 2)
"""Periods behind the frame before it: what comes sooner is of a video with more frames."""


@dataclass(frozen=True)
class Rule:
    """Which frames are taken; see the section `video`.

    Attributes:
        rate: Frames a second.
        start_s: First time.
        end_s: Time behind the last one; None = none.
    """

    rate: float
    start_s: float = 0.0
    end_s: float | None = None


def sample(decoded: Iterable[Frame | Break], rule: Rule) -> Iterator[Frame | Break]:
    """Take the first frame of each period of 1/rate seconds from the start on; breaks stay.

    So frames follow their times: of a video that stands still for a while none is taken twice. No
    clock is quite even, so a frame may come in the period behind its own: where one had no frame, a
    later one gives a second, which comes half a period or more behind the frame before it. So of a
    video that has fewer than `rate` frames a second all are taken.
    """
    # As they are written: 1.6 is no binary fraction.
    rate, start_s = Fraction(str(rule.rate)), Fraction(str(rule.start_s))
    end_s = None if rule.end_s is None else Fraction(str(rule.end_s))
    last, last_ms, is_owed, before_s = -1, -1, False, Fraction(0)
    for each in decoded:
        if isinstance(each, Break):
            yield each
            continue
        if end_s is not None and each.time_s >= end_s:
            return
        since_s = each.time_s - start_s + _SLACK_S
        due = math.floor(since_s * rate)
        is_late = is_owed and (each.time_s - before_s) * rate >= _APART
        before_s = each.time_s
        if since_s >= 0 and (due > last or is_late) and to_ms(each.time_s) > last_ms:
            is_owed = due > last + 1 or (is_owed and due > last)
            last, last_ms = due, to_ms(each.time_s)
            yield each


def to_ms(time_s: Fraction) -> int:
    """Round a time to milliseconds."""
    return round(time_s * 1000)


def name_frame(time_ms: int) -> str:
    """Name a frame by its time in seconds.

    Example:
        >>> name_frame(12480)
        't000012.480'
    """
    seconds, rest = divmod(time_ms, 1000)
    return f"t{seconds:06d}.{rest:03d}"
