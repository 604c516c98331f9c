"""Cameras and their frames in the order of time."""

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.errors import UserError, listed
from util.metrics.groups import ImageGroups, name_groups


@dataclass(frozen=True, eq=False)
class Camera:
    """The frames of a camera, the first one first.

    Attributes:
        name: Of the camera.
        ids: Ids of its N frames.
        times: (N,) float64, strictly increasing: seconds, what the names count, or 0, 1, 2 ...
    """

    name: str
    ids: Sequence[str]
    times: np.ndarray


@dataclass(frozen=True)
class TimeInNames:
    """Where names say when a frame was taken.

    Attributes:
        pattern: Regular expression that is searched in the id of a frame. Its first part in
            parentheses, or all that it matches where it has none, is the time.
        written: How the time is written, as `strptime` has it; None = a number.
    """

    pattern: str
    written: str | None = None


def time_in_names(pattern: str | None, written: str | None) -> TimeInNames | None:
    """Say where names tell the time, as `TimeInNames` has it; None = no pattern: they do not."""
    return TimeInNames(pattern, written) if pattern else None


def find_cameras(
    image_ids: Sequence[str],
    groups: str | None = None,
    time: TimeInNames | None = None,
    wanted: Collection[str] = (),
) -> list[Camera]:
    """Sort frames into cameras, and those of each by time.

    The original takes some lists of frames in whatever order the file system has; here nothing
    depends on that.

    Args:
        image_ids: Of all frames, all different.
        groups: Finds the camera of a frame in its id (see `name_groups`); None = its folder, `.`
            for frames that lie in none.
        time: Where the id says when it was; None = frames follow each other in natural order of
            their ids (`frame_9` before `frame_10`) and time counts them.
        wanted: Names of cameras; others are left out. None named = all.

    Returns:
        The cameras, in natural order of their names.

    Raises:
        UserError: Frames have no camera or no time, or the same one as another of their camera; or
            a camera that is wanted has no frame.
    """
    names = name_cameras(image_ids, groups)
    frames: dict[str, list[str]] = {}
    for image_id, name in zip(image_ids, names, strict=True):
        frames.setdefault(name, []).append(image_id)
    there = sorted(frames, key=natural_key)
    if without := [name for name in wanted if name not in frames]:
        raise UserError(
            f"streams.cameras names cameras without frames: {listed(without)}; there are: "
            f"{listed(there, 20)}"
        )
    kept = [name for name in there if not wanted or name in wanted]
    return [_in_order(name, frames[name], time) for name in kept]


def name_cameras(image_ids: Sequence[str], groups: str | None) -> list[str]:
    """Name the camera of each frame: what `groups` finds in its id, or else its folder.

    Raises:
        UserError: See `name_groups`.
    """
    if groups is not None:
        return name_groups(groups, image_ids)
    return [image_id.rpartition("/")[0] or "." for image_id in image_ids]


def group_in_time(cameras: Sequence[Camera], length: int) -> tuple[list[str], ImageGroups]:
    """Group frames that follow each other, which are alike, so that resamples draw them together.

    Args:
        cameras: With their frames.
        length: Frames of a group; the last one of a camera may have fewer.

    Returns:
        The ids of all frames, camera by camera in the order of time, and their groups.
    """
    runs = [-(-len(camera.ids) // length) for camera in cameras]
    first = np.cumsum([0, *runs])
    groups = [
        start + np.arange(len(camera.ids)) // length
        for start, camera in zip(first.tolist(), cameras, strict=False)
    ]
    ids = [image_id for camera in cameras for image_id in camera.ids]
    return ids, ImageGroups(np.concatenate([np.zeros(0, np.int64), *groups]))


def natural_key(text: str) -> list[str | int]:
    """Make what sorts texts with their numbers as numbers.

    Example:
        >>> sorted(["frame_10", "frame_9"], key=natural_key)
        ['frame_9', 'frame_10']
    """
    parts: list[str | int] = list(re.split("([0-9]+)", text))
    parts[1::2] = map(int, parts[1::2])
    return parts


def _in_order(name: str, image_ids: Sequence[str], time: TimeInNames | None) -> Camera:
    """Put the frames of a camera in the order of time."""
    if time is None:
        keys = [natural_key(image_id) for image_id in image_ids]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        pairs = itertools.pairwise(order)
        twins = [(one, other) for one, other in pairs if keys[one] == keys[other]]
        times = np.arange(len(order), dtype=np.float64)
    else:
        read = _read_times(image_ids, time)
        order = np.argsort(read, kind="stable").tolist()
        times = read[order]
        repeated = np.flatnonzero(np.diff(times) == 0).tolist()
        twins = [(order[number], order[number + 1]) for number in repeated]
    if twins:
        shown = [f"{image_ids[one]} = {image_ids[other]}" for one, other in twins]
        raise UserError(
            f"times repeat in camera {name}: {listed(shown)}; rename or move frames, or set "
            "streams.time to what tells them apart, or data.groups to what tells cameras apart"
        )
    return Camera(name, [image_ids[number] for number in order], times)


def _read_times(image_ids: Sequence[str], time: TimeInNames) -> np.ndarray:
    """Read the times in the ids of frames, (N,) float64; seconds where a format is given."""
    expression = re.compile(time.pattern)
    found = [expression.search(image_id) for image_id in image_ids]
    texts = pd.Series([match[min(expression.groups, 1)] if match else None for match in found])
    if time.written is None:
        times = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    else:
        try:
            stamps = pd.to_datetime(texts, format=time.written, errors="coerce", utc=True)
        except (ValueError, re.error) as error:  # not of a time, but of how it is written
            raise UserError(
                f"streams.time_format is {time.written!r}: {error}; expected words of strptime, "
                "such as %Y%m%d_%H%M%S"
            ) from None
        # In their own unit: nanoseconds, which stamps are in by default, end in the year 2262.
        epoch = pd.Timestamp(0, tz="UTC").as_unit(stamps.dt.unit)
        since = (stamps - epoch) / pd.Timedelta(seconds=1)
        times = since.to_numpy(np.float64)
    if without := [i for i, at in zip(image_ids, times, strict=True) if not np.isfinite(at)]:
        kind = "number" if time.written is None else f"time written as {time.written}"
        raise UserError(
            f"streams.time '{time.pattern}' finds no {kind} in {len(without)} of {len(times)} "
            f"frames: {listed(without)}"
        )
    return times
