"""Frames that may be chosen, and the label sets that tell of them."""

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from util.config import DataSection, PathsSection, StreamsSection
from util.errors import UserError, listed
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet, find_label_set
from util.streams.cameras import Camera, find_cameras, time_in_names

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Pool:
    """Frames that may be chosen.

    Attributes:
        cameras: With these frames, without those that a label set has failed on.
        label_sets: The one that frames are chosen by, and that of the second stage if it differs.
        num_failed: How many frames were left out.
        image_paths: Path of each image by its id, others among them.
    """

    cameras: Sequence[Camera]
    label_sets: Sequence[LabelSet]
    num_failed: int
    image_paths: Mapping[str, Path]

    def only(self, names: Collection[str]) -> "Pool":
        """Leave out the other cameras."""
        return replace(self, cameras=[each for each in self.cameras if each.name in names])

    def describe(self, settings: StreamsSection, groups: str | None) -> dict[str, Any]:
        """Give all that decides what is chosen of these frames, as JSON values.

        Args:
            settings: What is chosen.
            groups: Has found the cameras (data.groups).
        """
        ids = "\n".join(image_id for camera in self.cameras for image_id in camera.ids)
        return {
            **settings.decides(),
            "label_sets": [[each.name, each.fingerprint()] for each in self.label_sets],
            "frames_of": hashlib.sha256(ids.encode(errors="backslashreplace")).hexdigest()[:16],
            "groups": groups,
        }


def open_pool(settings: StreamsSection, data: DataSection, paths: PathsSection) -> Pool:
    """Find the cameras with the frames that may be chosen, and what tells of these.

    Raises:
        UserError: Images, lists or label sets are missing, or do not know of each other.
    """
    label_sets = _find_label_sets(settings, paths, data.test_split)
    image_paths = find_images(data.images)
    cameras = find_pool(settings, data, image_paths)
    num_failed = 0
    for label_set in label_sets:
        cameras, num_more = keep_labelled(cameras, label_set)
        num_failed += num_more
    return Pool(cameras, label_sets, num_failed, image_paths)


def find_pool(settings: StreamsSection, data: DataSection, images: Collection[str]) -> list[Camera]:
    """Find the cameras with the frames that may be chosen.

    Args:
        settings: Names the cameras, the split and how times are found.
        data: Names the split lists, and finds the camera of a frame.
        images: Ids of all images.

    Raises:
        UserError: A list is missing, or frames have no camera or time.
    """
    frames = list(images)
    if settings.pool is not None:
        frames = read_split(data.splits, settings.pool, images)
    time = time_in_names(settings.time, settings.time_format)
    return find_cameras(frames, data.groups, time, settings.cameras)


def _find_label_sets(settings: StreamsSection, paths: PathsSection, split: str) -> list[LabelSet]:
    """Find the label set that frames are chosen by, and the second one if it is another and read.

    Raises:
        UserError: A label set is missing, or two are to be compared and only one is named.
    """
    names = [settings.label_set, settings.second_stage_label_set or settings.label_set]
    compares = "disagreement" in (settings.strategy, settings.second_stage)
    if settings.second_stage == "none" and not compares:
        del names[1]
    folders = [find_label_set(name, paths.label_sets, paths.runs, split) for name in names]
    if compares and folders[0] == folders[1]:
        raise UserError(
            f"disagreement compares two label sets, and streams.label_set is {names[0]} as well as "
            "streams.second_stage_label_set; name the student's and the teacher's"
        )
    return [LabelSet(folder, needs_maps=False) for folder in dict.fromkeys(folders)]


def keep_labelled(cameras: Sequence[Camera], label_set: LabelSet) -> tuple[list[Camera], int]:
    """Leave out the frames on which what made a label set has failed, and say so.

    Args:
        cameras: With all of their frames.
        label_set: Of maps or of boxes alone.

    Returns:
        The cameras, and how many frames were left out.

    Raises:
        UserError: Frames were never put before what made it, or a camera has none but failed ones.
    """
    labelled, failed = set(label_set.ids), set(label_set.failed)
    frames = [image_id for camera in cameras for image_id in camera.ids]
    if unknown := [i for i in frames if i not in labelled and i not in failed]:
        raise UserError(
            f"{len(unknown)} of {len(frames)} frames are not in the label set "
            f"{label_set.name}: {listed(unknown)}; label them first, or name in streams.cameras "
            "those cameras that are labelled"
        )
    left_out = [image_id for image_id in frames if image_id not in labelled]
    if left_out:
        logger.warning(
            "left out %d frames that %s has failed on: %s",
            len(left_out),
            label_set.name,
            listed(left_out),
        )
    kept = [_keep(camera, labelled) for camera in cameras]
    if empty := [camera.name for camera in kept if not camera.ids]:
        raise UserError(
            f"cameras have no frame on which {label_set.name} has not failed: {listed(empty)}; "
            "mend the images, or name the other cameras in streams.cameras"
        )
    return kept, len(left_out)


def _keep(camera: Camera, labelled: set[str]) -> Camera:
    """Leave the frames of a camera that are labelled; times stay as they are."""
    is_kept = np.array([image_id in labelled for image_id in camera.ids], bool)
    ids = [image_id for image_id, kept in zip(camera.ids, is_kept, strict=True) if kept]
    return Camera(camera.name, ids, camera.times[is_kept])
