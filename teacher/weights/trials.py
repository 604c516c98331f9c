"""Small models that are here, run on an example picture: whether they do what they are for."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from util.config import REPOSITORY
from util.errors import listed
from util.weights import efficientnet_lite
from util.weights.finding import fault, find
from util.weights.known import MODELS

PICTURE = REPOSITORY / "images/scene_0007.jpg"
"""A painted scene of birds over the sea."""

THRESHOLD = 0.3
"""Score above which a box is told of."""

_SIDE_PX = 224  # of what the classifier was trained on


def try_models(folder: Path, image_rgb: np.ndarray) -> Iterator[str]:
    """Run each small model that is here on an image.

    Args:
        folder: `paths.weights`.
        image_rgb: (H, W, 3) uint8.

    Yields:
        A line a model: what it gave and how long that took, or why it gave nothing.
    """
    for row in MODELS:
        path = find(row, folder)
        if row.name not in _TRIALS or path is None:
            continue
        if trouble := fault(path, row):
            yield f"! {row.name} cannot run: {path} is damaged ({trouble})"
            continue
        start = time.perf_counter()
        try:
            said = _TRIALS[row.name](path, image_rgb)
        except Exception as error:  # a wrong build of a library fails in many ways
            reason = (str(error) or type(error).__name__).splitlines()[0]
            yield f"! {row.name} cannot run: {reason}"
        else:
            yield f"{row.name:20}{said}, {time.perf_counter() - start:.1f} s with loading"


def _classify(path: Path, image_rgb: np.ndarray) -> str:
    """Name what EfficientNet-Lite0 takes the whole image for, among the classes of ImageNet."""
    import torch
    from timm import create_model
    from timm.data import ImageNetInfo

    from util.learning.tensors import load_strictly, read_tensors

    state = read_tensors(path, efficientnet_lite.TIMM_NAME)
    names = efficientnet_lite.timm_names(state)
    model = create_model(efficientnet_lite.TIMM_NAME).eval()
    named = {names[published]: tensor for published, tensor in state.items()}
    load_strictly(model, named, path, efficientnet_lite.TIMM_NAME)
    small = cv2.resize(image_rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA) / 255
    normalised = (small - efficientnet_lite.IMAGE_MEAN) / efficientnet_lite.IMAGE_STD
    with torch.inference_mode():
        logits = model(torch.from_numpy(normalised).float().permute(2, 0, 1)[None])[0]
    shares, classes = logits.softmax(0).topk(3)
    words = [ImageNetInfo().index_to_description(int(each)).split(",")[0] for each in classes]
    return "sees " + listed(
        [f"{word} {share:.2f}" for word, share in zip(words, shares.tolist(), strict=True)]
    )


def _outline(path: Path, image_rgb: np.ndarray) -> str:
    """Say how much of the image U²-Net finds to stand out."""
    from teacher.inference.u2net import U2Net

    answer = U2Net(path).predict(image_rgb)
    return f"finds that {(answer > 0.5).mean():.1%} of the pixels stand out".replace("%", " %")


def _detect(path: Path, image_rgb: np.ndarray) -> str:
    """Name the boxes that YOLOX finds."""
    from teacher.box_detector.class_table import read_class_table
    from teacher.box_detector.teacher import BoxTeacher
    from teacher.box_detector.yolox import YoloX
    from util.detections import BoxRule

    detector = YoloX(path)
    table = read_class_table({}, detector.classes, path.name)
    (found,) = BoxTeacher(detector, table, BoxRule(THRESHOLD)).label(image_rgb, ["boxes"])
    assert found.boxes is not None
    assert found.boxes.classes is not None
    confidences = found.boxes.confidences
    boxes = [
        f"{name} {confidence:.2f}"
        for name, confidence in zip(found.boxes.classes, confidences, strict=True)
    ]
    return f"finds {listed(boxes)}" if boxes else f"finds nothing above {THRESHOLD:g}"


_TRIALS: dict[str, Callable[[Path, np.ndarray], str]] = {
    "efficientnet-lite0": _classify,
    "u2netp": _outline,
    "yolox_nano": _detect,
}
