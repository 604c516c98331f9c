"""YOLOX (Ge et al., arXiv 2107.08430) from an ONNX file: boxes of the classes it has learnt."""

from pathlib import Path

import cv2
import numpy as np

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.coco import name_classes
from teacher.inference.onnx_session import open_fixed_session
from util.errors import UserError
from util.images.scaling import scale_size

STRIDES_PX = (8, 16, 32)
"""Sides of the cells of its grids; each cell gives one box."""

_GRAY = 114  # of what lies beside the image in the frame, as in training


class YoloX:
    """The network, from an ONNX file such as yolox_nano.onnx; a `BoxDetector`.

    It answers several images at once, each in a thread.

    Attributes:
        classes: Of COCO, if there are 80; else they are called by their numbers, from 0.
        size_hw: Height and width in pixels of what it sees.
    """

    def __init__(self, path: Path, num_threads: int | None = None) -> None:
        """Open the file.

        Args:
            path: Of an export without decoding, for images of one size: (1, 3, H, W) to
                (1, cells, 5 + classes).
            num_threads: That an answer is computed in; None = one a core.

        Raises:
            UserError: It is missing, damaged or of another network.
        """
        self._session = open_fixed_session(path, (1, 3, None, None), "YOLOX", num_threads)
        (node,) = self._session.get_inputs()
        self._input = node.name
        self.size_hw = (int(node.shape[2]), int(node.shape[3]))
        self._corners, self._sides = lay_out_cells(self.size_hw)
        shape = self._ask(np.zeros((*self.size_hw, 3), np.uint8)).shape
        if len(shape) != 2 or shape[0] != len(self._sides) or shape[1] < 6:
            raise UserError(
                f"{path} is no YOLOX: its answer is {shape} for each image, expected "
                f"{len(self._sides)} cells of 4 numbers of a box, its score and those of classes"
            )
        self.classes = name_classes(shape[1] - 5)

    def find(self, image_rgb: np.ndarray, threshold: float, /) -> Candidates:
        """Find boxes; see `BoxDetector`. A score is that of the box times that of the class."""
        frame, scale = prepare(image_rgb, self.size_hw)
        answer = self._ask(frame)
        # No class can have more than the box. NaN is kept, for whoever chooses to see.
        good = np.flatnonzero(~(answer[:, 4] < threshold))
        boxes = decode(answer[good, :4], self._corners[good], self._sides[good]) / scale
        return Candidates(boxes, answer[good, 4:5] * answer[good, 5:], is_exclusive=True)

    def _ask(self, frame: np.ndarray) -> np.ndarray:
        """Give what the network says of each cell of a frame of `prepare`."""
        seen = np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32)[None]
        return np.asarray(self._session.run(None, {self._input: seen})[0])[0]


def prepare(image_rgb: np.ndarray, size_hw: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Make of an (H, W, 3) uint8 image what the network sees.

    Args:
        image_rgb: The image.
        size_hw: Height and width of what the network sees.

    Returns:
        (*size_hw, 3) uint8, BGR, the image at the top left; and how many of its pixels one of the
        image's became.
    """
    height, width = image_rgb.shape[:2]
    scale = min(size_hw[0] / height, size_hw[1] / width)
    size_wh = scale_size((height, width), scale)[::-1]
    frame = np.full((*size_hw, 3), _GRAY, np.uint8)
    resized = cv2.resize(image_rgb, size_wh)
    frame[: size_wh[1], : size_wh[0]] = cv2.cvtColor(resized, cv2.COLOR_RGB2BGR)
    return frame, scale


def lay_out_cells(size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Lay out the cells of what the network sees, row by row, from the finest grid on.

    Returns:
        (N, 2) float32 column and row of each in its grid, and (N, 1) float32 its side in pixels.
    """
    corners, sides = [], []
    for stride in STRIDES_PX:
        rows, columns = np.mgrid[: size_hw[0] // stride, : size_hw[1] // stride]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        sides.append(np.full((rows.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(sides).astype(np.float32)


def decode(offsets: np.ndarray, corners: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Make boxes of what the network says of cells (section 2.1 of the paper).

    Args:
        offsets: (N, 4): how far the centre lies from the cell's corner, and the logarithms of width
            and height, all in cells.
        corners: (N, 2), of `lay_out_cells`.
        sides: (N, 1), of `lay_out_cells`.

    Returns:
        (N, 4) x0, y0, x1, y1 in pixels of what the network sees.
    """
    centres = (offsets[:, :2] + corners) * sides
    halves = np.exp(offsets[:, 2:]) * sides / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)
