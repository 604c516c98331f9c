"""True boxes from YOLO's txt files, one an image, with an object a line."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from util.errors import UserError, listed
from util.ground_truth.files import find_truth_files
from util.ground_truth.table import TrueBox, to_truth_table
from util.ground_truth.yolo_classes import CLASS_LIST, DATA_FILE, read_class_names
from util.images.ids import name_files

_IMAGE_LIST = re.compile(
    r"""^(?:train|val|test):\s*["']?(?:\./)?(\S.*)\.txt["']?\s*$""", re.MULTILINE
)
"""A line of data.yaml that names a list of images, which may lie beside the labels."""

_SHOWN_CHARACTERS = 60
"""Of a line that is wrong: a polygon may have thousands of numbers."""


class YoloObject(NamedTuple):
    """An object of a line.

    Attributes:
        box: Its box.
        points: (N, 2) float x, y of its polygon, relative to the image; None of a mere box.
    """

    box: TrueBox
    points: np.ndarray | None


def read_yolo(
    folder: Path,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the txt files of images below a folder.

    A line is `class x_centre y_centre width height`, all relative, perhaps with a confidence behind
    it, which is passed over; or `class x1 y1 x2 y2 x3 y3 ...`, a polygon, of which the box round it
    is taken. An image without a file, or with an empty one, has no object. Files that belong to no
    image are counted in the log, but for the lists of images that `data.yaml` names. Classes have
    the names of `classes.txt` or `data.yaml` (see `read_class_names`); those that it lacks are
    called by their numbers.

    Args:
        folder: Has the files, or they lie in folders below, and perhaps `classes.txt` and
            `data.yaml`.
        image_paths: All images there are, by id.
        names: What makes the name of a file of its image's id, as data.mask_names; {} = it is
            `<image id>.txt`.

    Returns:
        Table of `util.ground_truth.table`, images in the order of their ids.

    Raises:
        UserError: As `iterate_objects`; or boxes are damaged or lie outside of their image.
    """
    objects = iterate_objects(folder, image_paths, names)
    return to_truth_table(folder, [each.box for _, of_image in objects for each in of_image])


def iterate_objects(
    folder: Path, image_paths: Mapping[str, Path], names: Mapping[str, str]
) -> Iterator[tuple[str, list[YoloObject]]]:
    """Read the txt files of images below a folder; see `read_yolo`.

    Yields:
        The id of each image that has a file, in the order of ids, and its objects.

    Raises:
        UserError: No file belongs to an image, or two images would have one; `classes.txt` may be
            that of an image, or `data.yaml` cannot be understood. Lines are something else: all are
            told at the end.
    """
    _check_class_list(folder, image_paths, names)
    class_names, bad = read_class_names(folder), []
    of_images = set(name_files(image_paths, names).values())
    no_labels = {Path(CLASS_LIST).stem, *(_read_image_lists(folder) - of_images)}
    for image_id, path in find_truth_files(folder, ".txt", image_paths, names, no_labels).items():
        objects = []
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            place = f"{path}, line {number}"
            try:
                if line.strip():
                    objects.append(_read_line(place, line, image_id, class_names))
            except ValueError:
                bad.append(f"{place}, {line.strip()[:_SHOWN_CHARACTERS]!r}")
        yield image_id, objects
    if bad:
        raise UserError(
            f"expected 'class x y width height', perhaps with a confidence, or 'class' and the "
            f"points of a polygon; {len(bad)} lines are something else: {listed(bad)}"
        )


def _check_class_list(
    folder: Path, image_paths: Mapping[str, Path], names: Mapping[str, str]
) -> None:
    """Refuse a list of classes that has the name of the labels of an image."""
    of_image = next(
        (i for i, name in name_files(image_paths, names).items() if f"{name}.txt" == CLASS_LIST),
        None,
    )
    if of_image is not None and (folder / CLASS_LIST).is_file():
        raise UserError(
            f"{folder / CLASS_LIST} may name the classes or be the labels of the image {of_image}; "
            "rename the image, or give the labels of images another name by data.mask_names"
        )


def _read_image_lists(folder: Path) -> set[str]:
    """Read the names, without suffix, of the lists of images; none where nothing names them."""
    path = folder / DATA_FILE
    if not path.is_file():
        return set()
    return set(_IMAGE_LIST.findall(path.read_text(encoding="utf-8-sig", errors="replace")))


def _read_line(place: str, line: str, image_id: str, class_names: Mapping[str, str]) -> YoloObject:
    """Read one object.

    Raises:
        ValueError: It is none.
    """
    name, *cells = line.split()
    values = np.array(cells, float)
    obj_class, points = _read_class(name, class_names), None
    if len(values) in (4, 5):
        if len(values) == 5 and not 0 <= values[4] <= 1:
            raise ValueError("no confidence")
        corners = values[:2] + np.array([[-0.5], [0.5]]) * values[2:4]
    elif len(values) >= 6 and len(values) % 2 == 0:
        points = values.reshape(-1, 2)
        if len(points) == 3 and (np.abs(points - 0.5) > 0.51).any():
            raise ValueError("no triangle, but a box with confidence and number of a track")
        corners = np.stack([points.min(axis=0), points.max(axis=0)])
    else:
        raise ValueError("no box")
    left, top, right, bottom = corners.ravel().tolist()
    return YoloObject(TrueBox(place, image_id, (left, top, right, bottom), obj_class), points)


def _read_class(name: str, class_names: Mapping[str, str]) -> str:
    """Name the class of a number, or write it without decimals: `0` for `0.0`; a name stays.

    Raises:
        ValueError: It is a number with decimals.
    """
    try:
        number = float(name)
    except ValueError:
        return name
    if not number.is_integer():
        raise ValueError("no class number")
    written = str(int(number))
    return class_names.get(written, written)
