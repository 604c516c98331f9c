"""Losses of a Mask2Former: of its masks, and of the evidence at each pixel."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teacher.maskomaly.learning.losses import (
    SMALLEST_SHARE,
    evidence_loss,
    split_classes,
    sum_evidence,
)
from teacher.maskomaly.learning.negatives import PASTED
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.scores import compute_scores

VOID = 255


def test_pixels_of_no_class_are_in_no_mask_pasted_or_not() -> None:
    masks, numbers = split_classes(torch.tensor([[3, VOID], [PASTED, 0]], dtype=torch.uint8))
    assert numbers.tolist() == [0, 3]
    assert masks.tolist() == [[[0, 0], [0, 1]], [[1, 0], [0, 0]]]


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(0, 1))
def test_the_loss_is_that_of_a_loop_over_pixels(seed: int, num_known: int, further: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    evidence = 1.2 * torch.rand(2, num_known, 3, 4, generator=generator)
    palette = torch.tensor([*range(num_known + further), PASTED, VOID], dtype=torch.uint8)
    cells = palette[torch.randint(0, len(palette), (2, 3, 4), generator=generator)]
    classes = cells.repeat_interleave(4, 1).repeat_interleave(4, 2)
    known, pasted = [], []
    for b in range(2):
        for y in range(3):
            for x in range(4):
                said = [min(float(e), 1.0) for e in evidence[b, :, y, x]]
                number = int(cells[b, y, x])
                if number < num_known:
                    known.append(-math.log(max(said[number], SMALLEST_SHARE)))
                elif number != VOID:
                    pasted.append(-math.log(max(1 - max(said), SMALLEST_SHARE)))
    expected = sum(sum(part) / max(len(part), 1) for part in (known, pasted))
    assert float(evidence_loss(evidence, classes)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_where_nothing_is_known_or_pasted_it_costs_nothing() -> None:
    evidence = torch.full((1, 2, 2, 2), 0.3, requires_grad=True)
    loss = evidence_loss(evidence, torch.full((1, 8, 8), VOID, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert evidence.grad is not None
    assert not evidence.grad.any()


def test_it_is_the_score_of_anomalies_that_is_learnt() -> None:
    class_logits, mask_logits = torch.randn(5, 4), torch.randn(5, 6, 8)
    outputs = RawOutputs(class_logits, mask_logits, (24, 32), (24, 32), False)
    evidence = sum_evidence(class_logits[None], mask_logits[None], 3)[0].amax(0)
    score = compute_scores(outputs, ["mask2anomaly"])["mask2anomaly"]
    # At the middle of a cell, between its four pixels, an enlarged map is what it was, nearly;
    # masks are enlarged before they are turned into probabilities.
    middle = torch.from_numpy(-score).reshape(6, 4, 8, 4)[:, 1:3, :, 1:3].mean((1, 3))
    correlation = torch.corrcoef(torch.stack([middle.flatten(), evidence.flatten()]))[0, 1]
    assert correlation > 0.95


def test_steps_down_the_loss_take_evidence_from_pasted_things_and_give_it_to_the_rest() -> None:
    torch.manual_seed(0)
    class_logits = torch.zeros(1, 4, 3, requires_grad=True)
    mask_logits = torch.randn(1, 4, 2, 4).requires_grad_()
    classes = torch.zeros(1, 8, 16, dtype=torch.uint8)
    classes[:, :, 8:] = PASTED
    optimiser = torch.optim.Adam([class_logits, mask_logits], 0.1)
    for _ in range(100):
        optimiser.zero_grad()
        evidence_loss(sum_evidence(class_logits, mask_logits, 2), classes).backward()
        optimiser.step()
    evidence = sum_evidence(class_logits, mask_logits, 2)[0].amax(0)
    assert evidence[:, :2].min() > 0.9
    assert evidence[:, 2:].max() < 0.1
