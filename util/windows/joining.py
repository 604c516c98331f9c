"""Joins a label set of windows to one of the frames that these were cut from."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from util.config import EvaluationSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import image_size_hw
from util.images.identity import ImageIdentity
from util.images.ids import id_to_path
from util.label_set import (
    Content,
    LabelSet,
    Made,
    Recipe,
    make_label_set,
)
from util.running.shares import Share
from util.settings import settings_hash
from util.windows.cutting import IMAGES
from util.windows.grid import Grid
from util.windows.records import Frame, Windows, frame_of, window_ids
from util.words import count_of

BYTES_A_PIXEL = 48
"""Memory that a frame's map, its weights, counts of windows and the boxes in it take."""


def join_windows(
    label_set: LabelSet,
    windows: Windows,
    evaluation: EvaluationSection,
    output: Path,
    overwrite: bool,
    share: Share,
) -> Made:
    """Join this process's share of the frames.

    The map of a frame is the plain mean of those of its windows, and so are its weights. What
    margins have dropped has map 0 and weight 0. Frames of which the label set has no window are
    left out.

    Args:
        label_set: Of windows.
        windows: All of them.
        evaluation: How boxes are found in the joined maps.
        output: Folder of the joined label set.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: Images are no windows, windows of a frame are missing, or maps have other sizes
            than their windows; all are named, and nothing is touched.
    """
    frames = _find_frames(label_set, windows)
    boxes = evaluation.box_settings(label_set.box_settings)
    return make_label_set(_plan(label_set, windows, frames, boxes), output, overwrite, share)


def join_maps(grid: Grid, read: Callable[[str], np.ndarray]) -> np.ndarray:
    """Lay the maps of a frame's windows over each other: their mean.

    Args:
        grid: Where the windows lie.
        read: Gives the map, (h, w) float in [0, 1], of a window of a name.

    Returns:
        (H, W) float32 in [0, 1]; 0 where no window lies.
    """
    total = np.zeros(grid.size_hw)  # hundreds of windows may lie over a pixel
    for name, place in grid.places():
        total[place] += read(name)
    return (total / np.maximum(grid.count(), 1)).astype(np.float32)


def _find_frames(label_set: LabelSet, windows: Windows) -> dict[str, Frame]:
    """Find the frames that a label set has windows of.

    Raises:
        UserError: See `join_windows`.
    """
    there = dict.fromkeys(label_set.ids)
    asked = dict.fromkeys(frame_of(window_id) for window_id in [*there, *label_set.failed])
    frames = {
        frame_id: windows.frames[frame_id] for frame_id in asked if frame_id in windows.frames
    }
    if problems := list(_find_problems(label_set, there, frames, windows)):
        raise UserError(
            f"{label_set.folder} and the windows {windows.folder} do not go together: "
            f"{'; '.join(problems)}"
        )
    return frames


def _find_problems(
    label_set: LabelSet, there: dict[str, None], frames: dict[str, Frame], windows: Windows
) -> Iterator[str]:
    """Say which windows are missing, unknown, of other sizes, or others than were labelled."""
    unknown, sizes = dict(there), {}
    missing = []
    if changed := _find_changed(label_set, there, windows):
        yield (
            f"{count_of(len(changed), 'window was', 'windows were')} cut otherwise when it was "
            f"made: {listed(changed)}; make it anew"
        )
    for frame_id, frame in frames.items():
        for window_id in window_ids(frame_id, frame.grid):
            if window_id not in there:
                reason = label_set.failed.get(window_id)
                missing.append(f"{window_id} ({reason})" if reason else window_id)
                continue
            del unknown[window_id]
            try:
                size_hw = image_size_hw(label_set.path(window_id))
            except UserError:
                continue  # it fails later, alone
            if size_hw != frame.grid.window_hw:
                sizes[window_id] = size_hw, frame.grid.window_hw
    if missing:
        have = count_of(len(missing), "window has", "windows have")
        yield f"{have} no map: {listed(missing)}"
    if unknown:
        yield f"{count_of(len(unknown), 'map is', 'maps are')} of no window: {listed([*unknown])}"
    if sizes:
        told = [f"{i} ({a} x {b}, window {c} x {d})" for i, ((a, b), (c, d)) in sizes.items()]
        yield f"maps differ from their windows in height x width: {listed(told)}"


def _find_changed(label_set: LabelSet, there: dict[str, None], windows: Windows) -> list[str]:
    """Find windows that are other pictures than those that were labelled, where that is known.

    What labels images records which they were; what makes label sets of others records their maps.
    """
    if label_set.manifest.get("settings", {}).get("producer") not in ("teacher", "student"):
        return []
    return [
        image_id
        for image_id, source in label_set.sources(there).items()
        if fingerprint([id_to_path(windows.folder / IMAGES, image_id)]) != source
    ]


def _find_identity(image: ImageIdentity, windows: Windows) -> ImageIdentity:
    """Say which frame a window is of, which has then chosen settings as its window has."""
    frame_id = frame_of(image.id)
    if frame_id not in windows.frames:
        return image
    return ImageIdentity(frame_id, windows.frames[frame_id].image)


def _plan(
    label_set: LabelSet, windows: Windows, frames: dict[str, Frame], boxes: BoxSettings
) -> Recipe:
    """Say how the maps of frames are joined."""

    def describe(frame_id: str) -> str:
        grid = frames[frame_id].grid
        files = [label_set.path(window_id) for window_id in window_ids(frame_id, grid)]
        for window_id in window_ids(frame_id, grid):
            if label_set.is_weighted(window_id):
                files.append(label_set.weights_path(window_id))
        return settings_hash({"files": fingerprint(files), **asdict(grid)})

    def join(frame_id: str) -> Content:
        grid = frames[frame_id].grid
        soft_label = join_maps(grid, lambda name: label_set.read(f"{frame_id}/{name}"))
        weights = None
        if any(map(label_set.is_weighted, window_ids(frame_id, grid))):
            weights = join_maps(grid, lambda name: label_set.read_weights(f"{frame_id}/{name}"))
        elif not (is_kept := grid.count() > 0).all():
            weights = is_kept
        return Content(soft_label, weights=weights)

    def cost_bytes(frame_id: str) -> int:
        return math.prod(frames[frame_id].grid.size_hw) * BYTES_A_PIXEL

    return Recipe(
        settings={"producer": "windows", "label_set": label_set.identity, **windows.settings},
        boxes=boxes,
        fingerprint=lambda: {frame_id: describe(frame_id) for frame_id in frames},
        load=lambda: join,
        cost_bytes=cost_bytes,
        label="joined",
        chosen_on={_find_identity(image, windows) for image in label_set.chosen_on},
    )
