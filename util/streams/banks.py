"""How many frames each camera gives, which may be learnt from, and which validate."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from util.streams.cameras import Camera


def divide(total: int, num_cameras: int, budget: Literal["all", "camera"]) -> list[int]:
    """Divide frames over cameras.

    The original once gives each camera the whole part of the quotient, and drops what remains, and
    once the whole number; which it is must be said here, and nothing is dropped.

    Args:
        total: Frames of all cameras, or of each.
        num_cameras: At least 1.
        budget: `all` = of all together: what no equal part can be made of goes to the first
            cameras, a frame each; `camera` = of each.

    Returns:
        Frames of each camera.

    Example:
        >>> divide(8, 3, "all")
        [3, 3, 2]
    """
    if budget == "camera":
        return [total] * num_cameras
    part, more = divmod(total, num_cameras)
    return [part + (number < more) for number in range(num_cameras)]


@dataclass(frozen=True)
class Bank:
    """How the frames of a camera are divided; each part is a run of them, in the order of time.

    Attributes:
        camera: The camera, with all of its frames.
        size: How many frames may be learnt from, from the first on.
        num_gap: How many come behind these that are neither learnt from nor validate.
        num_validation: How many validate, to the last.
    """

    camera: Camera
    size: int
    num_gap: int
    num_validation: int

    @property
    def learnable(self) -> Camera:
        """The camera with the frames alone that may be learnt from."""
        camera = self.camera
        return Camera(camera.name, camera.ids[: self.size], camera.times[: self.size])

    @property
    def validation_ids(self) -> list[str]:
        """Ids of the frames that validate."""
        return list(self.camera.ids[self.size + self.num_gap :])


def divide_bank(camera: Camera, num_validation: int, gap: float) -> Bank:
    """Keep the last frames of a camera for validation, and some time before them from learning.

    So no frame, and none of its neighbours, is in both, whatever the strategy chooses. Of the
    original's strategies most may choose what validates, and one leaves out 300 frames whatever
    validates.

    Args:
        camera: With N frames.
        num_validation: At most N; 0 = all frames may be learnt from.
        gap: Least difference of times.
    """
    num_frames = len(camera.ids)
    if not num_validation:
        return Bank(camera, num_frames, 0, 0)
    begin = num_frames - num_validation
    size = int(np.searchsorted(camera.times[:begin], camera.times[begin] - gap, side="right"))
    return Bank(camera, size, begin - size, num_validation)
