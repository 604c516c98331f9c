"""The empty frames of each camera, which its others are compared with."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from teacher.novelty.background import LEAST_FRAMES, Background
from teacher.novelty.describing import CELL_PX, CellDescriber
from util.errors import UserError, listed
from util.images.files import image_size_hw, read_image
from util.label_set import LabelSet
from util.metrics.groups import name_groups
from util.refinement.resizing import enlarge, reduce, reduce_size

logger = logging.getLogger(__name__)

_MOST_KEPT = 2
"""Backgrounds in memory; images come a camera after another."""


def find_empty_frames(
    label_set: LabelSet, groups: str | None, most: int
) -> dict[str, tuple[str, ...]]:
    """Find the empty frames that each frame with a map that is not empty is compared with.

    Args:
        label_set: Its maps say which frames are empty.
        groups: As data.groups, which names the cameras.
        most: Frames of a camera at most, evenly spaced.

    Returns:
        Ids of frames of its camera and size, by the id of each image that is not empty; those of
        cameras with too few empty frames lack, which is logged.

    Raises:
        UserError: No groups are given, or they are not found in some ids.
    """
    if groups is None:
        raise UserError(
            "novelty compares frames of one fixed camera with each other; say by data.groups which "
            "are, such as ^(.*)/ for a folder a camera"
        )
    empty = defaultdict[tuple[str, tuple[int, int]], list[str]](list)
    others = defaultdict[tuple[str, tuple[int, int]], list[str]](list)
    for image_id, camera in zip(label_set.ids, name_groups(groups, label_set.ids), strict=True):
        with suppress(UserError):  # whose map is damaged fails later, alone
            size_hw = image_size_hw(label_set.path(image_id))
            kind = empty if label_set.is_empty(image_id) else others
            kind[camera, size_hw].append(image_id)
    few = {camera for camera in others if len(empty[camera]) < LEAST_FRAMES}
    if few:
        told = (f"{name} has {len(empty[name, hw])} of {hw[0]} x {hw[1]}" for name, hw in few)
        logger.warning(
            "novelty needs %d frames of a camera (data.groups) whose maps in %s are empty, but %s; "
            "maps of %s stay as they are, and so as bright: add frames that do not show what is "
            "looked for",
            *(LEAST_FRAMES, label_set.folder, listed(sorted(told))),
            "all cameras" if len(few) == len(others) else "these cameras",
        )
    chosen = {camera: _spread(empty[camera], most) for camera in others if camera not in few}
    return {image_id: chosen[camera] for camera in chosen for image_id in others[camera]}


def _spread(image_ids: Sequence[str], most: int) -> tuple[str, ...]:
    """Choose so many of sorted ids at most, evenly spaced from the first to the last."""
    numbers = np.linspace(0, len(image_ids) - 1, min(most, len(image_ids))).round().astype(int)
    return tuple(image_ids[number] for number in numbers)


class Cameras:
    """What is novel in frames of cameras; for several threads."""

    def __init__(
        self,
        frames_of: Mapping[str, tuple[str, ...]],
        image_paths: Mapping[str, Path],
        describer: CellDescriber,
        side_px: int,
    ) -> None:
        """Learn nothing yet.

        Args:
            frames_of: Of `find_empty_frames`.
            image_paths: Path of each image by its id.
            describer: Describes the cells of images.
            side_px: The longer side of images while they are compared.
        """
        self._frames_of = frames_of
        self._image_paths = image_paths
        self._describer = describer
        self._side_px = side_px
        self._alone = Lock()
        self._learn = lru_cache(_MOST_KEPT)(self._learn_anew)

    def __contains__(self, image_id: str) -> bool:
        """Tell whether there is something to compare an image with."""
        return image_id in self._frames_of

    def novelty_of(self, image_id: str) -> np.ndarray:
        """Tell how novel each pixel of an image is, (H, W) float32 in [0, 1].

        Raises:
            UserError: The image is damaged, or too many that it is compared with are.
        """
        with self._alone:  # others wait for the background, which they mostly need, too
            background = self._learn(self._frames_of[image_id])
        if isinstance(background, UserError):
            raise background
        image_rgb = read_image(self._image_paths[image_id])
        height, width = reduce_size(image_rgb.shape[:2], self._side_px)
        cells = background.novelty_of(self._describe(image_rgb))
        whole = enlarge(cells, (cells.shape[0] * CELL_PX, cells.shape[1] * CELL_PX))
        return enlarge(whole[:height, :width], image_rgb.shape[:2])

    def _learn_anew(self, image_ids: tuple[str, ...]) -> Background | UserError:
        """Learn the background of frames, but for damaged ones; an error where too few are left."""
        frames, damaged = [], []
        for image_id in image_ids:
            try:
                frames.append(self._describe(read_image(self._image_paths[image_id])))
            except UserError as error:
                damaged.append(str(error))
        if damaged:
            logger.warning("not compared with: %s", listed(damaged, 3))
        if len(frames) < LEAST_FRAMES:
            return UserError(f"too few frames to compare with: {listed(damaged, 3)}")
        return Background.of(frames)

    def _describe(self, image_rgb: np.ndarray) -> np.ndarray:
        """Describe the cells of an image, which is shrunk if it is larger than is compared."""
        return self._describer.describe(
            reduce(image_rgb, reduce_size(image_rgb.shape[:2], self._side_px))
        )
