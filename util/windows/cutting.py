"""Cuts images, and their masks, into windows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from util.config import WindowsSection
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import count_pixels, find_files, read_image, write_image
from util.images.ids import id_to_path
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track
from util.windows.grid import lay_windows
from util.windows.mask_cutting import cut_mask, read_whole_mask
from util.windows.records import (
    PROGRESS,
    TABLE,
    Frame,
    Windows,
    frame_of,
    progress_line,
    read_earlier,
    window_ids,
    write_progress,
)

IMAGES = "images"
MASKS = "masks"
CONFIG = "config.json"

BYTES_A_PIXEL = 12
"""Memory that a pixel of a frame takes, with its mask and the windows of both."""


@dataclass(frozen=True)
class Source:
    """What the windows of a frame are cut from.

    Attributes:
        image: Path of the image.
        mask: That of its mask; None where it has none.
    """

    image: Path
    mask: Path | None

    def fingerprints(self) -> tuple[str, str | None]:
        """Tell its files from others."""
        mask = None if self.mask is None else fingerprint([self.mask])
        return fingerprint([self.image]), mask


def check_folder(folder: Path, names: Collection[str], inputs: Iterable[Path | None]) -> None:
    """Make sure that a folder has windows, or nothing, so that these replace nothing else.

    Args:
        folder: Where windows shall lie.
        names: Of all that is written there.
        inputs: What is read; None = nothing.

    Raises:
        UserError: It has something else, or inputs lie in it.
    """
    place = folder.resolve()
    if inside := [path for path in inputs if path and path.resolve().is_relative_to(place)]:
        raise UserError(
            f"windows in {folder} would replace what they are cut from: {listed(inside)}; set "
            "paths.windows to a folder of their own"
        )
    others = [name for name in names if (folder / name).exists()]
    if others and not (folder / TABLE).exists():
        raise UserError(
            f"{folder} has no {TABLE}, so these are not of windows: {listed(others)}; set "
            "paths.windows to a folder of their own"
        )


def cut_frames(
    settings: WindowsSection, sources: Mapping[str, Source], folder: Path, overwrite: bool
) -> Windows:
    """Cut frames into windows; those that are there stay, and what is no longer part goes.

    A frame that cannot be cut has no windows; the others go on.

    Args:
        settings: Margins, size and stride.
        sources: What each frame is, by its id.
        folder: Of the windows, held by this process.
        overwrite: Whether windows of other settings may be replaced.

    Returns:
        The windows, of which `windows.json` still has to say that they are all cut.

    Raises:
        KeyboardInterrupt: A stop was asked for; frames that are done are kept.
        UserError: There are windows of other settings, or no frame can be cut.
    """
    asked = settings.decides()
    frames = dict(_find_done(read_earlier(folder, asked, overwrite), sources, folder))
    pending = {frame_id: source for frame_id, source in sources.items() if frame_id not in frames}
    if pending:  # what is half cut has no config by which it could be taken for whole
        (folder / CONFIG).unlink(missing_ok=True)
    write_progress(folder, asked, frames)
    made, failed = _cut_pending(settings, pending, folder) if pending else ({}, {})
    frames |= made
    if not frames:
        raise UserError(f"no image can be cut into windows: {listed([*failed.values()], 3)}")
    in_order = {frame_id: frames[frame_id] for frame_id in sources if frame_id in frames}
    _remove_others(folder, in_order)
    return Windows(folder, asked, in_order, failed)


def _cut_pending(
    settings: WindowsSection, sources: Mapping[str, Source], folder: Path
) -> tuple[dict[str, Frame], dict[str, str]]:
    """Cut frames in threads and note each that is done; returns them, and why others failed."""
    made: dict[str, Frame] = {}
    failed: dict[str, str] = {}

    def cut(frame_id: str) -> tuple[str, Frame | UserError]:
        try:
            return frame_id, cut_frame(settings, frame_id, sources[frame_id], folder)
        except UserError as error:
            return frame_id, error

    results = map_ahead(
        cut, sources, cost_bytes=lambda i: count_pixels(sources[i].image) * BYTES_A_PIXEL
    )
    with (folder / PROGRESS).open("ab", 0) as progress, stop_between_items("image") as should_stop:
        for frame_id, result in track(results, "windows", len(sources)):
            if isinstance(result, UserError):
                failed[frame_id] = str(result)
            else:
                made[frame_id] = result
                progress.write(progress_line(frame_id, result))
            if should_stop():
                break
    return made, failed


def cut_frame(settings: WindowsSection, frame_id: str, source: Source, folder: Path) -> Frame:
    """Cut a frame, and its mask if it has one.

    Raises:
        UserError: The image or its mask cannot be read, they differ in size, or margins leave
            nothing.
    """
    image_print, mask_print = source.fingerprints()
    image_rgb = read_image(source.image)
    height, width = image_rgb.shape[:2]
    grid = lay_windows(settings, (height, width))
    mask = None if source.mask is None else read_whole_mask(source.mask, grid.size_hw)
    for name, place in grid.places():
        window_id = f"{frame_id}/{name}"
        write_image(id_to_path(folder / IMAGES, window_id), image_rgb[place])
        if mask is not None:
            cut_mask(mask, place, id_to_path(folder / MASKS, window_id))
    return Frame(grid, image_print, mask_print)


def _find_done(
    earlier: Mapping[str, Frame], sources: Mapping[str, Source], folder: Path
) -> Iterator[tuple[str, Frame]]:
    """Find frames that have not changed since they were cut, and whose windows are all there."""
    images, masks = (find_files(folder / part, {".png"}) for part in (IMAGES, MASKS))
    for frame_id, frame in earlier.items():
        source = sources.get(frame_id)
        if source is None or source.fingerprints() != (frame.image, frame.mask):
            continue
        needed = [images] if frame.mask is None else [images, masks]
        if all(i in there for there in needed for i in window_ids(frame_id, frame.grid)):
            yield frame_id, frame


def _remove_others(folder: Path, frames: Mapping[str, Frame]) -> None:
    """Remove windows that are no longer part: of images that are gone, or of other settings.

    What lies elsewhere, and is there by a link alone, is left alone.
    """
    for part in (IMAGES, MASKS):
        own = (folder / part).resolve()
        known: set[str] = set()
        last = ""
        for window_id, path in find_files(folder / part, {".png"}).items():
            if last != (last := frame_of(window_id)):
                frame = frames.get(last)
                is_part = frame is not None and (part == IMAGES or frame.mask is not None)
                known = set(window_ids(last, frame.grid)) if frame and is_part else set()
            if window_id not in known and path.parent.resolve().is_relative_to(own):
                path.unlink()
