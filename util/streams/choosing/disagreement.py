"""How much two label sets disagree about a frame: ours, which needs no true boxes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from util.metrics.box_matching import match_one_to_one, place_boxes
from util.metrics.box_overlap import PlacedBoxes

LEAST_IOU = 0.5
"""What two boxes must reach to be of one object."""


def score_disagreement(
    image_ids: Sequence[str],
    boxes: pd.DataFrame,
    other_boxes: pd.DataFrame,
    min_confidence: float = 0.25,
) -> np.ndarray:
    """Score frames by 1 - F1 of what a label set says against another.

    Boxes are of one object where their IoU is a half at least and their class the same; each is of
    one at most. Those of the first choose in the order of falling confidence, each the free one of
    highest IoU, of equal ones the surer.

    Args:
        image_ids: Of N frames, all different.
        boxes: Table of `util.bbox_csv`, such as of a student; those of other images are passed
            over.
        other_boxes: Such as of its teacher.
        min_confidence: Boxes of either with this confidence or less do not count.

    Returns:
        (N,) float64 in [0, 1]: 0 = each box has its other; 1 = none has; NaN where neither has a
        box that counts, as there is nothing to learn.
    """
    index = pd.Index(image_ids)
    classes = pd.Index(pd.concat([boxes["obj_class"], other_boxes["obj_class"]]).unique())
    told = [_place(table, index, classes, min_confidence) for table in (boxes, other_boxes)]
    (matched,) = match_one_to_one(told[1], told[0], [LEAST_IOU])
    num_classes = max(len(classes), 1)
    num_agreed, num_boxes, num_others = (
        np.bincount(kinds // num_classes, minlength=len(image_ids))
        for kinds in (told[0].image[matched[:, 1]], told[0].image, told[1].image)
    )
    both = num_boxes + num_others
    return np.where(both > 0, 1 - 2 * num_agreed / np.maximum(both, 1), np.nan)


def _place(
    table: pd.DataFrame, images: pd.Index, classes: pd.Index, min_confidence: float
) -> PlacedBoxes:
    """Give each class of each image a number of its own; the surest boxes of it come first."""
    is_sure = (table["confidence"] > min_confidence).to_numpy(bool)
    placed, rows = place_boxes(table, images, is_sure)
    kind = classes.get_indexer(pd.Index(table["obj_class"].to_numpy()[rows]))
    group = placed.image * len(classes) + kind
    order = np.lexsort([-table["confidence"].to_numpy(np.float64)[rows], group])
    return PlacedBoxes(group[order], placed.boxes_xyxy[order])
