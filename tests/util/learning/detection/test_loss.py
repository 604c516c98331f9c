import math

import pytest
import torch
from torchvision.ops import box_iou, generalized_box_iou

from util.learning.detection.loss import BOX_WEIGHT, image_losses, paired_iou
from util.learning.detection.network import Cells
from util.learning.detection.targets import Targets

JUDGED = torch.zeros((0, 2), dtype=torch.long)
"""No cell is ignored."""


def draw_boxes(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = 20 * torch.rand(count, 2, generator=generator)
    return torch.cat([corners, corners + 1 + 20 * torch.rand(count, 2, generator=generator)], 1)


def test_iou_of_pairs_is_the_diagonal_of_torchvisions_table() -> None:
    one, other = draw_boxes(50, 0), draw_boxes(50, 1)
    assert torch.allclose(paired_iou(one, other), box_iou(one, other).diagonal(), atol=1e-6)


def test_the_loss_is_that_of_a_loop_over_cells_and_classes() -> None:
    logits = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    boxes = draw_boxes(10, 2).view(2, 5, 4)
    ignored = torch.tensor([[0, 2], [3, 1], [3, 0]])  # the last is to find a box of this class
    targets = Targets(torch.tensor([1, 3, 7]), draw_boxes(3, 3), torch.tensor([2, 0, 1]), ignored)
    losses = image_losses(Cells(logits, boxes), targets)
    expected = [0.0, 0.0]
    for cell in range(10):
        image, place = divmod(cell, 5)
        sought = (targets.cells == cell).nonzero()
        for name in range(3):
            quality = 0.0
            if len(sought) and int(targets.classes[sought[0, 0]]) == name:
                true = targets.boxes_xyxy[sought[0, 0]][None]
                pair = boxes[image, place][None], true
                quality = float(box_iou(*pair))
                expected[image] += BOX_WEIGHT * (1 - float(generalized_box_iou(*pair)))
            elif [cell, name] in ignored.tolist():
                continue
            sure = 1 / (1 + math.exp(-float(logits[image, place, name])))
            entropy = -quality * math.log(sure) - (1 - quality) * math.log(1 - sure)
            expected[image] += abs(quality - sure) ** 2 * entropy
    assert losses.tolist() == pytest.approx(expected, rel=1e-4)


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much() -> None:
    true = torch.tensor([[4.0, 4, 12, 12]])
    targets = Targets(torch.tensor([1]), true, torch.tensor([0]), JUDGED)
    boxes = torch.tensor([[[0.0, 0, 1, 1], [4, 4, 12, 12]]])
    right = torch.tensor([[[-20.0], [20.0]]])
    assert float(image_losses(Cells(right, boxes), targets)) == pytest.approx(0, abs=1e-5)
    assert float(image_losses(Cells(-right, boxes), targets)) > 10


def test_how_well_a_box_fits_is_no_way_to_be_less_sure_of_it() -> None:
    boxes = torch.tensor([[[4.0, 4, 13, 13]]], requires_grad=True)
    true = torch.tensor([[4.0, 4, 12, 12]])
    targets = Targets(torch.tensor([0]), true, torch.tensor([0]), JUDGED)
    image_losses(Cells(torch.zeros(1, 1, 1), boxes), targets).sum().backward()
    of_both = boxes.grad
    again = boxes.detach().clone().requires_grad_(True)
    (BOX_WEIGHT * (1 - generalized_box_iou(again[0], targets.boxes_xyxy))).sum().backward()
    assert of_both is not None
    assert torch.allclose(of_both, again.grad, atol=1e-6)  # type: ignore[arg-type]


def test_an_image_without_boxes_has_the_loss_of_being_sure_of_something() -> None:
    nowhere = torch.zeros(0, dtype=torch.long)
    nothing = Targets(nowhere, torch.zeros(0, 4), nowhere, JUDGED)
    cells = Cells(torch.zeros(1, 2, 1), torch.zeros(1, 2, 4))
    assert float(image_losses(cells, nothing)) == pytest.approx(2 * 0.25 * math.log(2))
