"""Frames that a label set tells of."""

import logging
from collections.abc import Sequence

import numpy as np

from util.errors import UserError, listed
from util.label_set import LabelSet
from util.streams.cameras import Camera

logger = logging.getLogger(__name__)


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
