"""Which cells are to find which true boxes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from util.learning.detection.network import STRIDES_PX
from util.learning.detection.truth import NOTHING, Truth

LARGEST_CELLS = 8
"""Boxes with a longer side, in cells, are found by coarser ones."""

_AROUND = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(9, 2)
"""Columns and rows of the cells round one, and of that itself."""


class Targets(NamedTuple):
    """What the cells of a batch are to say; all that are not named are to be sure of nothing.

    Attributes:
        cells: (P,) int64, number of each among all cells of the batch, image by image.
        boxes_xyxy: (P, 4) float32, the box that it is to find.
        classes: (P,) int64, of that.
        ignored: (I, 2) int64, cells and the class of which each may say what it likes, where it is
            not to find a box of that.
    """

    cells: Tensor
    boxes_xyxy: Tensor
    classes: Tensor
    ignored: Tensor


def assign(truths: Sequence[Truth], size_hw: tuple[int, int]) -> Targets:
    """Choose the cells that are to find true boxes: the nine round the centre of each.

    They are those of the grid whose cells are fine enough: no more than `LARGEST_CELLS` fit into
    the longer side, if one is so coarse. A cell that two boxes want finds that whose centre is
    nearer (of equal ones the first). Nine instead of the one at the centre, since with so few right
    cells hardly anything would be learnt (Ge et al., arXiv 2107.08430, section 2.1). Cells whose
    middle lies in a region to ignore may say of its class what they like.

    Args:
        truths: Of each image of a batch.
        size_hw: Height and width of the images as the network sees them, multiples of 32.
    """
    grids = [(size_hw[0] // stride, size_hw[1] // stride) for stride in STRIDES_PX]
    first_cell = np.cumsum([0, *(rows * columns for rows, columns in grids)])
    of_all = Truth(*(np.concatenate(part) for part in zip(NOTHING, *truths, strict=True)))
    image = np.repeat(np.arange(len(truths)), [len(truth.classes) for truth in truths])
    ignored = _find_ignored(image[of_all.is_ignored], of_all, size_hw)
    image, boxes = image[~of_all.is_ignored], of_all.boxes_xyxy[~of_all.is_ignored]
    classes = of_all.classes[~of_all.is_ignored]
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    level = np.searchsorted(np.array(STRIDES_PX[:-1]) * LARGEST_CELLS, longer)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.array(STRIDES_PX)[level][:, None]
    wanted = np.floor(centre)[:, None].astype(int) + _AROUND  # (T, 9, 2) column, row
    rows, columns = np.array(grids)[level].T[..., None]
    is_inside = ((wanted >= 0) & (wanted < np.stack([columns, rows], axis=-1))).all(axis=2)
    number = first_cell[level][:, None] + wanted[..., 1] * columns + wanted[..., 0]
    number += (image * first_cell[-1])[:, None]
    distance = np.square(wanted + 0.5 - centre[:, None]).sum(axis=2)
    truth = np.broadcast_to(np.arange(len(boxes))[:, None], number.shape)[is_inside]
    nearest_first = np.lexsort((truth, distance[is_inside]))
    cells, first = np.unique(number[is_inside][nearest_first], return_index=True)
    chosen = truth[nearest_first][first]
    return Targets(
        torch.from_numpy(cells),
        torch.from_numpy(boxes[chosen].astype(np.float32)),
        torch.from_numpy(classes[chosen]),
        torch.from_numpy(ignored),
    )


def _find_ignored(image: np.ndarray, truth: Truth, size_hw: tuple[int, int]) -> np.ndarray:
    """Find the cells whose middle lies in regions to ignore: (I, 2) int64, their numbers, classes.

    Args:
        image: (R,) int, place in the batch of the image of each region.
        truth: Of all images, with R regions.
        size_hw: Of the images.
    """
    middles = np.concatenate(
        [
            stride * (np.indices([side // stride for side in size_hw]).reshape(2, -1).T + 0.5)
            for stride in STRIDES_PX
        ]
    )[:, ::-1]
    regions = truth.boxes_xyxy[truth.is_ignored][:, None]
    is_within = ((middles >= regions[..., :2]) & (middles < regions[..., 2:])).all(axis=2)
    region, cell = np.nonzero(is_within)
    classes = truth.classes[truth.is_ignored]
    return np.stack([image[region] * len(middles) + cell, classes[region]], axis=1)
