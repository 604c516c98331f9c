"""A network for the 80 classes of COCO as a text-prompted detector: words that name one of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from teacher.box_detector.candidates import BoxDetector
from teacher.box_detector.coco import COCO_CLASSES
from teacher.box_detector.yolox import YoloX
from teacher.saa.detectors import Detections
from teacher.saa.detectors.coco_words import read_phrase
from util.detections import BoxRule, choose_boxes
from util.errors import UserError

LEAST_SCORE = 0.01
"""Boxes of a lower score are never told of; thresholds come later."""

Encoding = Mapping[str, np.ndarray]


class CocoDetector:
    """Finds what the words of a phrase name among the classes of COCO; a `Detector`.

    A word outside of them scores 0, and a phrase without any other has no boxes
    (`teacher.saa.wording` tells which these are). A box that is a kite as well as a bird is offered
    to both words.
    """

    def __init__(self, network: BoxDetector) -> None:
        """Take a network whose classes are `COCO_CLASSES`."""
        self._network = network

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the network on an image, (H, W, 3) uint8 RGB, once for all phrases.

        Returns:
            `boxes_xyxy` (N, 4) float32 in pixels, `scores` (N,) float32 and `classes` (N,) int64,
            places in `COCO_CLASSES`; a box of a class that a better one overlaps is left out.

        Raises:
            UserError: The network has answered with NaN.
        """
        found = self._network.find(image_rgb, LEAST_SCORE)
        numbers = [str(number) for number in range(len(COCO_CLASSES))]
        height, width = image_rgb.shape[:2]
        boxes = choose_boxes(
            found.boxes_xyxy, found.scores, numbers, BoxRule(LEAST_SCORE), (height, width)
        )
        return {
            "boxes_xyxy": boxes.boxes_xyxy.astype(np.float32),
            "scores": boxes.confidences.astype(np.float32),
            "classes": np.array(boxes.classes, dtype=np.int64),
        }

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Pick the boxes of each phrase's classes; the network is not asked again."""
        return [_pick(encoding, phrase) for phrase in phrases]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse nothing: a phrase that names no class has no boxes."""


def _pick(encoding: Encoding, phrase: str) -> Detections:
    """The boxes of the classes that a phrase names."""
    names = read_phrase(phrase)
    wanted = [COCO_CLASSES.index(name.means) if name.means else -1 for name in names]
    is_asked = encoding["classes"][:, None] == np.array(wanted, dtype=np.int64)  # (N, T)
    found = is_asked.any(axis=1)
    scores = np.where(is_asked, encoding["scores"][:, None], np.float32(0))
    return Detections(
        encoding["boxes_xyxy"][found],
        scores[found],
        tuple(name.text for name in names),
        any(name.means for name in names),
    )


def load_coco_detector(file: Path) -> CocoDetector:
    """Open an ONNX file of YOLOX.

    Raises:
        UserError: It is damaged, of another network, or of other classes.
    """
    network = YoloX(file)
    if network.classes != COCO_CLASSES:
        raise UserError(
            f"{file} knows {len(network.classes)} classes; saa.detector yolox needs the "
            f"{len(COCO_CLASSES)} of COCO, to which words are matched"
        )
    return CocoDetector(network)
