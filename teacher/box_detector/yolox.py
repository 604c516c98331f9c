"""YOLOX (Ge et al., arXiv 2107.08430) from an ONNX file: boxes of the 80 things of COCO."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from teacher.inference.onnx_session import open_session

SIDE_PX = 416
"""Side of the square that YOLOX-nano sees."""

STRIDES_PX = (8, 16, 32)
"""Sides of the cells of its grids; each cell gives one box."""

OVERLAP = 0.45
"""IoU above which the lower of two boxes of one class is dropped."""

_GRAY = 114  # of what lies beside the image in the square, as in training


@dataclass(frozen=True)
class Detections:
    """What was found in an image, from the highest score down.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the image; they may reach beyond its border.
        scores: (N,) float32 in [0, 1].
        classes: (N,) int, the place of each in the list of COCO's 80.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


class YoloX:
    """The network, from an ONNX file such as yolox_nano.onnx."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UserError: It is missing, damaged or of another network.
        """
        self._session = open_session(path, (1, 3, SIDE_PX, SIDE_PX), "YOLOX-nano")
        self._input = self._session.get_inputs()[0].name

    def detect(self, image_rgb: np.ndarray, threshold: float) -> Detections:
        """Find boxes.

        Args:
            image_rgb: (H, W, 3) uint8.
            threshold: Boxes with a lower score are dropped, before those that overlap.
        """
        square, scale = prepare(image_rgb)
        answer = np.asarray(self._session.run(None, {self._input: square})[0])[0]
        boxes = decode(answer[:, :4]) / scale
        scores_of_classes = answer[:, 4:5] * answer[:, 5:]
        classes, scores = scores_of_classes.argmax(axis=1), scores_of_classes.max(axis=1)
        corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxesBatched(
            corner_and_size.tolist(), scores.tolist(), classes.tolist(), threshold, OVERLAP
        )
        order = np.array(sorted(kept, key=lambda index: -scores[index]), dtype=int)
        return Detections(boxes[order].astype(np.float32), scores[order], classes[order])


def prepare(image_rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """Make of an (H, W, 3) uint8 image what the network sees.

    Returns:
        (1, 3, 416, 416) float32, BGR in [0, 255], the image at the top left; and how many of its
        pixels one of the image's became.
    """
    height, width = image_rgb.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    square = np.full((SIDE_PX, SIDE_PX, 3), _GRAY, np.float32)
    square[: size[1], : size[0]] = cv2.resize(image_rgb, size)[..., ::-1]
    return square.transpose(2, 0, 1)[None], scale


def decode(offsets: np.ndarray) -> np.ndarray:
    """Make boxes of what the network says of each cell (section 2.1 of the paper).

    Args:
        offsets: (N, 4): how far the centre lies from the cell's corner, and the logarithms of width
            and height, all in cells; row by row, from the finest grid to the coarsest.

    Returns:
        (N, 4) x0, y0, x1, y1 in pixels of the square.
    """
    corners, sides = [], []
    for stride in STRIDES_PX:
        count = SIDE_PX // stride
        rows, columns = np.mgrid[:count, :count]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        sides.append(np.full((count * count, 1), stride))
    side = np.concatenate(sides)
    centres = (offsets[:, :2] + np.concatenate(corners)) * side
    halves = np.exp(offsets[:, 2:]) * side / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)
