"""Videos as frames with their times, as far as they can be decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from util.video.opening import open_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MISSED_S = 1
"""A video that ends by so much before what it says of itself was cut short."""


@dataclass(frozen=True)
class Frame:
    """A frame that was decoded.

    Attributes:
        time_s: Exact seconds since the first frame of the video.
        picture: PyAV's frame.
        pixel_aspect: Width of its pixels where their height is 1, as the video says.
    """

    time_s: Fraction
    picture: VideoFrame
    pixel_aspect: Fraction = Fraction(1)

    @property
    def end_s(self) -> Fraction:
        """When it stops being shown, as far as the video says."""
        shown = (self.picture.duration or 0) * (self.picture.time_base or 0)
        return self.time_s + Fraction(shown)


@dataclass(frozen=True)
class Break:
    """Where a video is broken.

    Attributes:
        time_s: Of the last frame before it, as `Frame.time_s`; 0 where there is none.
        reason: What is wrong there.
    """

    time_s: Fraction
    reason: str

    def __str__(self) -> str:
        return f"behind {float(self.time_s):.3f} s: {self.reason}"


def decode(path: Path) -> Iterator[Frame | Break]:
    """Decode a video from its first frame to its last, by the times that its frames have.

    What is broken is passed over: a frame that a decoder has patched up is none.

    Args:
        path: Of a video.

    Yields:
        Frames, times strictly increasing; and the breaks between them, each once.

    Raises:
        UserError: As `open_video`.
    """
    last, is_broken = None, False
    with open_video(path) as container:
        stream = container.streams.video[0]
        for found in _in_time(_decode(container, stream), stream):
            if isinstance(found, Frame):
                last, is_broken = found, False
                yield found
            elif not is_broken:
                is_broken = True
                yield Break(last.time_s if last else Fraction(0), found)
        declared_s = _declared_s(stream)
    if declared_s is not None and not is_broken:
        end_s = last.end_s if last else Fraction(0)
        if stream.duration is None and last:  # a tag: a length to some writers, an end to others
            end_s += max(_first_s(last), Fraction(0))
        if end_s + _MISSED_S < declared_s:
            reason = f"it ends there, but should last {float(declared_s):.3f} s"
            yield Break(last.time_s if last else Fraction(0), reason)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | str]:
    """Decode a stream: pictures, and what is wrong where there are none."""
    from av.error import FFmpegError

    stream.thread_type = "AUTO"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            pictures = packet.decode()
        except FFmpegError as error:
            yield str(error.strerror)
            continue
        for picture in pictures:
            yield "its data are damaged" if picture.is_corrupt else picture


def _in_time(decoded: Iterator[VideoFrame | str], stream: VideoStream) -> Iterator[Frame | str]:
    """Give pictures their times; a raw stream has none, and is taken to be of an even rate."""
    first_s, last_s = None, Fraction(-1)
    rate = stream.average_rate or stream.guessed_rate
    pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
    for number, picture in enumerate(decoded):
        if isinstance(picture, str):
            yield picture
            continue
        if picture.pts is not None and picture.time_base is not None:
            time_s = picture.pts * picture.time_base
        elif rate:
            time_s = number / rate
        else:
            yield "its frames have no times"
            continue
        first_s = time_s if first_s is None else first_s
        if time_s - first_s > last_s:
            last_s = time_s - first_s
            yield Frame(last_s, picture, pixel_aspect)
        else:
            yield "its clock goes back"


def _declared_s(stream: VideoStream) -> Fraction | None:
    """How long a stream says that it is, in seconds; Matroska says so in a tag."""
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    hours, minutes, seconds = tag.groups()
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def _first_s(frame: Frame) -> Fraction:
    """When the first frame is shown by the clock of its video, in seconds; 0 without one."""
    pts, time_base = frame.picture.pts, frame.picture.time_base
    return Fraction(0) if pts is None or time_base is None else pts * time_base - frame.time_s


def to_image(frame: Frame, size_px: int) -> np.ndarray:
    """Make an image of a frame: (H, W, 3) uint8 RGB, of square pixels.

    Args:
        frame: Enlarged along one side where its pixels are not square; turned upright by quarters,
            where the video says that its camera was not.
        size_px: Longest side, to which a larger one is made smaller; 0 = as it is.
    """
    image: np.ndarray = frame.picture.to_ndarray(format="rgb24")
    aspect = frame.pixel_aspect
    height, width = image.shape[:2]
    sides = width * max(aspect, 1), height * max(1 / aspect, 1)
    scale = min(size_px / max(sides), 1) if size_px else 1
    size_wh = max(round(sides[0] * scale), 1), max(round(sides[1] * scale), 1)
    if size_wh != (width, height):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, size_wh, interpolation=how)
    # PyAV gives by which angle to turn it counterclockwise, in degrees.
    return np.ascontiguousarray(np.rot90(image, round(frame.picture.rotation / 90)), np.uint8)
