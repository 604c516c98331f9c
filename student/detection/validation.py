"""How well a detector finds the boxes of the validation images, after an epoch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from student.detection.labelled_frames import LabelledFrames
from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes
from util.detections import BoxRule, choose_boxes
from util.images.files import read_image
from util.learning.detection.fitting import fit
from util.learning.detection.loss import image_losses
from util.learning.detection.network import Detector
from util.learning.detection.targets import assign
from util.learning.inference.torch_session import scale_images
from util.learning.processes import gather_objects
from util.learning.runs.run_folder import Row
from util.metrics.class_average_precision import rank_by_class

Seen = tuple[float, int, tuple[int, int], Boxes]
"""Of an image: its loss, how many cells are to find a box, its size as the network sees it, and
what was found there."""


def validate(frames: LabelledFrames, rule: BoxRule, fabric: Fabric, network: nn.Module) -> Row:
    """Measure a detector on the validation images, each process its part of them.

    Returns:
        Loss, and the mean over classes of average precision at IoU 0.5 and from 0.5 to 0.95; 0
        where no validation image has a box.
    """
    assert isinstance(network, Detector)
    network.eval()
    ids = frames.validation_ids
    mine = range(fabric.global_rank, len(ids), fabric.world_size)
    seen = [(number, _look(frames, ids[number], rule, fabric, network)) for number in mine]
    every = [each for _, each in gather_objects(seen, fabric)]
    losses, counts, *_ = zip(*every, strict=True)
    return {
        "val_loss": sum(losses) / max(sum(counts), 1),
        **measure(frames, ids, every),
    }


@torch.inference_mode()
def _look(
    frames: LabelledFrames,
    image_id: str,
    rule: BoxRule,
    fabric: Fabric,
    network: Detector,
) -> Seen:
    """Look at an image as a camera would."""
    fitted = fit(read_image(frames.image_paths[image_id]), network.settings.size_px)
    height, width = (int(side) for side in fitted.shown_hw)
    truth = frames.truth(image_id).on((height, width))
    image = fabric.to_device(torch.from_numpy(fitted.image_rgb)[None])
    cells = network(scale_images(image.permute(0, 3, 1, 2)))
    targets = fabric.to_device(assign([truth], fitted.image_rgb.shape[:2]))
    said = (cells.boxes_xyxy[0].float(), cells.logits[0].float().sigmoid())
    boxes, scores = (each.cpu().numpy() for each in said)
    found = choose_boxes(boxes, scores, frames.classes, rule, (height, width))
    return float(image_losses(cells, targets)), len(targets.cells), (height, width), found


def measure(frames: LabelledFrames, ids: Sequence[str], seen: Sequence[Seen]) -> Row:
    """Average precision of what was found; in regions to ignore nothing is false.

    Args:
        frames: Have the true boxes.
        ids: Images that were looked at.
        seen: What was seen in each of them.

    Returns:
        `val_ap50` and `val_ap`; 0 where there is nothing to find.
    """
    boxes = [(i, size, found) for i, (_, _, size, found) in zip(ids, seen, strict=True)]
    predicted = boxes_to_table(boxes, "")
    names = [name for *_, found in boxes for name in found.classes or ()]
    predicted["obj_class"] = pd.Series(names, dtype=object)
    ranks = rank_by_class(frames.boxes, predicted, ids)
    if not ranks.of_class:
        return {"val_ap50": 0.0, "val_ap": 0.0}
    at_half, over_all = ranks.mean_precision(np.ones((1, len(ids)), np.int64))[0]
    return {"val_ap50": float(at_half), "val_ap": float(over_all)}
