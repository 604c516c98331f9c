"""Small videos whose frames say by their gray level which they are."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STEP = 8
"""Of gray levels, from one frame to the next."""
BASE = 24


def write_video(
    path: Path,
    times_s: Sequence[float],
    rotation: int | None = None,
    size_wh: tuple[int, int] = (64, 48),
    options: dict[str, str] | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Write frames that are shown from some times on; the corner top left of each is white."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        stream.gop_size = 5
        stream.codec_context.time_base = Fraction(1, 1000)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, time_s in enumerate(times_s):
            picture = np.full((size_wh[1], size_wh[0], 3), level(number), np.uint8)
            picture[: size_wh[1] // 2, : size_wh[0] // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def level(number: int) -> int:
    """Gray level of a frame."""
    return BASE + STEP * number % 200


def number_of(image_rgb: np.ndarray) -> int:
    """Which frame an image is, by the gray of its corner bottom right; of the first 25."""
    gray = float(image_rgb[-image_rgb.shape[0] // 4 :, -image_rgb.shape[1] // 4 :].mean())
    return round((gray - BASE) / STEP)
