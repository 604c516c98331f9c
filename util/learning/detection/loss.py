"""How far what cells say is from what they should."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_area, generalized_box_iou_loss

from util.learning.detection.network import Cells
from util.learning.detection.targets import Targets

FOCUS = 2.0
"""Power of how wrong a cell is, by which its loss counts."""

BOX_WEIGHT = 2.0
"""Weight of the boxes, where how sure cells are has 1; both as in the paper."""


def image_losses(cells: Cells, targets: Targets) -> Tensor:
    """Quality focal loss of how sure cells are, and generalised IoU loss of their boxes.

    A cell that is to find a box should be as sure of its class as its own box overlaps with that
    (Li et al., arXiv 2006.04388, equation 5); all others of nothing, but for what is ignored of
    them. Boxes: Rezatofighi et al., arXiv 1902.09630. The loss of a batch is the sum of its images'
    divided by how many cells are to find a box.

    Args:
        cells: Of all images of the batch.
        targets: Of the same.

    Returns:
        (B,) float32, from 0, the sum over the cells of each image.
    """
    num_images, num_cells, _ = cells.logits.shape
    logits = cells.logits.flatten(0, 1).float()
    found = cells.boxes_xyxy.flatten(0, 1)[targets.cells].float()
    quality, is_judged = torch.zeros_like(logits), torch.ones_like(logits)
    overlap = paired_iou(found.detach(), targets.boxes_xyxy)
    quality[targets.cells, targets.classes] = overlap
    is_judged[*targets.ignored.T] = 0
    is_judged[targets.cells, targets.classes] = 1
    wrong = (quality - logits.sigmoid()).abs().pow(FOCUS) * is_judged
    sure = wrong * F.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    losses = sure.view(num_images, -1).sum(dim=1)
    boxes = generalized_box_iou_loss(found, targets.boxes_xyxy)
    return losses.index_add(0, targets.cells // num_cells, BOX_WEIGHT * boxes)


def paired_iou(boxes_xyxy: Tensor, others_xyxy: Tensor) -> Tensor:
    """IoU of each box with its counterpart: (P,) of two (P, 4), each with an area."""
    low = torch.maximum(boxes_xyxy[:, :2], others_xyxy[:, :2])
    high = torch.minimum(boxes_xyxy[:, 2:], others_xyxy[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    return shared / (box_area(boxes_xyxy) + box_area(others_xyxy) - shared)
