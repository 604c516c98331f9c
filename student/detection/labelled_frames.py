"""Images with the boxes that a detector is to find in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from student.detection.origin import describe_origin
from util.bbox_csv import COORDINATES, read_bbox_csv, split_ignored
from util.config import DataSection, DetectorSection, PathsSection
from util.errors import UserError, listed
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import PREDICTION, LabelSet, find_label_set
from util.learning.detection.truth import NOTHING, Truth


@dataclass(frozen=True, eq=False)
class Labels:
    """Boxes that images are labelled with.

    Attributes:
        boxes: Table of `util.bbox_csv`, of those that are sure enough; regions to ignore too.
        name: Where they come from: the name of a label set, or the ground truth.
        known: Classes that there are boxes of, in whatever image.
        failed: Images that could not be labelled.
    """

    boxes: pd.DataFrame
    name: str
    known: Collection[str]
    failed: Collection[str]

    def of(self, image_ids: Collection[str]) -> "Labels":
        """Give those of some images alone."""
        boxes = self.boxes[self.boxes["image"].isin(set(image_ids))]
        return replace(self, boxes=boxes, failed=set(self.failed).intersection(image_ids))


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Images and the boxes in them, to learn from and to validate by.

    Attributes:
        image_paths: Path of each image by its id.
        boxes: Table of `util.bbox_csv`, of the images of both splits; regions to ignore too, of
            which nothing is learnt, and in which what is found is not false.
        classes: What there is to find; the number of a class is its place here.
        train_ids: To learn from.
        validation_ids: To see how well it is learnt.
        labels: Where the boxes come from: the name of a label set, or the ground truth.
        origin: Which cameras there are to learn from, and who has chosen their frames.
    """

    image_paths: Mapping[str, Path]
    boxes: pd.DataFrame
    classes: Sequence[str]
    train_ids: Sequence[str]
    validation_ids: Sequence[str]
    labels: str
    origin: Mapping[str, Any]

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The boxes that are to be found."""
        return split_ignored(self.boxes)[0]

    @cached_property
    def _truths(self) -> dict[str, Truth]:
        """What `truth` gives of each image that has boxes."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        corners = self.boxes[COORDINATES].to_numpy(np.float64)
        classes = self.boxes["obj_class"].map(numbers).to_numpy(np.int64)
        is_ignored = ~self.boxes.index.isin(self.objects.index)
        rows = self.boxes.groupby("image", sort=False).indices
        return {
            str(image_id): Truth(corners[at], classes[at], is_ignored[at])
            for image_id, at in rows.items()
        }

    def truth(self, image_id: str) -> Truth:
        """Give the boxes of an image and its regions to ignore, relative to it."""
        return self._truths.get(image_id, NOTHING)


def gather_labelled_frames(
    section: DetectorSection, data: DataSection, paths: PathsSection, labels: Labels | None = None
) -> LabelledFrames:
    """Find the images of the training and validation splits, and the boxes in them.

    Args:
        section: Names the label set, and says which of its boxes count.
        data: Names images, splits and ground truth.
        paths: Where label sets and runs are.
        labels: Of these images at least; None = they are read.

    Raises:
        UserError: Images, lists or labels are missing, or nothing is to be found in the training
            split.
    """
    image_paths = find_images(data.images)
    train_ids, validation_ids = (
        read_split(data.splits, split, image_paths)
        for split in (data.train_split, data.validation_split)
    )
    asked = list(dict.fromkeys([*train_ids, *validation_ids]))
    if labels is None:
        labels = read_labels(section, data, paths, image_paths, asked)
    labels = labels.of(asked)
    train_ids, validation_ids = (
        [image_id for image_id in ids if image_id not in labels.failed]
        for ids in (train_ids, validation_ids)
    )
    if not validation_ids:
        raise UserError(
            f"{labels.name} has failed on all images of the split {data.validation_split}, so "
            "there is nothing to validate by; take other frames, or label them anew"
        )
    boxes = labels.boxes
    objects, _ = split_ignored(boxes)
    there = sorted(objects["obj_class"][objects["image"].isin(set(train_ids))].unique())
    _refuse_unlearnable(section, labels, there, f"{labels.name}, split {data.train_split}")
    classes = section.classes or there
    counted = boxes[boxes["obj_class"].isin(classes)].reset_index(drop=True)
    assert data.splits is not None, "lists were read from there"
    origin = describe_origin(train_ids, data.groups, data.splits, data.train_split)
    return LabelledFrames(
        image_paths, counted, classes, train_ids, validation_ids, labels.name, origin
    )


def read_labels(
    section: DetectorSection,
    data: DataSection,
    paths: PathsSection,
    image_paths: Mapping[str, Path],
    image_ids: Sequence[str],
) -> Labels:
    """Read the boxes that images are labelled with, and maybe those of others.

    Args:
        section: Names the label set, and says which of its boxes count.
        data: Names ground truth and the test split.
        paths: Where label sets and runs are.
        image_paths: All images there are, by id.
        image_ids: Those that are asked about.

    Raises:
        UserError: There are no labels, or images were never put before what made them.
    """
    if section.label_set is None:
        boxes = read_truths(data, image_paths, image_ids)
        name = str(data.ground_truth)
        failed: Collection[str] = ()
        known = {*split_ignored(boxes)[0]["obj_class"], *data.ground_truth_classes}
    else:
        folder = find_label_set(section.label_set, paths.label_sets, paths.runs, data.test_split)
        label_set = LabelSet(folder, needs_maps=False)
        boxes, name, failed = _read_boxes(label_set, image_ids), label_set.name, label_set.failed
        known = {*boxes["obj_class"]}
    return Labels(boxes[boxes["confidence"] >= section.min_confidence], name, known, failed)


def _refuse_unlearnable(
    section: DetectorSection, labels: Labels, there: Sequence[str], where: str
) -> None:
    """Refuse frames in which nothing is to be found.

    A class may be lacking in the frames, as long as another one is there: a camera may see no bird
    in those that were chosen, and its detector is to find the classes of others all the same.

    Args:
        section: Names the classes that are to be found.
        labels: Of the frames.
        there: Classes that frames to learn from have boxes of.
        where: These are from, for errors.

    Raises:
        UserError: A class is unknown, or no frame has a box.
    """
    if unknown := [name for name in section.classes if name not in labels.known]:
        raise UserError(
            f"{where}: there is no box of {listed(unknown)} (detector.classes), but of: "
            f"{listed(sorted(labels.known)) or 'nothing'}"
        )
    if not set(section.classes or there).intersection(there):
        raise UserError(
            f"{where}: no frame has a box{' of these classes' if there else ''}, so there is "
            "nothing to learn; take other frames, another label set, other detector.classes, or a "
            "lower detector.min_confidence"
        )


def _read_boxes(label_set: LabelSet, image_ids: Sequence[str]) -> pd.DataFrame:
    """Read the boxes of a label set that knows some images.

    Raises:
        UserError: Images were never put before what made it.
    """
    known = {*label_set.ids, *label_set.failed}
    if unknown := [image_id for image_id in image_ids if image_id not in known]:
        raise UserError(
            f"{len(unknown)} of {len(image_ids)} images are not in the label set "
            f"{label_set.name}: {listed(unknown)}; label them first"
        )
    return read_bbox_csv(label_set.folder / PREDICTION)
