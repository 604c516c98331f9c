"""True boxes from a COCO detection file (cocodataset.org, Data format)."""

import logging
import posixpath
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from util.errors import UserError, listed
from util.ground_truth.coco_boxes import list_boxes
from util.ground_truth.coco_checks import check_content, warn_of_twins
from util.ground_truth.coco_content import Annotation, Image, read_content
from util.ground_truth.sizes import ToldSize, find_sizes
from util.ground_truth.table import to_truth_table
from util.images.ids import find_needless_folders

logger = logging.getLogger(__name__)


def read_coco(
    path: Path, image_paths: Mapping[str, Path], known_ids: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Read a COCO detection file.

    Boxes are taken relative to the width and height that the file gives, or else to those of the
    image itself. An annotation without a box has that round its polygons, or round the pixels of
    its RLE, be it a text or a list. Its class is the name of its category; categories of one name
    are one class, which is said, and supercategories are passed over.

    Args:
        path: Of the file.
        image_paths: Of the images that are asked about, by id. The file must list all of them: an
            image that it does not list was not annotated, which is not the same as having no
            object.
        known_ids: Of all images that there are: what the file calls so is no wrong name of another.

    Returns:
        Table of `util.ground_truth.table` with the boxes of all images of the file whose size is
        known, those of `iscrowd` and `ignore` as regions to ignore; and the classes that the file
        knows.

    Raises:
        UserError: The file is damaged, or contradicts itself or the images; annotations, images or
            categories are named.
    """
    content = read_content(path)
    images = check_content(path, content, {*image_paths, *known_ids})
    warn_of_twins(path, content.categories)
    _check_listed(path, images, image_paths, known_ids)
    sizes = _find_sizes(path, images, image_paths)
    table = to_truth_table(path, list_boxes(path, content, images, sizes))
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
        For each of these images that the file lists and whose size is known its width and height,
        as `read_coco` takes them, and the annotations with their classes, in the order of the file.

    Raises:
        UserError: As `read_coco`.
    """
    content = read_content(path)
    images = check_content(path, content, image_paths)
    warn_of_twins(path, content.categories)
    there = {image_id: image_paths[image_id] for image_id in images if image_id in image_paths}
    sizes = _find_sizes(path, images, there)
    names = {each.id: each.name.strip() for each in content.categories}
    having: dict[Hashable, list[tuple[str, Annotation]]] = defaultdict(list)
    for each in content.annotations:
        having[each.image_id].append((names[each.category_id], each))
    return {
        image_id: ((sizes[image_id].width, sizes[image_id].height), having[images[image_id].id])
        for image_id in there
        if image_id in sizes
    }


def list_coco_images(path: Path, known_ids: Collection[str]) -> set[str]:
    """List the ids of the images that a COCO detection file lists: those that were annotated.

    Args:
        path: Of the file.
        known_ids: Of all images that there are.

    Raises:
        UserError: The file is damaged, or contradicts itself; annotations, images or categories are
            named.
    """
    return set(check_content(path, read_content(path), known_ids))


def describe_needless_folders(listed_ids: Collection[str], image_ids: Collection[str]) -> str:
    """Say which folders before all names of a file keep them from being those of images.

    Args:
        listed_ids: Of the images that the file lists.
        image_ids: Of the images that there are.

    Returns:
        An end of a sentence; '' where nothing is listed, no folders are common to all, or names
        differ without them.
    """
    needless = find_needless_folders(listed_ids, image_ids)
    return f"; without {needless!r} before every file_name they would" if needless else ""


def _check_listed(
    path: Path,
    images: Mapping[str, Image],
    image_paths: Mapping[str, Path],
    known_ids: Collection[str],
) -> None:
    """Make sure that the images asked about are listed; see `read_coco`."""
    if missing := [image_id for image_id in image_paths if image_id not in images]:
        unless = ""
        there = {*image_paths, *known_ids}
        if others := [name for name in images if name not in there]:
            nearest = listed(_sort_by_nearness(others, missing[:3]), 3)
            unless = (
                f", unless {nearest} are some of them (names must agree, folders below "
                f"data.images included{describe_needless_folders(images, image_paths)})"
            )
        raise UserError(
            f"{path} does not list {len(missing)} of {len(image_paths)} images "
            f"({listed(missing)}), so they are not annotated{unless}; take them out "
            "of the split (util/make_splits.py does), or annotate them"
        )


def _sort_by_nearness(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Put first the names that some which are wanted have in other folders, then near ones."""
    last = {posixpath.basename(each) for each in wanted}
    moved = [name for name in names if posixpath.basename(name) in last]
    near = [max(names, key=partial(_count_alike, each)) for each in wanted]
    return [*dict.fromkeys([*moved, *near, *names])]


def _count_alike(name: str, other: str) -> int:
    """Count the letters, large or small, in which two names begin and end alike.

    There may be very many names, for which difflib takes too long.
    """
    name, other = name.lower(), other.lower()
    return sum(
        len(posixpath.commonprefix(pair)) for pair in ([name, other], [name[::-1], other[::-1]])
    )


def _find_sizes(
    path: Path, images: Mapping[str, Image], image_paths: Mapping[str, Path]
) -> dict[str, ToldSize]:
    """Find the sizes of images by our id: those that the file gives, or else the images' own.

    Args:
        path: Of the file.
        images: Its entries.
        image_paths: Of the images that are asked about. Of others that the file gives no size of
            nothing is known.

    Raises:
        UserError: Images are of another shape than the file says.
    """
    told = {
        image_id: ToldSize(image.file_name, image.width, image.height)
        for image_id, image in images.items()
        if image.width is not None and image.height is not None
    }
    return find_sizes(path, told, image_paths)
