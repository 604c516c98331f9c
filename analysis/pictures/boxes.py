"""The boxes that are drawn into pictures: those that were found, and true ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.pictures.truth import line_px
from util.bbox_csv import COORDINATES, split_ignored
from util.config import DataSection
from util.data_classes import least_confidence
from util.ground_truth.annotated import find_with_boxes
from util.ground_truth.reading import read_truths
from util.label_set import PREDICTION, LabelSet
from util.visualization import PREDICTION_RGB, TRUTH_RGB, draw_boxes

BoxesOfImages = Mapping[str, np.ndarray]
"""(N, 4) float, relative x0, y0, x1, y1 of N boxes, by the id of their image."""


def read_found(
    label_set: LabelSet, image_ids: Sequence[str], min_confidence: float | None
) -> BoxesOfImages:
    """Read the boxes of a label set, or find them in its maps where it has none; of all images.

    Args:
        label_set: The label set.
        image_ids: The images.
        min_confidence: Boxes count above it; None = as the label set says.

    Raises:
        UserError: They are damaged.
    """
    if (label_set.folder / PREDICTION).exists():
        table = label_set.read_boxes()
    else:
        table = label_set.find_boxes(image_ids, label_set.box_settings)
    least = least_confidence(min_confidence, label_set.box_settings)
    return _by_image(table[table["confidence"] > least], image_ids)


def read_true(
    data: DataSection, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> BoxesOfImages | None:
    """Read the true boxes of the images of which they are known; None where there is no truth.

    Raises:
        UserError: The ground truth is missing or damaged.
    """
    if data.ground_truth is None:
        return None
    known = find_with_boxes(data, image_paths)
    annotated = [image_id for image_id in image_ids if image_id in known]
    return _by_image(split_ignored(read_truths(data, image_paths, annotated))[0], annotated)


def _by_image(table: pd.DataFrame, image_ids: Sequence[str]) -> BoxesOfImages:
    edges, rows = table[COORDINATES].to_numpy(float), table.groupby("image").indices
    return {image_id: edges[rows.get(image_id, [])] for image_id in image_ids}


def draw_found_and_true(
    picture_rgb: np.ndarray, found: np.ndarray, true: np.ndarray | None
) -> None:
    """Draw boxes into an (H, W, 3) uint8 picture: found ones orange, true ones green round them.

    Args:
        picture_rgb: Of an image, in any size.
        found: (N, 4) relative.
        true: (M, 4) relative; None where nobody knows them.
    """
    thickness = line_px(picture_rgb)
    if true is not None:
        draw_boxes(picture_rgb, true, TRUTH_RGB, thickness, gap_px=thickness)
    draw_boxes(picture_rgb, found, PREDICTION_RGB, thickness)
