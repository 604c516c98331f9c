"""What a detector has found in an image: from what its cells say to boxes; needs no torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from util.data_classes import Boxes, Device
from util.detections import BoxRule, choose_boxes
from util.label_set import Content
from util.learning.detection.cells import CellDetector
from util.learning.detection.fitting import fit


class DetectorLabeller:
    """A detector as a `Labeller` of label sets of boxes.

    Attributes:
        detector: What looks at images.
    """

    def __init__(self, detector: CellDetector, rule: BoxRule) -> None:
        """Put a detector and the rule of which of its boxes count together."""
        self.detector = detector
        self._rule = rule

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Find things in an image, (H, W, 3) uint8 RGB."""
        content = Content(boxes=self.detect(image_rgb), size_hw=image_rgb.shape[:2])
        return iter([content] * len(names))

    def detect(self, image_rgb: np.ndarray) -> Boxes:
        """Find things in an image, (H, W, 3) uint8 RGB.

        Returns:
            Boxes within the image, the surest first.

        Raises:
            UserError: Memory ran out, or the detector's answer is no number.
        """
        height, width = image_rgb.shape[:2]
        fitted = fit(image_rgb, self.detector.size_px)
        scores, boxes = self.detector.look(fitted.image_rgb)
        boxes = boxes * fitted.enlargement
        return choose_boxes(boxes, scores, self.detector.classes, self._rule, (height, width))


def open_cells(checkpoint: Path, device: Device = "auto", most_at_once: int = 1) -> CellDetector:
    """Load a detector.

    Args:
        checkpoint: The best.pt of a run of student/detection/train_detector.py, or an `.onnx` of
            student/detection/export_detector.py.
        device: Where a `.pt` runs; ONNX files run on the CPU.
        most_at_once: So many images may be answered at once, where many are waiting.

    Raises:
        UserError: The file is damaged or of another model, or what runs it is not there.
    """
    if checkpoint.suffix == ".onnx":
        from util.learning.detection.onnx_detector import OnnxDetector

        return OnnxDetector(checkpoint, most_at_once)
    from util.learning.detection.torch_detector import load_torch_detector

    return load_torch_detector(checkpoint, device, most_at_once)


def open_detector(
    checkpoint: Path, rule: BoxRule, device: Device = "auto", most_at_once: int = 1
) -> DetectorLabeller:
    """Load a detector that labels images by a rule of which boxes count; see `open_cells`."""
    return DetectorLabeller(open_cells(checkpoint, device, most_at_once), rule)
