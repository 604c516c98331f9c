"""True boxes from a COCO detection file (cocodataset.org, Data format)."""

import logging
import posixpath
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from util.errors import UserError, listed
from util.ground_truth.coco_boxes import list_boxes
from util.ground_truth.coco_content import Annotation, Category, Content, Image, read_content
from util.ground_truth.sizes import ToldSize, check_shapes
from util.ground_truth.table import to_truth_table
from util.images.ids import name_to_id

logger = logging.getLogger(__name__)


def read_coco(path: Path, image_paths: Mapping[str, Path]) -> tuple[pd.DataFrame, list[str]]:
    """Read a COCO detection file.

    Boxes are taken relative to the width and height that the file gives. An annotation without a
    box has that round its polygons, or round the pixels of its RLE, be it a text or a list. Its
    class is the name of its category; categories of one name are one class, which is said, and
    supercategories are passed over.

    Args:
        path: Of the file.
        image_paths: Of the images that are asked about, by id. The file must list all of them: an
            image that it does not list was not annotated, which is not the same as having no
            object.

    Returns:
        Table of `util.ground_truth.table` with the boxes of all images of the file, those of
        `iscrowd` and `ignore` as regions to ignore; and the classes that the file knows.

    Raises:
        UserError: The file is damaged, or contradicts itself or the images; annotations, images or
            categories are named.
    """
    content = read_content(path)
    images = _images_by_id(path, content.images)
    _check_pointers(path, content)
    _check_names(path, content.categories)
    _check_images(path, images, image_paths)
    table = to_truth_table(path, list_boxes(path, content, images))
    if num_ignored := int(table["ignore"].sum()):
        logger.info(
            "%s: %d of %d boxes are crowds or to be ignored: they cannot be missed, and nothing in "
            "them is false",
            path,
            num_ignored,
            len(table),
        )
    return table, sorted({each.name.strip() for each in content.categories})


def read_annotated(
    path: Path, image_paths: Mapping[str, Path]
) -> dict[str, tuple[tuple[float, float], list[tuple[str, Annotation]]]]:
    """Read what a COCO detection file says of the images that it lists.

    Args:
        path: Of the file.
        image_paths: Of all images, by id.

    Returns:
        For each of these images that the file lists the width and height that it gives, and the
        annotations with their classes, in the order of the file.

    Raises:
        UserError: As `read_coco`.
    """
    content = read_content(path)
    images = _images_by_id(path, content.images)
    _check_pointers(path, content)
    _check_names(path, content.categories)
    _check_images(path, images, {i: image_paths[i] for i in images if i in image_paths})
    names = {each.id: each.name.strip() for each in content.categories}
    having: dict[Hashable, list[tuple[str, Annotation]]] = defaultdict(list)
    for each in content.annotations:
        having[each.image_id].append((names[each.category_id], each))
    return {
        image_id: ((image.width, image.height), having[image.id])
        for image_id, image in images.items()
        if image_id in image_paths
    }


def list_coco_images(path: Path) -> set[str]:
    """List the ids of the images that a COCO detection file lists: those that were annotated.

    Raises:
        UserError: The file is damaged, or lists an image twice.
    """
    return set(_images_by_id(path, read_content(path).images))


def describe_needless_folders(listed_ids: Collection[str], image_ids: Collection[str]) -> str:
    """Say which folders before all names of a file keep them from being those of images.

    Args:
        listed_ids: Of the images that the file lists.
        image_ids: Of the images that there are.

    Returns:
        An end of a sentence; '' where nothing is listed, no folders are common to all, or names
        differ without them.
    """
    if not listed_ids:
        return ""
    common = posixpath.commonpath([posixpath.dirname(image_id) for image_id in listed_ids])
    for folder in reversed((PurePosixPath(common) / "x").parents[:-1]):
        needless = f"{folder}/"
        if any(image_id.removeprefix(needless) in image_ids for image_id in listed_ids):
            return f"; without {needless!r} before every file_name they would"
    return ""


def _images_by_id(path: Path, images: Sequence[Image]) -> dict[str, Image]:
    """Entries of images by our id of them, of which there must be one each."""
    _refuse_twins(path, "image id", [(image.id, image.file_name) for image in images])
    try:
        named = [(name_to_id(image.file_name), image) for image in images]
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    _refuse_twins(
        path,
        "image",
        [(image_id, image.file_name) for image_id, image in named],
        "keep one each, or give every file_name with its folders below data.images",
    )
    return dict(named)


def _refuse_twins(
    path: Path,
    what: str,
    keys: Sequence[tuple[Hashable, str]],
    advice: str = "keep one each",
) -> None:
    """Raise where a key is there more than once; the texts beside the keys tell them apart."""
    having = defaultdict(list)
    for key, text in keys:
        having[key].append(text)
    twins = [f"{key} ({', '.join(texts)})" for key, texts in having.items() if len(texts) > 1]
    if twins:
        raise UserError(f"{path} has two entries for one {what}: {listed(twins)}; {advice}")


def _check_pointers(path: Path, content: Content) -> None:
    """Make sure that annotations point to images and categories that there are.

    Each has an id of its own, or none.
    """
    boxes = [(each.id, f"bbox {each.bbox}") for each in content.annotations]
    _refuse_twins(path, "annotation id", [pair for pair in boxes if pair[0] is not None])
    _refuse_twins(path, "category id", [(each.id, each.name) for each in content.categories])
    image_ids = {image.id for image in content.images}
    category_ids = {category.id for category in content.categories}
    lost = [
        f"{each} (image_id {each.image_id!r})"
        for each in content.annotations
        if each.image_id not in image_ids
    ] + [
        f"{each} (category_id {each.category_id!r})"
        for each in content.annotations
        if each.category_id not in category_ids
    ]
    if lost:
        raise UserError(
            f"{path}: {len(lost)} annotations point to an image or a category that is not listed: "
            f"{listed(lost)}"
        )


def _check_names(path: Path, categories: Sequence[Category]) -> None:
    """Make sure that categories have names, by which classes are chosen, and say which share one.

    Raises:
        UserError: Some have none.
    """
    having = defaultdict(list)
    for category in categories:
        having[category.name.strip()].append(category.id)
    if nameless := having.get(""):
        raise UserError(
            f"{path}: {len(nameless)} categories have no name: {listed(nameless)}; classes are "
            "chosen by name, so give them one"
        )
    if twins := [f"{name} ({listed(ids)})" for name, ids in having.items() if len(ids) > 1]:
        logger.warning("%s: categories of one name count as one class: %s", path, listed(twins))


def _check_images(path: Path, images: Mapping[str, Image], image_paths: Mapping[str, Path]) -> None:
    """Make sure that the images asked about are listed, in the shape that they have."""
    if missing := [image_id for image_id in image_paths if image_id not in images]:
        unless = ""
        if others := [name for name in images if name not in image_paths]:
            unless = (
                f", unless {listed(others, 3)} are some of them (names must agree, folders below "
                f"data.images included{describe_needless_folders(images, image_paths)})"
            )
        raise UserError(
            f"{path} does not list {len(missing)} of {len(image_paths)} images "
            f"({listed(missing)}), so they are not annotated{unless}; take them out "
            "of the split (util/make_splits.py does), or annotate them"
        )
    told = {
        image_id: ToldSize(image.file_name, image.width, image.height)
        for image_id, image in images.items()
    }
    check_shapes(path, told, image_paths)
