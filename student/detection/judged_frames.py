"""The frames of the test split, and how well boxes in them fit the truth."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from student.detection.judging import judge_cameras
from util.bbox_csv import read_bbox_csv
from util.config import DataSection, StreamsSection
from util.errors import UserError, listed
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import PREDICTION, LabelSet
from util.streams.cameras import Camera, find_cameras, time_in_names

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class JudgedFrames:
    """The frames that everything is tested on.

    Attributes:
        split: Name of their list.
        image_paths: Path of each by its id.
        cameras: Whose they are.
        truths: Table of their true boxes.
        block: Frames that follow each other and are resampled together.
    """

    split: str
    image_paths: Mapping[str, Path]
    cameras: Sequence[Camera]
    truths: pd.DataFrame
    block: int

    def judge(self, folder: Path, together: bool) -> pd.DataFrame:
        """Judge the boxes of a label set.

        Args:
            folder: Of the label set. A frame that it has failed on counts as one without boxes, so
                that all label sets are judged on the same frames.
            together: Whether there is a row of all cameras as well; see `judge_cameras`.

        Returns:
            See `judge_cameras`.

        Raises:
            UserError: The label set lacks frames.
        """
        label_set = LabelSet(folder, needs_maps=False)
        known = {*label_set.ids, *label_set.failed}
        if lacking := [image_id for image_id in self.image_paths if image_id not in known]:
            raise UserError(
                f"{len(lacking)} of {len(self.image_paths)} frames of the split {self.split} are "
                f"not in the label set {folder}: {listed(lacking)}; label them, too"
            )
        if failed := [image_id for image_id in self.image_paths if image_id in label_set.failed]:
            logger.warning(
                "%s has failed on frames, which count as without boxes: %s", folder, listed(failed)
            )
        boxes = read_bbox_csv(folder / PREDICTION)
        return judge_cameras(self.cameras, self.truths, boxes, self.block, together)


def find_judged_frames(data: DataSection, streams: StreamsSection) -> JudgedFrames:
    """Find the frames of the test split, whose they are, and what is to be seen in them.

    Args:
        data: Names images, split and ground truth, and finds cameras.
        streams: Finds the times of frames, and says how many are resampled together.

    Raises:
        UserError: Something is missing.
    """
    if data.ground_truth is None:
        raise UserError("data.ground_truth is null: there is nothing to test students by")
    image_paths = find_images(data.images)
    ids = read_split(data.splits, data.test_split, image_paths)
    time = time_in_names(streams.time, streams.time_format)
    return JudgedFrames(
        data.test_split,
        {image_id: image_paths[image_id] for image_id in ids},
        find_cameras(ids, data.groups, time),
        read_truths(data, image_paths, ids),
        streams.block,
    )
