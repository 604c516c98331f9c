"""Folders of frames, one a video, with a manifest that says what they are of."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from util.disk.fingerprints import fingerprint
from util.disk.whole_files import read_json, write_json
from util.errors import UserError, listed
from util.images.files import write_image
from util.settings import is_same_work
from util.video.decoding import Break, Frame, to_image
from util.video.sampling import name_frame, to_ms

logger = logging.getLogger(__name__)

MANIFEST = "frames.json"
REMEDY = "give --overwrite to make it anew"
SUFFIX = ".jpg"

_FRAME = re.compile(r"t[0-9]{6,}\.[0-9]{3}\.jpg")


@dataclass(frozen=True)
class FrameFolder:
    """Where the frames of a video are, or shall be.

    Attributes:
        video: The file.
        folder: Of the frames.
        settings: What decides which frames are taken, and of which video, JSON values.
        made: What its manifest says; {} where there is none, or frames are to be made anew.
    """

    video: Path
    folder: Path
    settings: Mapping[str, Any]
    made: Mapping[str, Any]

    @property
    def is_finished(self) -> bool:
        """Whether all frames are there."""
        times = self.made.get("times_s")
        return times is not None and all(self.path(round(t * 1000)).exists() for t in times)

    def path(self, time_ms: int) -> Path:
        """Where the frame of a time lies."""
        return self.folder / f"{name_frame(time_ms)}{SUFFIX}"

    def write(
        self, frames: Iterable[Frame | Break], size_px: int, facts: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Write the frames that are not there yet; returns the manifest.

        Args:
            frames: Those that are taken, and where the video is broken.
            size_px: Longest side of a frame; 0 = as it is.
            facts: What the manifest says besides.
        """
        if not self.made:
            self._clear()
        # Until all frames are there, it says whose they are.
        write_json(self.folder / MANIFEST, {"settings": self.settings})
        times: list[float] = []
        breaks: list[str] = []
        sizes: dict[tuple[int, int], float] = {}
        for each in frames:
            if isinstance(each, Break):
                breaks.append(str(each))
                continue
            time_ms = to_ms(each.time_s)
            times.append(time_ms / 1000)
            sizes.setdefault((each.picture.width, each.picture.height), time_ms / 1000)
            if not (path := self.path(time_ms)).exists():
                write_image(path, to_image(each, size_px))
        if len(sizes) > 1:
            told = [f"{width}x{height} from {at:.3f} s" for (width, height), at in sizes.items()]
            logger.warning("%s: its frames change their size: %s", self.video, listed(told))
        if not times and not breaks:
            breaks.append("it has no frame between video.start_s and video.end_s")
        manifest = {"settings": self.settings, **facts, "times_s": times, "breaks": breaks}
        write_json(self.folder / MANIFEST, manifest)
        return manifest

    def _clear(self) -> None:
        """Remove frames that were made with other settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if _FRAME.fullmatch(path.name):
                path.unlink()


def find_folders(
    videos: Sequence[Path], output: Path, settings: Mapping[str, Any], overwrite: bool
) -> list[FrameFolder]:
    """Find the folder of each video.

    Args:
        videos: All there.
        output: Where the folders are.
        settings: What decides which frames are taken, JSON values.
        overwrite: Whether frames that were made with other settings may be replaced.

    Raises:
        UserError: Two videos would share a folder; or folders hold other frames that are not to be
            replaced, or what is not ours.
    """
    names: dict[str, list[Path]] = {}
    for video in videos:
        names.setdefault(video.stem, []).append(video)
    if twins := [" = ".join(map(str, of)) for of in names.values() if len(of) > 1]:
        raise UserError(
            f"videos of one name would share a folder: {listed(twins)}; rename them, or give each "
            "a video.output of its own"
        )
    found, problems = [], []
    for video in videos:
        try:
            found.append(_find(video, output / video.stem, settings, overwrite))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))
    return found


def _find(video: Path, folder: Path, settings: Mapping[str, Any], overwrite: bool) -> FrameFolder:
    """Find the folder of a video; it keeps what was made with the same settings alone."""
    asked = {"video": fingerprint([video]), **settings}
    try:
        made = read_json(folder / MANIFEST, REMEDY)
    except UserError:
        if not overwrite:
            raise
        made = {}
    else:
        if not made and folder.exists() and any(map(_is_seen, folder.iterdir())):
            raise UserError(
                f"{folder} has files of which no {MANIFEST} says where they come from; move them, "
                "or give another video.output"
            )
    is_kept = bool(made) and is_same_work(
        folder, made.get("settings", {}), asked, overwrite, "another video.output"
    )
    return FrameFolder(video, folder, asked, made if is_kept else {})


def _is_seen(path: Path) -> bool:
    """Tell whether a file is more than what a writer that was killed has left."""
    return not path.name.startswith(".")
