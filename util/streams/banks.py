"""What of a camera's frames may be learnt from, and what validates."""

from dataclasses import dataclass

import numpy as np

from util.streams.cameras import Camera


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
