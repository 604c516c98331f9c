"""What a student is validated by."""

import numpy as np
import pytest
import torch

from student.validation import count_overlap
from util.statistics_over_images import iou


def test_the_jaccard_index_pools_pixels_and_is_one_where_both_are_empty() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random((2, 1, 5, 6)), rng.random((2, 1, 5, 6)) / 3
    logits, targets = torch.logit(torch.tensor(p)), torch.tensor(y)
    for temperature in (1.0, 3.0):
        predicted, wanted = p * temperature > 0.5, y * temperature > 0.5
        expected = (predicted & wanted).sum() / (predicted | wanted).sum()
        found = iou(count_overlap(logits, targets, temperature).numpy())
        assert found == pytest.approx(expected)
    for share in (0.01, 0.3, 1.0):
        target = (torch.rand(1, 1, 40, 40) < share).float()
        assert iou(count_overlap(torch.logit(target, eps=1e-6), target, 1.0).numpy()) == 1
        nothing = torch.zeros_like(target)
        assert iou(count_overlap(-torch.logit(target, eps=1e-6), target, 1.0, nothing).numpy()) == 1
