"""True boxes, read from any of the usual formats into one table (see `util.bbox_csv`)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from util.bbox_csv import boxes_to_table, read_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError, listed
from util.image_files import id_to_path, image_size_hw, name_to_id
from util.masks_to_bboxes import soft_label_to_boxes

GroundTruthFormat = Literal["csv", "coco", "yolo", "masks"]


def read_ground_truth(
    path: Path | None,
    file_format: GroundTruthFormat,
    image_paths: Mapping[str, Path],
    classes: Sequence[str],
) -> pd.DataFrame:
    """Read the true boxes of images.

    Args:
        path: CSV or COCO json file; folder of YOLO txt files or mask PNGs.
        file_format: Which of these it is.
        image_paths: The images that are asked about, by id; boxes of others are left out.
        classes: Class names (CSV, COCO), class numbers (YOLO) or pixel values (masks) that count;
            empty = all (for masks: every value but 0).

    Returns:
        Table of `util.bbox_csv`; images without a true box have no row.

    Raises:
        UserError: The ground truth is missing, malformed, or has boxes but none of these classes.
    """
    if path is None or not path.exists():
        raise UserError(f"the ground truth {path} does not exist; set data.ground_truth")
    if file_format == "masks":
        return _read_masks(path, image_paths, classes)
    if file_format == "csv":
        table = read_bbox_csv(path)
    elif file_format == "coco":
        table = _read_coco(path)
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
    return table[table["image"].isin(set(image_paths))].reset_index(drop=True)


def _read_coco(path: Path) -> pd.DataFrame:
    """Read a COCO detection json; its boxes are x, y, width, height in pixels."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        images = {i["id"]: (i["file_name"], i["height"], i["width"]) for i in content["images"]}
        names = {c["id"]: str(c["name"]) for c in content["categories"]}
        rows = [
            (*images[a["image_id"]], *map(float, a["bbox"]), names[a["category_id"]])
            for a in content["annotations"]
        ]
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{path} is no COCO detection file: {error!r}") from None
    columns = ["image", "height", "width", "x", "y", "w", "h", "obj_class"]
    boxes = pd.DataFrame(rows, columns=columns)
    boxes["image"] = boxes["image"].map({n: name_to_id(n) for n in boxes["image"].unique()})
    return _relative_table(
        boxes["image"],
        xmin=boxes["x"] / boxes["width"],
        ymin=boxes["y"] / boxes["height"],
        xmax=(boxes["x"] + boxes["w"]) / boxes["width"],
        ymax=(boxes["y"] + boxes["h"]) / boxes["height"],
        object_class=boxes["obj_class"],
    )


def _read_yolo(folder: Path, image_paths: Mapping[str, Path]) -> pd.DataFrame:
    """Read `<image id>.txt` files of `class x_centre y_centre width height`, all relative."""
    rows = []
    for image_id in image_paths:
        path = id_to_path(folder, image_id, ".txt")
        if not path.exists():  # YOLO's way to say: no object
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                name, x, y, w, h = line.split()[:5]
                rows.append((image_id, float(x), float(y), float(w), float(h), name))
            except ValueError:
                raise UserError(
                    f"{path}, line {number}: expected 'class x y width height', given {line!r}"
                ) from None
    boxes = pd.DataFrame(rows, columns=["image", "x", "y", "w", "h", "obj_class"])
    return _relative_table(
        boxes["image"],
        xmin=boxes["x"] - boxes["w"] / 2,
        ymin=boxes["y"] - boxes["h"] / 2,
        xmax=boxes["x"] + boxes["w"] / 2,
        ymax=boxes["y"] + boxes["h"] / 2,
        object_class=boxes["obj_class"],
    )


def _relative_table(image: pd.Series, object_class: pd.Series, **edges: pd.Series) -> pd.DataFrame:
    """Put relative edges in a table of boxes, cut at the border of the image."""
    clipped = {name: edge.astype(float).clip(0, 1) for name, edge in edges.items()}
    table = pd.DataFrame({"image": image, **clipped})
    table["obj_id"] = table.groupby("image").cumcount()
    return table.assign(obj_class=object_class, confidence=1.0)


def _read_masks(
    folder: Path, image_paths: Mapping[str, Path], classes: Sequence[str]
) -> pd.DataFrame:
    """Boxes of the 8-connected components of `<image id>.png` masks (objects that touch merge)."""
    missing = [i for i in image_paths if not id_to_path(folder, i).exists()]
    if missing:
        raise UserError(f"{len(missing)} images have no mask in {folder}: {listed(missing)}")
    try:
        values = [int(name) for name in classes]
    except ValueError:
        raise UserError(
            f"data.ground_truth_classes is {list(classes)}; masks have pixel values, such as 1 or "
            "255 ([] = every value but 0)"
        ) from None
    tight = BoxSettings(threshold=0.5, dilation_iterations=0)
    found = []
    for image_id, image_path in image_paths.items():
        mask = _read_mask(id_to_path(folder, image_id))
        if mask.shape != image_size_hw(image_path):
            raise UserError(
                f"the mask of {image_id} is {mask.shape}, its image {image_size_hw(image_path)} "
                "(height, width); they must agree"
            )
        is_object = np.isin(mask, values) if values else mask > 0
        boxes = soft_label_to_boxes(is_object.astype(np.float32), tight)
        found.append((image_id, mask.shape, Boxes(boxes.boxes_xyxy, boxes.confidences)))
    return boxes_to_table(found, "object")


def _read_mask(path: Path) -> np.ndarray:
    """Read a mask PNG as (H, W) integers: gray levels, or class numbers where it has a palette."""
    try:
        with Image.open(path) as image:
            mask = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a mask: {error}") from None
    if mask.ndim != 2:
        raise UserError(f"{path} is no mask: expected one channel, given {mask.shape}")
    return mask
