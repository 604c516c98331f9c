"""How unlike two classifiers see images, against sums in plain numpy."""

import numpy as np
import pytest
import torch

from teacher.cam.learning.consistency import compares_features, find_inconsistency
from teacher.cam.network import Answer
from util.config import Consistency

MODES: list[Consistency] = ["spatial_map", "spatial", "channel", "global", "gram", "logits"]


def answer(seed: int, num_features: int = 3, size_hw: tuple[int, int] = (2, 4)) -> Answer:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, num_features, *size_hw, generator=generator) + 0.3
    return Answer(2 * torch.randn(2, generator=generator), features)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.astype(float).ravel(), other.astype(float).ravel()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def linear_cka(one: np.ndarray, other: np.ndarray) -> float:
    """Of (C, h, w) features with cells as samples, by covariances as Kornblith et al. write it."""
    x, y = (each.reshape(len(each), -1).T.astype(float) for each in (one, other))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    between = np.linalg.norm(y.T @ x) ** 2
    return float(between / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def plainly(mode: Consistency, pupil: Answer, teacher: Answer, image: int) -> float:
    one, other = pupil.features[image].numpy(), teacher.features[image].numpy()
    if mode == "logits":
        p, q = (1 / (1 + np.exp(-float(each.logits[image]))) for each in (teacher, pupil))
        return float(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    if mode == "spatial_map":
        return 1 - cosine(one.mean(axis=0), other.mean(axis=0))
    if mode == "global":
        return 1 - cosine(one, other)
    if mode == "channel":
        return 1 - float(np.mean([cosine(one[c], other[c]) for c in range(len(one))]))
    if mode == "spatial":
        cells = [(y, x) for y in range(one.shape[1]) for x in range(one.shape[2])]
        return 1 - float(np.mean([cosine(one[:, y, x], other[:, y, x]) for y, x in cells]))
    return 1 - linear_cka(one, other)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_what_it_says(mode: Consistency) -> None:
    pupil, teacher = answer(0), answer(1, num_features=3 if compares_features(mode) else 5)
    expected = [plainly(mode, pupil, teacher, image) for image in range(2)]
    found = find_inconsistency(mode, pupil, teacher)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_values_by_hand() -> None:
    # Two features of a row of two cells: those of the pupil (1, 0) and (0, 2), of the teacher
    # (3, 0) and (4, 0), who is sure by 3 to 1 where the pupil is not sure at all.
    pupil = Answer(torch.zeros(1), torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]]))
    teacher = Answer(torch.tensor([3.0]).log(), torch.tensor([[[[3.0, 4.0]], [[0.0, 0.0]]]]))
    expected: dict[Consistency, float] = {
        "spatial_map": 1 - (1 * 3 + 2 * 4) / (5**0.5 * 5),
        "spatial": 1 - (1 + 0) / 2,
        "channel": 1 - (0.6 + 0) / 2,  # a map without anything is like none
        "global": 1 - 3 / (5**0.5 * 5),
        "gram": 0.0,  # of two cells each is always what the other is not
        "logits": 0.75 * np.log(1.5) + 0.25 * np.log(0.5),
    }
    for mode, value in expected.items():
        assert float(find_inconsistency(mode, pupil, teacher)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_teacher_is_like_itself_also_at_another_scale_but_for_the_logits(
    mode: Consistency,
) -> None:
    teacher = answer(0)
    found = find_inconsistency(mode, Answer(teacher.logits, 3 * teacher.features), teacher)
    torch.testing.assert_close(found, torch.zeros(2), rtol=0, atol=1e-6)


def test_relations_of_cells_do_not_depend_on_the_order_of_features_and_all_else_does() -> None:
    teacher = answer(0)
    turned = Answer(teacher.logits, teacher.features.flip(1))
    assert float(find_inconsistency("gram", turned, teacher).amax()) < 1e-6
    for mode in ("spatial", "channel", "global"):
        assert float(find_inconsistency(mode, turned, teacher).amin()) > 0.1


@pytest.mark.parametrize("mode", MODES[:-1])
def test_the_teachers_cells_become_those_of_the_pupil(mode: Consistency) -> None:
    pupil, teacher = answer(0), answer(1)
    finer = Answer(teacher.logits, teacher.features.repeat_interleave(2, 2).repeat_interleave(2, 3))
    # Halving by a triangle of 1, 3, 3 and 1 eighths; where the image ends, of 3, 3 and 1 sevenths.
    halve = np.zeros((4, 8))
    for cell in range(4):
        taps = [(2 * cell - 1 + k, weight) for k, weight in enumerate((1, 3, 3, 1))]
        inside = [(at, weight) for at, weight in taps if 0 <= at < 8]
        for at, weight in inside:
            halve[cell, at] = weight / sum(weight for _, weight in inside)
    rows = halve[[0, 3]][:, [0, 1, 6, 7]]  # of four, of which both ends are seen
    rows = np.array([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    resized = np.einsum("yi,xj,bcij->bcyx", rows, halve, finer.features.numpy())
    expected = find_inconsistency(
        mode, pupil, Answer(teacher.logits, torch.from_numpy(resized).float())
    )
    torch.testing.assert_close(find_inconsistency(mode, pupil, finer), expected)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_reach_the_pupil_and_lead_to_the_teacher(mode: Consistency) -> None:
    pupil, teacher = answer(0), answer(1)
    for tensor in pupil:
        tensor.requires_grad_()
    before = find_inconsistency(mode, pupil, teacher)
    before.sum().backward()
    moved = Answer(*(t.detach() - 0.01 * (0 if t.grad is None else t.grad) for t in pupil))
    after = find_inconsistency(mode, moved, teacher)
    assert bool((after < before.detach()).all())
    if mode == "logits":  # by the difference of the probabilities
        expected = pupil.logits.sigmoid() - teacher.logits.sigmoid()
        torch.testing.assert_close(pupil.logits.grad, expected.detach())
