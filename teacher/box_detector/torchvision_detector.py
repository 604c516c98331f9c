"""Detectors of torchvision.models.detection, from a file of weights."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.detection.ssd import SSD

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.class_table import ABSENT
from teacher.inference.runtime import Runtime, check_finite
from util.errors import UserError
from util.learning.tensors import load_strictly, read_tensors

_EVERYTHING = 10**6
_WITHOUT_EPSILON = frozenset(
    f"{name}_resnet50_fpn" for name in ("fasterrcnn", "maskrcnn", "keypointrcnn", "retinanet")
)
"""Networks whose published weights are for batch norms that add nothing to the variance."""


class TorchvisionBoxes:
    """A detector of torchvision, whose own suppression of boxes is turned off; a `BoxDetector`.

    What it does before classes are judged stays: a proposal of a Faster R-CNN is no box of a class.

    Attributes:
        classes: By their numbers in the answer; no class takes those that are called as `ABSENT`.
    """

    def __init__(self, model: Any, classes: tuple[str, ...], runtime: Runtime) -> None:
        """Make a network ready.

        Args:
            model: Of torchvision.models.detection; changed by this.
            classes: Their names.
            runtime: Where it runs.
        """
        self.classes = classes
        self._model = runtime.place(model)
        self._runtime = runtime
        self._judge: Any = model.roi_heads if hasattr(model, "roi_heads") else model
        self._judge.nms_thresh = 2.0  # an IoU that no two boxes have
        self._judge.detections_per_img = _EVERYTHING
        model.backbone.register_forward_hook(_check_features)  # no class wins against NaN

    def find(self, image_rgb: np.ndarray, threshold: float, /) -> Candidates:
        """Find boxes, each with the score of one class; see `BoxDetector`.

        Raises:
            UserError: Memory ran out, or the network has answered with NaN.
        """
        self._judge.score_thresh = threshold - 1e-6  # above which boxes are given
        image = torch.from_numpy(image_rgb).to(self._runtime.device).permute(2, 0, 1) / 255
        with self._runtime.inference():
            (answer,) = self._model([image])
        boxes = answer["boxes"].float().numpy(force=True)
        scores = np.zeros((len(boxes), len(self.classes)), np.float32)
        numbers = answer["labels"].numpy(force=True)
        scores[np.arange(len(boxes)), numbers] = answer["scores"].float().numpy(force=True)
        return Candidates(boxes, scores, is_exclusive=True)


def _check_features(_module: nn.Module, _inputs: object, features: dict[str, Tensor]) -> None:
    """Refuse features that are no numbers, of which no box would come: a UserError."""
    for each in features.values():
        check_finite(each, "the detector")


def load_torchvision_boxes(file: Path, network: str | None, runtime: Runtime) -> TorchvisionBoxes:
    """Load a detector.

    Args:
        file: Weights, as torchvision publishes them; no code in it is run.
        network: Its name in torchvision.models.detection; None = the one that the file's name
            begins with.
        runtime: Where it runs.

    Raises:
        UserError: There is no such network, or the file is not whole or of another one.
    """
    name = _name_network(file, network)
    state = read_tensors(file, name)
    num_classes = _count_classes(name, state)
    model = _build(name, num_classes)
    # Batch norms that cannot learn have no count of training steps, which decides nothing.
    counts = {key: value for key, value in model.state_dict().items() if key.endswith("_tracked")}
    if not any(key in state for key in counts):
        state |= counts
    load_strictly(model, state, file, name)
    if name in _WITHOUT_EPSILON and _is_first_published(name, file):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
    return TorchvisionBoxes(model, _name_classes(name, model, num_classes), runtime)


def _name_network(file: Path, network: str | None) -> str:
    """Name the network of a file: as the config does, or as the file's name begins.

    Raises:
        UserError: There is none of this name.
    """
    known = list_models(module=torchvision.models.detection)
    if network is None:
        fitting = [name for name in known if file.name.startswith(name)]
    else:
        fitting = [name for name in known if name == network]
    if not fitting:
        told = (
            f"boxes.network is {network!r}" if network else f"the name of {file} tells no network"
        )
        raise UserError(f"{told}; set boxes.network to one of {', '.join(known)}")
    return max(fitting, key=len)


def _build(name: str, num_classes: int) -> Any:
    """Build a network; no weights are asked for."""
    return get_model(name, weights=None, weights_backbone=None, num_classes=num_classes)


def _count_classes(name: str, state: dict[str, Tensor]) -> int:
    """Count the classes of a network by its weights.

    Those of layers that judge classes are the only ones whose length differs from that of the
    network for the classes of COCO, and grow with their number.
    """
    usual = 91
    with torch.device("meta"):
        wanted = _build(name, usual).state_dict()
    for key, tensor in wanted.items():
        there = state.get(key, tensor)
        if there.ndim and tensor.ndim and len(there) != len(tensor):
            return round(usual * len(there) / len(tensor))
    return usual


def _is_first_published(name: str, file: Path) -> bool:
    """Tell whether a file is named as the first weights that were published for a network."""
    return any(
        weights.name == "COCO_V1" and Path(weights.url).name == file.name
        for weights in get_model_weights(name)
    )


def _name_classes(name: str, model: nn.Module, count: int) -> tuple[str, ...]:
    """Name classes: as published for so many, else by their numbers; 0 may be that of nothing."""
    for weights in get_model_weights(name):
        if len(told := weights.meta["categories"]) == count:
            return tuple(told)
    has_background = hasattr(model, "roi_heads") or isinstance(model, SSD)
    first = ABSENT[0] if has_background else "0"
    return (first, *map(str, range(1, count)))
