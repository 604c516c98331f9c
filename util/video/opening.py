"""Video files, opened by PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import UserError, listed

if TYPE_CHECKING:
    from av.container import InputContainer


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open a file with a video stream, of whatever kind it is.

    Raises:
        UserError: PyAV is not installed, or the file is missing or no video.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"videos need {error.name}, which is not installed; run python -m pip install av"
        ) from None
    if not path.is_file():
        raise UserError(f"{path} {'is no file' if path.exists() else 'does not exist'}")
    try:
        # A name may look like an address, and a list of videos may name some on other machines.
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        raise UserError(f"{path} is no video ({error.strerror})") from None
    with container:
        kind = container.format.name
        # Texts are drawn as on a terminal, and images are videos of one frame.
        if not container.streams.video or kind in ("tty", "image2") or kind.endswith("_pipe"):
            raise UserError(f"{path} is no video ({container.format.long_name})")
        yield container


def check_videos(paths: Sequence[Path]) -> None:
    """Make sure that files are videos that can be opened.

    Raises:
        UserError: Some are not; all are named.
    """
    problems = []
    for path in paths:
        try:
            with open_video(path):
                pass
        except UserError as error:
            problems.append(str(error))
    if problems:
        told = listed([*dict.fromkeys(problems)], 10)
        raise UserError(f"{told}; nothing is written before all can be opened")


def count_frames(path: Path) -> int | None:
    """Tell how many frames a video has, or about how many; None where it does not say."""
    with open_video(path) as container:
        stream = container.streams.video[0]
        if stream.frames:
            return stream.frames
        if stream.duration is None or not (stream.time_base and stream.average_rate):
            return None
        return round(stream.duration * stream.time_base * stream.average_rate)
