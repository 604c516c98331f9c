from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from util.learning.detection.answering import AnswerSettings, DetectorLabeller, choose_boxes
from util.learning.detection.network import Cells, Detector, DetectorSettings

SETTINGS = DetectorSettings(["boat", "bird"], None, 2, 64, [0.5] * 3, [0.5] * 3)


def test_of_boxes_of_one_class_that_overlap_the_surest_is_kept_as_a_loop_does() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(60, 2, generator=generator)
    corners = 30 * torch.rand(60, 2, generator=generator)
    boxes = torch.cat([corners, corners + 10], dim=1)
    found = choose_boxes(scores, boxes, ["boat", "bird"], AnswerSettings(0.3, 0.5, 20))
    order = [
        (float(scores[c, n]), c, n) for c in range(60) for n in range(2) if scores[c, n] >= 0.3
    ]
    kept: list[tuple[float, int, int]] = []
    for score, cell, name in sorted(order, reverse=True):
        same = [other for _, other, their in kept if their == name]
        if not same or float(box_iou(boxes[[cell]], boxes[same]).max()) <= 0.5:
            kept.append((score, cell, name))
    kept = kept[:20]
    assert found.confidences.tolist() == [score for score, *_ in kept]
    assert found.boxes_xyxy.tolist() == [boxes[cell].tolist() for _, cell, _ in kept]
    assert found.classes == tuple(["boat", "bird"][name] for *_, name in kept)


class _Sure(nn.Module):
    """Finds one box, always the same, in pixels of the image as it sees it."""

    def forward(self, images: torch.Tensor) -> Cells:
        return Cells(torch.tensor([[[9.0, -9.0]]]), torch.tensor([[[8.0, -4.0, 16.0, 12.0]]]))


def test_boxes_come_back_in_pixels_of_the_image_and_within_it() -> None:
    labeller = DetectorLabeller(
        Detector(SETTINGS), AnswerSettings(0.1, 0.5, 10), torch.device("cpu")
    )
    labeller._model = _Sure()
    (content,) = labeller.label(np.zeros((30, 128, 3), np.uint8), ["set"])
    assert content.size_hw == (30, 128)  # seen at half of its size
    assert content.boxes is not None
    assert content.boxes.boxes_xyxy.tolist() == [[16.0, 0.0, 32.0, 24.0]]
    assert content.boxes.classes == ("boat",)


def test_nothing_is_found_where_nothing_is_sure_enough() -> None:
    found = choose_boxes(
        torch.zeros(5, 2), torch.zeros(5, 4), ["a", "b"], AnswerSettings(0.1, 0.5, 9)
    )
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.classes == ()


@pytest.mark.parametrize("at_once", [1, 4])
def test_answers_do_not_depend_on_how_many_are_given_at_once(at_once: int) -> None:
    torch.manual_seed(0)
    labeller: Any = DetectorLabeller(
        Detector(SETTINGS), AnswerSettings(0.0, 0.5, 10), torch.device("cpu"), at_once
    )
    image = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    assert len(labeller.detect(image).confidences) == 10
