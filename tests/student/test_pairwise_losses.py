"""Losses of pairs of pixels beside double loops, and what they do to a label."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from student.data.loading import Batch
from student.losses import LossSettings, student_loss
from student.pairwise_losses import dense_crf, gated_crf
from student.segmentation import measure
from util.config import LossName
from util.errors import UserError

Loss = Callable[[Tensor, Tensor, float], Tensor]

both = pytest.mark.parametrize("loss", [gated_crf, dense_crf])


def draw(size_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Two maps of logits and their images, float64."""
    generator = torch.Generator().manual_seed(5)
    logits = 2 * torch.randn(2, 1, *size_hw, generator=generator, dtype=torch.float64)
    return logits, torch.rand(2, 3, *size_hw, generator=generator, dtype=torch.float64)


def plain_pairs(
    logits: Tensor, image_rgb: Tensor, colour: float, near_px: float, reach_px: float
) -> tuple[float, float]:
    """Disagreement and weight of all ordered pairs of other pixels of a map, one by one."""
    p, image = logits.sigmoid().numpy()[0], image_rgb.numpy()
    places = list(np.ndindex(*p.shape))
    disagreement = total = 0.0
    for i in places:
        for j in places:
            down, right = i[0] - j[0], i[1] - j[1]
            if i == j or max(abs(down), abs(right)) > reach_px:
                continue
            squares = ((image[:, *i] - image[:, *j]) ** 2).sum()
            distance = (down**2 + right**2) / near_px**2 + squares / colour**2
            weight = math.exp(-distance / 2)
            total += weight
            disagreement += weight * (p[i] * (1 - p[j]) + (1 - p[i]) * p[j])
    return disagreement, total


@pytest.mark.parametrize("size_hw", [(8, 13), (13, 3), (1, 9)])
def test_the_gated_loss_is_the_sum_over_neighbours_a_pixel(size_hw: tuple[int, int]) -> None:
    logits, images = draw(size_hw)
    sums = [
        plain_pairs(each, image, 0.3, near_px=6, reach_px=5)[0]
        for each, image in zip(logits, images, strict=True)
    ]
    expected = sum(sums) / (2 * math.prod(size_hw))
    assert float(gated_crf(logits, images, 0.3)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size_hw", [(8, 13), (15, 10), (1, 9)])
def test_the_dense_loss_is_the_share_of_all_pairs(size_hw: tuple[int, int]) -> None:
    logits, images = draw(size_hw)
    p, shares = logits.sigmoid(), []
    for index, image in enumerate(images):
        sums = plain_pairs(logits[index], image, 0.3, near_px=max(size_hw) / 5, reach_px=math.inf)
        with_itself = float((2 * p[index] * (1 - p[index])).sum())
        shares.append((sums[0] + with_itself) / (sums[1] + math.prod(size_hw)))
    assert float(dense_crf(logits, images, 0.3)) == pytest.approx(np.mean(shares), rel=1e-9)


@both
def test_gradients_are_those_of_the_values(loss: Loss) -> None:
    logits, images = draw((7, 14))  # the dense loss takes more pixels than it pairs at once
    logits = torch.cat([logits, logits.flip(2)], dim=3).requires_grad_()
    images = torch.cat([images, images.flip(3)], dim=3)
    assert torch.autograd.gradcheck(lambda given: loss(given, images, 0.4), logits, fast_mode=True)


@both
def test_even_maps_agree_and_nothing_overflows(loss: Loss) -> None:
    images = torch.rand(2, 3, 70, 40, generator=torch.Generator().manual_seed(0)).round()
    for size in (60.0, -60.0):
        logits = torch.full((2, 1, 70, 40), size, requires_grad=True)
        found = loss(logits, images, 1 / 255)
        found.backward()
        assert float(found.detach()) == pytest.approx(0, abs=1e-6)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
    assert float(loss(torch.zeros(2, 1, 70, 40), images, 1 / 255)) > 0.1


@pytest.mark.parametrize(("loss", "side"), [(gated_crf, 100), (dense_crf, 64)])
def test_large_maps_are_seen_by_the_means_of_their_pixels(loss: Loss, side: int) -> None:
    logits, images = draw((side, 2 * side))
    p, reduced = (
        layer.unflatten(3, (side, 2)).unflatten(2, (side // 2, 2)).mean((3, 5))
        for layer in (logits.sigmoid(), images)
    )
    expected = float(loss(p.logit(), reduced, 0.2))
    assert float(loss(logits, images, 0.2)) == pytest.approx(expected, rel=1e-9)


def test_the_dense_loss_is_the_same_at_every_size() -> None:
    logits, images = (each[:1].float() for each in draw((6, 8)))
    found = [
        float(dense_crf(*(F.interpolate(each, scale_factor=by) for each in (logits, images)), 0.3))
        for by in (2, 4, 8, 16)
    ]
    assert found == pytest.approx([found[-1]] * 4, rel=0.03)


def scene_with_an_edge() -> tuple[Tensor, Tensor, Tensor]:
    """A noisy image with an edge at column 14, and a label that is sure at both ends alone.

    It ignores the pixels between, columns 8 to 27, and would have the edge in their midst.
    """
    generator = torch.Generator().manual_seed(2)
    images = torch.full((1, 3, 24, 36), 0.45)
    images[..., :14] = 0.55
    images += 0.01 * torch.randn(images.shape, generator=generator)
    targets = torch.linspace(1, 0, 36).expand(1, 1, 24, 36)
    weights = torch.ones_like(targets)
    weights[..., 8:28] = 0
    return images, targets.round(), weights


@pytest.mark.parametrize(("name", "weight"), [("gated_crf", 0.1), ("dense_crf", 1.0)])
def test_a_blurred_label_is_pulled_to_the_edge_of_the_image(name: LossName, weight: float) -> None:
    images, targets, weights = scene_with_an_edge()

    def learn(settings: LossSettings) -> Tensor:
        """What a map of logits becomes that begins as the label's slope."""
        logits = torch.linspace(1, -1, 36).repeat(1, 1, 24, 1).requires_grad_()
        optimizer = torch.optim.Adam([logits], lr=0.2)
        for _ in range(60):
            optimizer.zero_grad()
            student_loss(logits, targets, settings, weights, None, images).backward()
            optimizer.step()
        return logits.detach()[0, 0] > 0

    edge = torch.arange(36) < 14
    assert (learn(LossSettings({"balanced": 1.0})) == (torch.arange(36) < 18)).all()
    assert (learn(LossSettings({"balanced": 1.0, name: weight})) == edge).all()


def test_pairs_add_to_the_other_losses_whatever_the_weights_of_pixels() -> None:
    logits, images = (each.float() for each in draw((9, 11)))
    targets, weights = torch.rand(
        2, 2, 1, 9, 11, generator=torch.Generator().manual_seed(1)
    ).round()
    of_labels: dict[LossName, float] = {"kl": 1.0, "jaccard": 0.5}
    pairs: dict[LossName, float] = {"gated_crf": 0.2, "dense_crf": 3.0, "dice": 0.0}
    settings = LossSettings(of_labels | pairs, edge_weight=2.0, crf_colour=51)
    alone = student_loss(logits, targets, LossSettings(of_labels, edge_weight=2.0), weights)
    expected = alone + 0.2 * gated_crf(logits, images, 0.2) + 3 * dense_crf(logits, images, 0.2)
    found = student_loss(logits, targets, settings, weights, None, images)
    torch.testing.assert_close(found, expected)


def test_pairs_alone_are_refused_since_no_label_is_learnt() -> None:
    with pytest.raises(UserError, match=r"asks for gated_crf and dense_crf alone.* balanced"):
        LossSettings({"gated_crf": 1.0, "kl": 0.0, "dense_crf": 0.1})


def test_a_step_shows_the_losses_the_crops_that_the_network_sees() -> None:
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (2, 3, 12, 12), generator=generator, dtype=torch.uint8)
    targets = torch.rand(2, 1, 12, 12, generator=generator)
    model = torch.nn.Conv2d(3, 1, 1)
    settings = LossSettings({"kl": 1.0, "gated_crf": 0.5})
    loss, _ = measure(model, Batch(images, targets), lambda part: part, settings, 1.0)
    seen = images.float() / 255
    expected = student_loss(model(seen), targets, settings, images_rgb=seen)
    torch.testing.assert_close(loss, expected)
