"""Detectors of the package ultralytics, which is under the AGPL and installed apart."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics import YOLO

from teacher.box_detector.candidates import Candidates
from util.errors import UserError

_EVERYTHING = 10**6


class UltralyticsBoxes:
    """A detector of ultralytics, whose own suppression of boxes is turned off; a `BoxDetector`.

    Of a box it tells the best class alone.

    Attributes:
        classes: As the file names them.
    """

    def __init__(self, file: Path, device: torch.device) -> None:
        """Load a file, which runs code that is in it.

        Raises:
            UserError: It holds no detector.
        """
        try:
            self._model: Any = YOLO(str(file))
            task = self._model.task
        except Exception as error:  # pickles fail in many ways
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{file} cannot be loaded by ultralytics: {reason}") from None
        if task != "detect":
            raise UserError(f"{file} is for the task {task!r} of ultralytics; expected 'detect'")
        self._device = device
        names: dict[int, str] = self._model.names
        self.classes = tuple(names[number] for number in sorted(names))

    def find(self, image_rgb: np.ndarray, threshold: float, /) -> Candidates:
        """Find boxes, each with the score of its best class; see `BoxDetector`."""
        (result,) = self._model.predict(
            np.ascontiguousarray(image_rgb[..., ::-1]),  # it takes arrays for BGR
            conf=threshold,
            iou=1.0,  # no two boxes overlap by more
            max_det=_EVERYTHING,
            device=self._device,
            verbose=False,
        )
        numbers = result.boxes.cls.numpy(force=True).astype(int)
        scores = np.zeros((len(numbers), len(self.classes)), np.float32)
        scores[np.arange(len(numbers)), numbers] = result.boxes.conf.numpy(force=True)
        return Candidates(result.boxes.xyxy.numpy(force=True), scores, is_exclusive=True)
