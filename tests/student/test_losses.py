"""Losses beside their formulas."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.special import rel_entr, xlogy
from segmentation_models_pytorch.losses import DiceLoss, JaccardLoss
from torch import Tensor

from student.losses import (
    LOSSES,
    LossSettings,
    balanced,
    binary_kl,
    find_edges,
    focal,
    soft_dice,
    soft_jaccard,
    student_loss,
)
from util.errors import UserError

TARGETS = torch.tensor([0.0, 0.3, 0.7, 1.0, 0.3, 0.7]).view(1, 1, 2, 3)


MIXED = LossSettings({"kl": 1.0, "jaccard": 0.5, "balanced": 0.5})


def logit(probability: Tensor) -> Tensor:
    return torch.logit(probability, eps=1e-6)


def test_the_kl_loss_equals_its_formula_and_is_zero_at_the_target() -> None:
    p, y = np.array([0.2, 0.6]), np.array([0.5, 0.9])
    expected = (y * np.log(y / p) + (1 - y) * np.log((1 - y) / (1 - p))).mean()
    found = binary_kl(logit(torch.tensor(p)), torch.tensor(y))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(binary_kl(logit(TARGETS), TARGETS)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "weights",
    [*({name: 1.0} for name in LOSSES), {"kl": 1.0, "jaccard": 2.0}],
)
@pytest.mark.parametrize("edge_weight", [0.0, 3.0])
def test_the_minimum_of_the_loss_lies_at_the_soft_target(
    weights: dict[str, float], edge_weight: float
) -> None:
    settings = LossSettings(weights, edge_weight)
    assert float(student_loss(logit(TARGETS), TARGETS, settings)) == pytest.approx(0, abs=1e-3)
    logits = torch.zeros_like(TARGETS, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(800):
        optimizer.zero_grad()
        student_loss(logits, TARGETS, settings).backward()
        optimizer.step()
    # the gradient of the focal loss vanishes near its minimum, so it comes there slowly
    atol = 0.1 if "focal" in weights else 0.02
    torch.testing.assert_close(logits.sigmoid().detach(), TARGETS, atol=atol, rtol=0)


def test_without_a_positive_weight_there_is_no_loss() -> None:
    with pytest.raises(UserError, match=r"student\.losses"):
        LossSettings({"kl": 0.0})


def test_losses_equal_their_formulas() -> None:
    logits, targets, weights = weighted_example()
    p, y, w = logits.sigmoid().double().numpy(), targets.double().numpy(), weights.double().numpy()
    cross_entropy = -(xlogy(y, p) + xlogy(1 - y, 1 - p))
    quality = (p - y) ** 2 * cross_entropy
    assert float(focal(logits, targets)) == pytest.approx(quality.mean(), rel=1e-5)
    assert float(focal(logits, targets, weights)) == pytest.approx(
        np.average(quality, weights=w), rel=1e-5
    )
    for weight, given in ((1, None), (w, weights)):
        overlap = (weight * (p + y - abs(p - y))).sum()
        assert float(soft_dice(logits, targets, given)) == pytest.approx(
            1 - overlap / (weight * (p + y)).sum(), rel=1e-5
        )


@pytest.mark.parametrize(("ours", "library"), [(soft_dice, DiceLoss), (soft_jaccard, JaccardLoss)])
@pytest.mark.parametrize("share", [1, 0])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_losses_of_regions_and_their_gradients_are_those_of_the_library_to_the_bit(
    ours: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    library: Callable[..., Callable[[Tensor, Tensor], Tensor]],
    share: float,
    is_weighted: bool,
) -> None:
    draw = torch.Generator().manual_seed(19)
    logits = 3 * torch.randn(2, 1, 97, 97, generator=draw)
    targets, weights = share * torch.rand(2, 2, 1, 97, 97, generator=draw)
    logits.requires_grad_()
    if is_weighted:
        found = ours(logits, targets, weights)
        theirs = library("binary", from_logits=False)
        expected = theirs(weights * logits.sigmoid(), weights * targets)
    else:
        found, expected = ours(logits, targets, None), library("binary")(logits, targets)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (found, expected)]
    assert torch.equal(gradients[0], gradients[1])


def test_edges_are_the_range_of_the_neighbours_and_count_more() -> None:
    target = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    values = target[0, 0].numpy()
    expected = ndimage.maximum_filter(values, 3) - ndimage.minimum_filter(values, 3)
    np.testing.assert_allclose(find_edges(target)[0, 0], expected, rtol=1e-6)
    logits = torch.zeros_like(target)
    found = student_loss(logits, target, LossSettings({"kl": 1.0}, edge_weight=3.0))
    weighted = binary_kl(logits, target, torch.from_numpy(1 + 3 * expected)[None, None])
    torch.testing.assert_close(found, weighted)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("size", [30.0, -30.0])
def test_gradients_are_finite_at_the_ends(name: str, value: float, size: float) -> None:
    logits = torch.full((1, 1, 2, 2), size, requires_grad=True)
    student_loss(logits, torch.full((1, 1, 2, 2), value), LossSettings({name: 1.0})).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_an_empty_target_still_pulls_the_prediction_down() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    student_loss(logits, torch.zeros(1, 1, 2, 2), MIXED).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def weighted_example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.rand(3, 1, 5, 6, generator=generator) - 2
    targets = torch.rand(3, 1, 5, 6, generator=generator).round(decimals=1)
    weights = torch.rand(3, 1, 5, 6, generator=generator).round()
    weights[0] *= 0.5
    return logits, targets, weights


def test_weighted_losses_equal_their_formulas() -> None:
    logits, targets, weights = weighted_example()
    p, y, w = logits.sigmoid().double().numpy(), targets.double().numpy(), weights.double().numpy()
    divergence = rel_entr(y, p) + rel_entr(1 - y, 1 - p)
    assert float(binary_kl(logits, targets, weights)) == pytest.approx(
        np.average(divergence, weights=w), rel=1e-5
    )
    distance, total = (w * abs(p - y)).sum(), (w * (p + y)).sum()
    assert float(soft_jaccard(logits, targets, weights)) == pytest.approx(
        1 - (total - distance) / (total + distance), rel=1e-5
    )


def test_the_balanced_loss_is_half_of_each_side_whatever_their_sizes() -> None:
    logits, targets, weights = weighted_example()
    p, y, w = logits.sigmoid().double().numpy(), targets.double().numpy(), weights.double().numpy()
    divergence = rel_entr(y, p) + rel_entr(1 - y, 1 - p)
    for weight, given in ((np.ones_like(w), None), (w, weights)):
        sides = [np.average(divergence, weights=weight * side) for side in (y, 1 - y)]
        assert float(balanced(logits, targets, given)) == pytest.approx(np.mean(sides), rel=1e-5)
    hard = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0])
    wrong = logit(torch.tensor([0.1, *[0.2] * 7]))  # foreground is 1 pixel of 8
    expected = -(np.log(0.1) + np.log(0.8)) / 2
    assert float(balanced(wrong, hard)) == pytest.approx(expected, rel=1e-5)


def test_a_side_without_pixels_adds_nothing_to_the_balanced_loss() -> None:
    logits = logit(torch.tensor([0.1, 0.2, 0.6]))
    empty, ignoring = torch.zeros(3), torch.tensor([1.0, 1, 0])
    expected = -(np.log(0.9) + np.log(0.8)) / 2 / 2
    assert float(balanced(logits[:2], empty[:2])) == pytest.approx(expected, rel=1e-5)
    found = balanced(logits, torch.tensor([0.0, 0, 1]), ignoring)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [1.0, 0.5, 1 / 255])
def test_equal_weights_change_nothing(weight: float) -> None:
    logits, targets, weights = weighted_example()
    torch.testing.assert_close(
        student_loss(
            logits,
            targets,
            MIXED,
            torch.full_like(weights, weight),
        ),
        student_loss(logits, targets, MIXED),
    )


def test_pixels_without_weight_neither_count_nor_pull() -> None:
    logits, targets, weights = weighted_example()
    logits.requires_grad_()
    loss = student_loss(logits, targets, MIXED, weights)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[weights == 0].any()
    assert logits.grad[weights > 0].all()
    other = torch.where(weights == 0, 1 - targets, targets)
    torch.testing.assert_close(student_loss(logits, other, MIXED, weights), loss)


@pytest.mark.parametrize("value", [0.0, 0.7, 1.0])
def test_a_batch_without_any_weight_costs_nothing(value: float) -> None:
    logits = torch.linspace(-50, 50, 4).view(1, 1, 2, 2).requires_grad_()
    nothing = torch.zeros(1, 1, 2, 2)
    loss = student_loss(logits, nothing + value, MIXED, nothing)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
