"""True boxes, from any of the usual formats into one table (see `util.bbox_csv`)."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from util.bbox_csv import COORDINATES, read_bbox_csv, split_ignored
from util.config import DataSection
from util.errors import UserError, listed
from util.ground_truth.coco import read_coco
from util.ground_truth.formats import GroundTruthFormat, check_place
from util.ground_truth.labelme import read_labelme
from util.ground_truth.mask_boxes import find_mask_boxes
from util.ground_truth.unknown_classes import describe_unknown
from util.ground_truth.voc import read_voc
from util.ground_truth.yolo import read_yolo
from util.images.masks import open_folder
from util.words import count_of

logger = logging.getLogger(__name__)

_OF_FOLDERS = {"yolo": read_yolo, "voc": read_voc, "labelme": read_labelme}
"""What reads a folder with a file an image."""


def read_ground_truth(
    path: Path | None,
    file_format: GroundTruthFormat,
    image_paths: Mapping[str, Path],
    classes: Sequence[str],
    image_ids: Sequence[str] | None = None,
    mask_values: Mapping[str, str] = MappingProxyType({}),
    mask_names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the true boxes of images.

    Args:
        path: CSV or COCO json file; folder of YOLO's, VOC's or labelme's files or of masks.
        file_format: Which of these it is.
        image_paths: All images there are, by id.
        classes: Class names, class numbers (YOLO), or names or pixel values (masks) that count;
            empty = all.
        image_ids: Those that are asked about, None = all; boxes of others are left out.
        mask_values: What values of masks mean, as data.mask_values.
        mask_names: What makes the name of a mask, or of another file, of its image's id, as
            data.mask_names.

    Returns:
        Table of `util.bbox_csv`; images without a true box have no row. Pixels of masks that are
        ignored give no region to ignore, since a box round them would be mostly something else.

    Raises:
        UserError: The ground truth is missing, malformed, or has no such class; most of its boxes
            are of no image; a COCO file does not list images that are asked about.
    """
    path = check_place(path, file_format)
    wanted = list(image_paths) if image_ids is None else image_ids
    if file_format == "masks":
        masks = open_folder(path, image_paths, classes, mask_values, mask_names).of(wanted)
        return find_mask_boxes(masks, image_paths, bool(mask_values))
    table, there = _read_table(path, file_format, image_paths, wanted, mask_names)
    table = _choose_classes(path, file_format, table, there, classes)
    table = table[table["image"].isin(set(wanted))].reset_index(drop=True)
    if num_twins := int(table.duplicated(["image", *COORDINATES, "obj_class"]).sum()):
        logger.warning(
            "%s: %s there before, exactly alike; all count",
            path,
            count_of(num_twins, "box is", "boxes are"),
        )
    return table


def _read_table(
    path: Path,
    file_format: GroundTruthFormat,
    image_paths: Mapping[str, Path],
    wanted: Sequence[str],
    names: Mapping[str, str],
) -> tuple[pd.DataFrame, list[str]]:
    """Read all boxes of a file or folder, and the classes that it knows.

    Raises:
        UserError: See `read_ground_truth`.
    """
    if file_format == "coco":
        asked = {image_id: image_paths[image_id] for image_id in wanted}
        return read_coco(path, asked, image_paths)
    if file_format == "csv":
        table = _read_csv(path)
        check_known(path, table, image_paths)
    else:  # of the images alone
        table = _OF_FOLDERS[file_format](path, image_paths, names)
    return table, sorted(table["obj_class"].unique())


def _choose_classes(
    path: Path,
    file_format: GroundTruthFormat,
    table: pd.DataFrame,
    there: Sequence[str],
    classes: Sequence[str],
) -> pd.DataFrame:
    """Keep the boxes of some classes; [] = all.

    Raises:
        UserError: The ground truth does not know one of them.
    """
    if there and (unknown := [name for name in classes if name not in there]):
        told = describe_unknown(path, file_format, unknown, there)
        raise UserError(
            f"{path} has none of the classes {told}, but {listed(there)}; set "
            "data.ground_truth_classes"
        )
    if not classes:
        return table
    if lacking := sorted(set(classes) - set(table["obj_class"])):
        logger.warning("%s has no box of the classes %s", path, listed(lacking))
    return table[table["obj_class"].isin(classes)]


def read_truths(
    data: DataSection, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> pd.DataFrame:
    """Read the ground truth that a config names, for some of its images.

    Args:
        data: Names the ground truth.
        image_paths: All images, by id.
        image_ids: Those that are asked about.
    """
    return read_ground_truth(
        data.ground_truth,
        data.ground_truth_format,
        image_paths,
        data.ground_truth_classes,
        image_ids,
        data.mask_values,
        data.mask_names,
    )


def describe_counted(truths: pd.DataFrame, classes: Sequence[str]) -> str:
    """Say beside a table of figures which true boxes count, and what becomes of all others.

    Args:
        truths: Of `read_truths`, of the images that are judged.
        classes: As data.ground_truth_classes.
    """
    objects, ignored = split_ignored(truths)
    counts = objects["obj_class"].value_counts().sort_index()
    told = listed([f"{name} {count}" for name, count in counts.items()], 12) or "none"
    which = "all classes"
    if classes:
        chosen = f"data.ground_truth_classes {listed(classes, 12)}"
        which = f"{chosen}; predicted boxes on anything else are false"
    sentence = f"True boxes that count: {told} ({which})"
    if len(ignored):
        regions = count_of(len(ignored), "region")
        sentence += f"; {regions} to ignore, in which nothing is missed or false"
    return f"{sentence}."


def check_known(
    path: Path, table: pd.DataFrame, known_ids: Collection[str], what: str = "boxes"
) -> None:
    """Make sure that boxes or labels and images have anything to do with each other.

    Some of unknown images are counted in the log.

    Args:
        path: Of the table, for messages.
        table: Has the column `image`.
        known_ids: Of the images that there are.
        what: Its rows are.

    Raises:
        UserError: Most of them are of images that are not known.
    """
    is_known = table["image"].isin(set(known_ids))
    if is_known.all():
        return
    strangers = list(table["image"][~is_known].unique())
    count = int((~is_known).sum())
    if count > len(table) / 2:
        raise UserError(
            f"{path} has {count} of its {len(table)} {what} in {listed(strangers, 3)}, which are "
            f"no images in data.images (there are {listed(sorted(known_ids), 2)}); names must "
            "agree (folders below data.images included)"
        )
    logger.warning(
        "%s: left out %d of %d %s, of images that are not in data.images: %s",
        path,
        count,
        len(table),
        what,
        listed(strangers, 3),
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table of true boxes; those without an area are left out and counted in the log."""
    table = read_bbox_csv(path)
    has_area = (table["xmin"] < table["xmax"]) & (table["ymin"] < table["ymax"])
    if not has_area.all():
        images = list(table["image"][~has_area])
        logger.warning(
            "%s: left out %s of no area, in %s",
            path,
            count_of(len(images), "box", "boxes"),
            listed(sorted(set(images))),
        )
    return table[has_area].reset_index(drop=True)
