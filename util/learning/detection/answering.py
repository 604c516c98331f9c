"""What a detector has found in an image: from what its cells say to boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image

from util.data_classes import Boxes, Device
from util.errors import UserError
from util.label_set import Content
from util.learning.detection.fitting import fit
from util.learning.detection.network import Detector
from util.learning.device import choose_device
from util.learning.inference.torch_predictor import fuse_batch_norms, scale_images
from util.learning.memory import is_out_of_memory


@dataclass(frozen=True)
class AnswerSettings:
    """Which boxes count.

    Attributes:
        confidence: Least one of a box.
        overlap: IoU above which the less sure of two boxes of one class is dropped.
        max_boxes: Most boxes of an image; the surest are kept.
    """

    confidence: float
    overlap: float
    max_boxes: int


class DetectorLabeller:
    """A detector as a `Labeller` of label sets of boxes.

    Attributes:
        classes: Names of what it finds.
        num_at_once: How many images it answers best at once, each in a thread.
    """

    def __init__(
        self, detector: Detector, settings: AnswerSettings, device: torch.device, at_once: int = 1
    ) -> None:
        """Make a detector ready to answer.

        Args:
            detector: Changed by this.
            settings: Which boxes count.
            device: Where it runs.
            at_once: On a CPU, so many images may be answered at once; they share the cores.
        """
        self.classes = list(detector.settings.classes)
        self._size_px = detector.settings.size_px
        model = fuse_batch_norms(detector.eval()).to(device)
        self._model = model.to(memory_format=torch.channels_last)
        self._settings = settings
        self._device = device
        cores = torch.get_num_threads()
        self.num_at_once = min(at_once, cores) if device.type == "cpu" else 1
        self._num_threads = cores // self.num_at_once

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Find things in an image, (H, W, 3) uint8 RGB."""
        content = Content(boxes=self.detect(image_rgb), size_hw=image_rgb.shape[:2])
        return iter([content] * len(names))

    @torch.inference_mode()
    def detect(self, image_rgb: np.ndarray) -> Boxes:
        """Find things in an image, (H, W, 3) uint8 RGB.

        Returns:
            Boxes within the image, the surest first.

        Raises:
            UserError: Memory ran out.
        """
        if self.num_at_once > 1:
            torch.set_num_threads(self._num_threads)  # of this thread
        size_hw, fitted = image_rgb.shape[:2], fit(image_rgb, self._size_px)
        try:
            image = torch.from_numpy(fitted.image_rgb)[None].to(self._device)
            cells = self._model(scale_images(image.permute(0, 3, 1, 2)))
            scores, found = cells.logits[0].float().sigmoid(), cells.boxes_xyxy[0].float()
            shares = [side / shown for side, shown in zip(size_hw, fitted.shown_hw, strict=True)]
            found = clip_boxes_to_image(found * found.new_tensor([*shares[::-1]] * 2), size_hw)
            return choose_boxes(scores, found, self.classes, self._settings)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise UserError(  # outside of `except`, which holds the tensors
            f"{self._size_px} pixels at once do not fit into the memory of {self._device.type}; "
            "train with a smaller detector.size_px"
        )


def choose_boxes(
    scores: Tensor, boxes_xyxy: Tensor, classes: Sequence[str], settings: AnswerSettings
) -> Boxes:
    """Keep what is sure enough, and of boxes of one class that overlap the surest.

    Args:
        scores: (N, C) float32 in [0, 1], how sure each cell is of each class.
        boxes_xyxy: (N, 4) float32.
        classes: Names of the C classes.
        settings: Which boxes count.

    Returns:
        The surest first.
    """
    cells, numbers = torch.nonzero(scores >= settings.confidence, as_tuple=True)
    sure, boxes_xyxy = scores[cells, numbers], boxes_xyxy[cells]
    kept = batched_nms(boxes_xyxy, sure, numbers, settings.overlap)[: settings.max_boxes]
    return Boxes(
        boxes_xyxy[kept].cpu().numpy(),
        sure[kept].cpu().numpy(),
        tuple(classes[number] for number in numbers[kept].tolist()),
    )


def open_detector(
    checkpoint: Path, settings: AnswerSettings, device: Device, most_at_once: int = 1
) -> DetectorLabeller:
    """Load a detector that labels images.

    Args:
        checkpoint: The best.pt of a run of student/detection/train_detector.py.
        settings: Which boxes count.
        device: Where it runs.
        most_at_once: So many images may be answered at once, where many are waiting.

    Raises:
        UserError: The checkpoint cannot be used, or this machine has no such device.
    """
    chosen = choose_device(device)
    return DetectorLabeller(Detector.load(checkpoint), settings, chosen, most_at_once)
