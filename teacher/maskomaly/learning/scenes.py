"""Road scenes with masks of classes, to learn from."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from teacher.maskomaly.learning.negatives import PASTED
from util.config import DataSection, Mask2FormerSection
from util.errors import UserError
from util.images.files import find_images, read_image
from util.images.known_classes import KNOWN_CLASSES
from util.images.mask_values import IGNORED
from util.images.masks import TrueMasks, open_folder
from util.images.splits import read_split

logger = logging.getLogger(__name__)

LABEL_IDS = range(19, 34)
"""Values of Cityscapes' labelIds that are no train ids: traffic lights, vegetation, sky, cars."""


@dataclass(frozen=True)
class RoadScenes:
    """Images with class masks.

    Attributes:
        image_paths: Path of each image by its id.
        masks: Of these images.
        train_ids: To learn from.
        validation_ids: To choose the best epoch by.
    """

    image_paths: Mapping[str, Path]
    masks: TrueMasks
    train_ids: Sequence[str]
    validation_ids: Sequence[str]

    def read(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read an image, (H, W, 3) uint8 RGB, and its classes, (H, W) uint8.

        Raises:
            UserError: One of them cannot be read, or their sizes differ.
        """
        image_rgb = read_image(self.image_paths[image_id])
        return image_rgb, self.masks.read_classes(image_id, image_rgb.shape[:2])


def gather_scenes(data: DataSection, section: Mask2FormerSection) -> RoadScenes:
    """Find images and class masks of the splits.

    Args:
        data: Names images and splits, and masks where the section names none.
        section: Names masks of its own, and classes.

    Raises:
        UserError: Something is missing, masks have no names of classes, or values without one,
            too many of them, or mask2former.mask_names is told without mask2former.masks.
    """
    image_paths = find_images(data.images)
    folder, names, values = section.masks, section.mask_names, {}
    if folder is None:
        if names:
            raise UserError(
                "mask2former.mask_names is of mask2former.masks, which is not set: then the masks "
                "are those of data.masks, named by data.mask_names; set or take out one of them"
            )
        folder, names, values = data.masks, data.mask_names, dict(data.mask_values)
    if folder is None:
        raise UserError("there are no class masks to learn from; set mask2former.masks")
    table = KNOWN_CLASSES.get(section.classes)
    masks = open_folder(folder, image_paths.keys(), values=values, names=names, table=table)
    if not masks.class_names:
        raise UserError(
            f"the masks in {folder} have no names of classes; write them to {folder}/classes.json, "
            'such as {"0": "road", "1": "car", "255": null}, or set mask2former.classes'
        )
    if len(masks.class_names) >= PASTED:
        raise UserError(
            f"the masks in {folder} have {len(masks.class_names)} classes; expected fewer than "
            f"{PASTED}, since that number and the next mean pixels of no class: merge some"
        )
    train, validation = (
        read_split(data.splits, split, image_paths)
        for split in (data.train_split, data.validation_split)
    )
    scenes = RoadScenes(image_paths, masks.of([*train, *validation]), train, validation)
    _refuse_without_classes(scenes, folder, data)
    if section.classes == "cityscapes" and not set(masks.seen.values).intersection(LABEL_IDS):
        logger.warning(
            "the masks in %s have no value above 18 but void, so they look like train ids, not "
            "like labelIds; set mask2former.classes to cityscapes_train_ids if they are",
            folder,
        )
    return scenes


def _refuse_without_classes(scenes: RoadScenes, folder: Path, data: DataSection) -> None:
    """Make sure that each split shows a class somewhere; the first image usually does.

    Raises:
        UserError: One does not.
    """
    splits = {data.train_split: scenes.train_ids, data.validation_split: scenes.validation_ids}
    for split, ids in splits.items():
        if not any((scenes.masks.read_classes(image_id) != IGNORED).any() for image_id in ids):
            raise UserError(
                f"the masks of the split {split} in {folder} show no class, only pixels of none; "
                "see mask2former.masks and mask2former.classes"
            )
