"""What a student learns from: images, soft labels and splits that belong together.

Imports torch only where it is needed, so that studies can be planned without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from student.encoder_weights import identify_encoder_weights
from util.config import DataSection, EvaluationSection, StudentSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import listed
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import AnyLabelSet, open_label_set, refuse_changed_maps
from util.settings import settings_hash
from util.words import count_of

Sizes = Mapping[str, tuple[int, int] | None]
"""(height, width) of images by their ids; None where a header cannot be read."""


@dataclass(frozen=True)
class Splits:
    """The images of splits.

    Attributes:
        image_paths: Path of each image by its id, of other splits too.
        train_ids: Images to learn from.
        validation_ids: Images to choose the best epoch by.
    """

    image_paths: Mapping[str, Path]
    train_ids: Sequence[str]
    validation_ids: Sequence[str]


@dataclass(frozen=True)
class Material:
    """What a student learns from.

    Attributes:
        image_paths: Path of each image by its id.
        label_set: Has a soft label for all images below.
        train: Images to learn from.
        validation: Images to choose the best epoch by.
        split_names: Of the two, for messages.
        boxes: How maps become boxes.
        boxes_chosen: What of that the validation images choose for the student.
        truths: Table of the true boxes of the validation images; None where the best epoch is
            chosen by the boxes of their soft labels.
    """

    image_paths: Mapping[str, Path]
    label_set: AnyLabelSet
    train: Sizes
    validation: Sizes
    split_names: tuple[str, str]
    boxes: BoxSettings
    boxes_chosen: Sequence[str]
    truths: pd.DataFrame | None


def find_splits(data: DataSection) -> Splits:
    """Find the images of the splits to learn from and to validate on.

    Raises:
        UserError: Images or lists are missing.
    """
    image_paths = find_images(data.images)
    train_ids, validation_ids = (
        read_split(data.splits, split, image_paths)
        for split in (data.train_split, data.validation_split)
    )
    return Splits(image_paths, train_ids, validation_ids)


def gather_material(
    student: StudentSection, data: DataSection, evaluation: EvaluationSection, label_sets: Path
) -> Material:
    """Find images and soft labels of the splits, and make sure that they belong together.

    Args:
        student: Names the label set, and says what of it is learnt and validated against.
        data: Names images, splits and true boxes.
        evaluation: How maps become boxes, and which of them count.
        label_sets: Folder of the label sets.

    Raises:
        UserError: Something is missing, or does not fit.
    """
    from student.data.loading import check_logits, check_pairs, check_weights

    splits = find_splits(data)
    label_set = open_label_set(label_sets, student.label_set)
    train, validation = (
        check_pairs(ids, splits.image_paths, label_set)
        for ids in (splits.train_ids, splits.validation_ids)
    )
    refuse_changed_maps(label_set, [*train, *validation])
    if student.pixel_weights == "label_set":
        check_weights([*train, *validation], label_set)
    elif weighted := [image_id for image_id in train if label_set.is_weighted(image_id)]:
        print(
            f"{label_set.name} has weights of pixels in {count_of(len(weighted), 'image')} of "
            f"{data.train_split}, which student.pixel_weights {student.pixel_weights!r} passes over"
        )
    if student.losses.get("kd"):
        check_logits([*train, *validation], label_set)
    asked = {*splits.train_ids, *splits.validation_ids}
    if failed := sorted(asked.intersection(label_set.failed)):
        print(
            f"Left out: {count_of(len(failed), 'image')}, since labelling failed: {listed(failed)}"
        )
    truths = None
    if student.validate_against == "ground_truth":
        truths = read_truths(data, splits.image_paths, list(validation))
    return Material(
        splits.image_paths,
        label_set,
        train,
        validation,
        (data.train_split, data.validation_split),
        evaluation.box_settings(label_set.box_settings),
        evaluation.left_to_choose(),
        truths,
    )


def collect_settings(
    student: StudentSection, material: Material, weights_folder: Path, image_files: str
) -> dict[str, Any]:
    """All that decides what is learnt, as JSON values.

    Args:
        student: How it is learnt, and by what.
        material: What is learnt.
        weights_folder: Where the weights of an encoder are looked for.
        image_files: Fingerprint of all images, first those to learn from.
    """
    split = {"train": list(material.train), "validation": list(material.validation)}
    ids, label_set = [*split["train"], *split["validation"]], material.label_set
    settings = {
        **student.decides(),
        "encoder_weights": identify_encoder_weights(student, weights_folder),
        "boxes": asdict(material.boxes),
        "boxes_chosen": list(material.boxes_chosen),
        "label_set": [label_set.name, label_set.content_of(ids)],
        "images": settings_hash(split),
        "image_files": image_files,
    }
    if material.truths is not None:
        settings["validation_boxes"] = settings_hash({"boxes": material.truths.to_csv()})
    if student.pixel_weights == "label_set":
        settings["weights"] = fingerprint(map(label_set.weights_path, ids))
    if student.losses.get("kd"):
        settings["logits"] = fingerprint(map(label_set.logits_path, ids))
    return settings
