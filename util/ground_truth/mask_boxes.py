"""True boxes that are found in masks: those of the pieces of each class."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from util.bbox_csv import boxes_to_table
from util.data_classes import BoxSettings
from util.images.files import image_size_hw
from util.images.masks import TrueMasks
from util.masks_to_bboxes import soft_label_to_boxes

_NO_CLASS = "object"
"""The class of what masks mark, but give no class."""

_TIGHT = BoxSettings(threshold=0.5, dilation_iterations=0)


def find_mask_boxes(
    masks: TrueMasks, image_paths: Mapping[str, Path], are_meanings_told: bool
) -> pd.DataFrame:
    """Find the boxes of the 8-connected components of each class of masks.

    Objects of one class that touch are one, of several classes they are not. A class has the name
    that `classes.json` gives its value, or else, where masks have several class numbers, the
    number. What masks mark beside that is all of one class, `object`.

    Args:
        masks: Of the images that are asked about.
        image_paths: Of all images, by id.
        are_meanings_told: Whether data.mask_values says what values mean: then they may be gray
            levels, and those without a name are no classes.

    Returns:
        Table of `util.bbox_csv`; of an image class by class, in the order of their values.

    Raises:
        UserError: A mask is damaged or of another size than its image, or none marks anything.
    """
    masks.check_anomalous()
    are_numbers = not (are_meanings_told or masks.table.names) and _have_several(masks)
    found, classes = [], list[str]()
    for image_id in masks.paths:
        size_hw = image_size_hw(image_paths[image_id])
        for name, pixels in _split_classes(masks, image_id, size_hw, are_numbers):
            boxes = soft_label_to_boxes(pixels.astype(np.float32), _TIGHT)
            found.append((image_id, size_hw, boxes))
            classes += [name] * len(boxes.confidences)
    table = boxes_to_table(found, _NO_CLASS)
    table["obj_id"] = table.groupby("image", sort=False).cumcount()
    table["obj_class"] = pd.Series(classes, dtype="str")
    return table


def _have_several(masks: TrueMasks) -> bool:
    """Tell whether masks have several class numbers, and not one object beside the background."""
    return len(set(masks.seen.values) - {0, 255}) > 1


def _split_classes(
    masks: TrueMasks, image_id: str, size_hw: tuple[int, int], are_numbers: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the pixels, (H, W) bool, of each class that a mask marks."""
    is_marked, values = masks.read_marked(image_id, size_hw)
    of_name: dict[str, list[int]] = {}
    for value in np.unique(values[is_marked]).tolist():
        told = masks.table.names.get(value, (str(value),) if are_numbers else ())
        of_name.setdefault(told[0] if told else _NO_CLASS, []).append(value)
    for name, having in of_name.items():
        yield name, is_marked & np.isin(values, having) if len(of_name) > 1 else is_marked
