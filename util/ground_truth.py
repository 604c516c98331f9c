"""True boxes, from any of the usual formats into one table (see `util.bbox_csv`); true masks."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES, boxes_to_table, read_bbox_csv
from util.config import DataSection
from util.data_classes import Boxes, BoxSettings
from util.decoding import open_image, turn_upright
from util.errors import UserError, listed
from util.image_files import id_to_path, image_size_hw, name_to_id
from util.masks_to_bboxes import soft_label_to_boxes
from util.pixel_metrics import IGNORED

GroundTruthFormat = Literal["csv", "coco", "yolo", "masks"]


def read_ground_truth(
    path: Path | None,
    file_format: GroundTruthFormat,
    image_paths: Mapping[str, Path],
    classes: Sequence[str],
    image_ids: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read the true boxes of images.

    Args:
        path: CSV or COCO json file; folder of YOLO txt files or mask PNGs.
        file_format: Which of these it is.
        image_paths: All images there are, by id.
        classes: Class names (CSV, COCO), class numbers (YOLO) or pixel values (masks) that count;
            empty = all (for masks: every value but 0).
        image_ids: Those that are asked about, None = all; boxes of others are left out.

    Returns:
        Table of `util.bbox_csv`; images without a true box have no row.

    Raises:
        UserError: The ground truth is missing, malformed, or has boxes, but none of these classes
            or of these images; a COCO file does not list images that are asked about.
    """
    if path is None or not path.exists():
        raise UserError(f"the ground truth {path} does not exist; set data.ground_truth")
    wanted = list(image_paths) if image_ids is None else image_ids
    if file_format == "masks":
        return _read_masks(path, {image_id: image_paths[image_id] for image_id in wanted}, classes)
    if file_format == "csv":
        table = read_bbox_csv(path)
    elif file_format == "coco":
        table = _read_coco(path, wanted)
    else:
        table = _read_yolo(path, image_paths)
    if classes and len(table):
        there = sorted(table["obj_class"].unique())
        table = table[table["obj_class"].isin(classes)]
        if table.empty:
            raise UserError(
                f"{path} has none of the classes {', '.join(classes)}, but {listed(there)}; "
                "set data.ground_truth_classes"
            )
    check_known(path, table, image_paths)
    return table[table["image"].isin(set(wanted))].reset_index(drop=True)


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
    )


def check_known(path: Path, table: pd.DataFrame, known_ids: Collection[str]) -> None:
    """Make sure that boxes and images have anything to do with each other.

    Raises:
        UserError: There are boxes, but not one of an image that is known.
    """
    images = table["image"].unique()
    if len(images) and not set(images) & set(known_ids):
        raise UserError(
            f"{path} has boxes of {listed(list(images), 3)}, but of no image in data.images; "
            "names must agree (folders below data.images included)"
        )


def _read_coco(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """Read a COCO detection json, which must list all images that are wanted.

    Its boxes are x, y, width, height in pixels. An image that it does not list was not annotated,
    which is not the same as having no object.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        images = {
            image["id"]: (name_to_id(image["file_name"]), image["height"], image["width"])
            for image in content["images"]
        }
        names = {category["id"]: str(category["name"]) for category in content["categories"]}
        rows = []
        for annotation in content["annotations"]:
            image_id, height, width = images[annotation["image_id"]]
            x, y, w, h = map(float, annotation["bbox"])
            edges = (x / width, y / height, (x + w) / width, (y + h) / height)
            rows.append((image_id, *edges, names[annotation["category_id"]]))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, OSError) as error:
        raise UserError(
            f"{path} is no COCO detection file ({type(error).__name__}: {error})"
        ) from None
    listed_ids = {image_id for image_id, _, _ in images.values()}
    if missing := [image_id for image_id in wanted if image_id not in listed_ids]:
        raise UserError(
            f"{path} does not list {len(missing)} of {len(wanted)} images ({listed(missing)}), so "
            "they are not annotated; take them out of the split, or annotate them"
        )
    return _relative_table(path, rows)


def _read_yolo(folder: Path, image_paths: Mapping[str, Path]) -> pd.DataFrame:
    """Read `<image id>.txt` files of `class x_centre y_centre width height`, all relative."""
    paths = {image_id: id_to_path(folder, image_id, ".txt") for image_id in image_paths}
    there = {image_id: path for image_id, path in paths.items() if path.is_file()}
    if not there:
        raise UserError(f"{folder} has no txt file of any image; YOLO names them as the images")
    rows = []
    for image_id, path in there.items():  # an image without a file has no object
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                name, x, y, w, h = line.split()
                centre, size = np.array([x, y], float), np.array([w, h], float)
            except ValueError:
                raise UserError(
                    f"{path}, line {number}: expected 'class x y width height', given {line!r}"
                ) from None
            edges = np.concatenate([centre - size / 2, centre + size / 2]).tolist()
            rows.append((image_id, *edges, name))
    return _relative_table(folder, rows)


def _relative_table(path: Path, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Put (image, xmin, ymin, xmax, ymax, class) in a table, cut at the border of the image.

    Raises:
        UserError: A box is not finite, has a negative size, or lies outside of its image.
    """
    table = pd.DataFrame(rows, columns=["image", *COORDINATES, "obj_class"])
    edges = table[COORDINATES].to_numpy(float)
    low, high = edges[:, :2], edges[:, 2:]
    is_good = np.isfinite(edges).all(axis=1) & (low <= high).all(axis=1)
    is_good &= (low <= 1).all(axis=1) & (high >= 0).all(axis=1)
    if bad := table["image"][~is_good].tolist():
        raise UserError(
            f"{path}: {len(bad)} boxes are no numbers, have a negative size or lie outside of "
            f"their image: in {listed(bad)}"
        )
    table[COORDINATES] = edges.clip(0, 1)
    table["obj_id"] = table.groupby("image").cumcount()
    return table.assign(confidence=1.0)


def _read_masks(
    folder: Path, image_paths: Mapping[str, Path], classes: Sequence[str]
) -> pd.DataFrame:
    """Boxes of the 8-connected components of `<image id>.png` masks (objects that touch merge)."""
    missing = [i for i in image_paths if not id_to_path(folder, i).exists()]
    if missing:
        raise UserError(f"{len(missing)} images have no mask in {folder}: {listed(missing)}")
    values = mask_values(classes)
    tight = BoxSettings(threshold=0.5, dilation_iterations=0)
    found = []
    for image_id, image_path in image_paths.items():
        path = id_to_path(folder, image_id)
        mask = read_mask(path)
        check_size(path, mask, image_size_hw(image_path))
        boxes = soft_label_to_boxes(is_object(mask, values).astype(np.float32), tight)
        found.append((image_id, mask.shape, Boxes(boxes.boxes_xyxy, boxes.confidences)))
    return boxes_to_table(found, "object")


def mask_values(classes: Sequence[str]) -> list[int]:
    """Read the pixel values of masks that count as objects; [] = every value but 0.

    Raises:
        UserError: One is no number.
    """
    try:
        return [int(name) for name in classes]
    except ValueError:
        raise UserError(
            f"data.ground_truth_classes is {list(classes)}; masks have pixel values, such as 1 or "
            "255 ([] = every value but 0)"
        ) from None


def is_object(mask: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Tell which pixels of a mask have one of these values, (H, W) bool; [] = any value but 0."""
    return np.isin(mask, values) if values else mask > 0


def read_mask(path: Path) -> np.ndarray:
    """Read a mask PNG as (H, W) integers: gray levels, or class numbers where it has a palette.

    Raises:
        UserError: The file is missing, damaged or has several channels.
    """
    with open_image(path, "a mask") as image:
        mask = np.asarray(turn_upright(image))
    if mask.ndim != 2:
        raise UserError(f"{path} is no mask: expected one channel, given {mask.shape}")
    return mask


def find_masks(folder: Path | None, image_ids: Sequence[str]) -> dict[str, Path]:
    """Find the true mask of each image.

    Raises:
        UserError: There is no folder, or it lacks masks.
    """
    paths = present_masks(folder, image_ids)
    if missing := [image_id for image_id in image_ids if image_id not in paths]:
        raise UserError(f"{len(missing)} images have no mask in {folder}: {listed(missing)}")
    return paths


def present_masks(folder: Path | None, image_ids: Iterable[str]) -> dict[str, Path]:
    """Find the true masks that there are; not every image needs one.

    Raises:
        UserError: There is no folder.
    """
    if folder is None or not folder.is_dir():
        raise UserError(f"the folder of true masks {folder} does not exist; set data.masks")
    paths = {image_id: id_to_path(folder, image_id) for image_id in image_ids}
    return {image_id: path for image_id, path in paths.items() if path.exists()}


def check_size(path: Path, mask: np.ndarray, size_hw: tuple[int, int]) -> None:
    """Make sure that a mask fits its image.

    Raises:
        UserError: It does not.
    """
    if mask.shape != size_hw:
        raise UserError(
            f"the mask {path} is {mask.shape}, its image {size_hw} (height, width); they must agree"
        )


def read_truth(path: Path) -> np.ndarray:
    """Read a true mask as (H, W) uint8: 0 normal, 1 anomalous, 255 ignored."""
    mask = read_mask(path)
    return np.where(mask == IGNORED, IGNORED, mask > 0).astype(np.uint8)
