"""Detectors of classes by transformers, from a folder on this disk: RT-DETR, DETR, YOLOS, ..."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from teacher.box_detector.candidates import Candidates
from teacher.inference.runtime import Runtime, check_finite
from teacher.weights.checkpoints import read_model, read_model_type, read_processor

_MODEL_TYPES = (
    "conditional_detr",
    "d_fine",
    "dab-detr",
    "deformable_detr",
    "detr",
    "lw_detr",
    "rf_detr",
    "rt_detr",
    "rt_detr_v2",
    "table-transformer",
    "yolos",
)


class HuggingFaceBoxes:
    """A detector that gives a box and scores a query; a `BoxDetector`.

    DETR (Carion et al., arXiv 2005.12872), YOLOS and Table Transformer say of each query which one
    thing it is or that it is none, by a softmax; the others judge each class apart, by a sigmoid.

    Attributes:
        classes: As the model's config names them.
    """

    def __init__(self, model: Any, image_processor: Any, runtime: Runtime) -> None:
        """Make a model of transformers ready."""
        self._model = runtime.place(model)
        self._image_processor = image_processor
        self._runtime = runtime
        labels: dict[int, str] = model.config.id2label
        self.classes = tuple(labels[number] for number in range(len(labels)))
        runtime.compile(self._model.model if hasattr(self._model, "model") else self._model)

    def find(self, image_rgb: np.ndarray, _: float, /) -> Candidates:
        """Find boxes: one a query, whatever their scores; see `BoxDetector`.

        Raises:
            UserError: Memory ran out, or the model has answered with NaN.
        """
        seen = self._image_processor(
            image_rgb, return_tensors="pt", input_data_format="channels_last"
        )
        with self._runtime.inference():
            answer = self._model(**seen.to(self._runtime.device))
        name = type(self._model).__name__
        logits = check_finite(answer.logits, name)[0].float()
        boxes = check_finite(answer.pred_boxes, name)[0].float()
        is_exclusive = logits.shape[1] == len(self.classes) + 1  # the last is that of no thing
        scores = logits.softmax(dim=1)[:, :-1] if is_exclusive else logits.sigmoid()
        height, width = image_rgb.shape[:2]
        return Candidates(
            _to_corners(boxes).numpy(force=True) * (width, height, width, height),
            scores.numpy(force=True),
            is_exclusive,
        )


def _to_corners(boxes: Tensor) -> Tensor:
    """Turn (N, 4) centres and sizes into corners."""
    centres, halves = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat([centres - halves, centres + halves], dim=1)


def load_hugging_face_boxes(folder: Path, runtime: Runtime) -> HuggingFaceBoxes:
    """Load a detector as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, preprocessor.
        runtime: Where the model runs.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    read_model_type(folder, _MODEL_TYPES, "a detector of classes")
    auto_class: Any = AutoModelForObjectDetection
    model = read_model(auto_class, folder)
    return HuggingFaceBoxes(model, read_processor(AutoImageProcessor, folder), runtime)
