"""How well pixels are sorted into several classes: the confusion of classes, and IoU a class.

confusion = ClassConfusion(len(masks.class_names))
for each image:
    confusion.add(predicted, masks.read_classes(image_id))
confusion.iou(), confusion.mean_iou()
"""

import numpy as np

from util.metrics.pixelwise.pixels import IGNORED

_CHUNK_PX = 2**18


def count_pairs(
    truth: np.ndarray, predicted: np.ndarray, num_classes: int, num_predicted: int
) -> np.ndarray:
    """Count pixels by their true and their predicted class.

    Args:
        truth: (H, W) uint8 numbers of classes; 255 = of none, left out.
        predicted: (H, W) bool or integers, numbers of what was predicted, everywhere.
        num_classes: C of the truth, at most 255.
        num_predicted: P of what may be predicted.

    Returns:
        (C, P) int64; zeros where there are no pixels.

    Raises:
        ValueError: Shapes or types differ from these, or a number is too large or negative.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"the classes are {truth.shape}, what is predicted {predicted.shape}")
    if truth.dtype != np.uint8 or predicted.dtype.kind not in "bui":
        raise ValueError(
            "classes have type uint8 and predictions a type of integers, given "
            f"{truth.dtype} and {predicted.dtype}"
        )
    counts = np.zeros(num_classes * num_predicted, np.int64)
    true_classes, found = truth.reshape(-1), predicted.reshape(-1)
    for start in range(0, len(true_classes), _CHUNK_PX):
        chunk = slice(start, start + _CHUNK_PX)
        is_known = true_classes[chunk] != IGNORED
        rows = true_classes[chunk][is_known].astype(np.int64)
        columns = found[chunk][is_known].astype(np.int64)
        if (rows >= num_classes).any():
            raise ValueError(f"a true class is {rows.max()}, of {num_classes}")
        if ((columns < 0) | (columns >= num_predicted)).any():
            raise ValueError(
                f"a predicted class is from {columns.min()} to {columns.max()}, of {num_predicted}"
            )
        counts += np.bincount(rows * num_predicted + columns, minlength=len(counts))
    return counts.reshape(num_classes, num_predicted)


class ClassConfusion:
    """Pixels by true and predicted class, over any number of images.

    Attributes:
        counts: (C, C) int64, a row a true class, a column a predicted one.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = np.zeros((num_classes, num_classes), np.int64)

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Count an image, (H, W) integers and (H, W) uint8, 255 of no class; see `count_pairs`.

        Raises:
            ValueError: They do not fit. Nothing is counted then.
        """
        self.counts += count_pairs(truth, predicted, *self.counts.shape)

    def iou(self) -> np.ndarray:
        """(C,) float IoU of each class, TP / (TP + FP + FN) of all images together.

        As PASCAL VOC and Cityscapes define it (Everingham et al., The PASCAL Visual Object Classes
        Challenge: A Retrospective, IJCV 2015, section 3.1.2); nan of a class that no pixel has and
        that is predicted nowhere.
        """
        hits = np.diag(self.counts)
        either = self.counts.sum(axis=0) + self.counts.sum(axis=1) - hits
        return hits / np.where(either, either, np.nan)

    def mean_iou(self) -> float:
        """Mean IoU of the classes that have one; nan where none has."""
        iou = self.iou()
        return float(np.mean(iou[~np.isnan(iou)])) if (~np.isnan(iou)).any() else np.nan
