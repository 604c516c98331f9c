"""Maps of CLIP-ES, against slow ones: by finite differences, and by loops."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from teacher.clip.maps import balance, map_evidence, spread, stretch
from teacher.clip.seeing import see
from tests.teacher.clip.small_clip import PATCH_PX, build, small_model

pytestmark = pytest.mark.usefixtures("one_thread")

GRID_HW = (2, 3)


def plain_stretch(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def plain_probability(
    model: nn.Module, pixels: Tensor, texts: Tensor, num_phrases: int, change: Tensor
) -> float:
    """The library's whole forward, with a change of what the last block reads."""
    norm = model.vision_model.encoder.layers[-1].layer_norm1
    handle = norm.register_forward_hook(lambda _module, _inputs, output: output + change)
    with torch.no_grad():
        features = model.get_image_features(pixels, interpolate_pos_encoding=True).pooler_output
    handle.remove()
    logits = texts @ (features[0] / features[0].norm()) * model.logit_scale.exp()
    return float(logits.softmax(0)[:num_phrases].sum())


@pytest.mark.parametrize("num_phrases", [1, 2])
def test_evidence_is_grad_cam_of_the_probability_by_finite_differences(num_phrases: int) -> None:
    model = build(model=small_model().double()).model
    generator = torch.Generator().manual_seed(5)
    size = [side * PATCH_PX for side in GRID_HW]
    pixels = torch.randn(1, 3, *size, generator=generator, dtype=torch.float64)
    texts = nn.functional.normalize(
        torch.randn(4, 12, generator=generator, dtype=torch.float64), dim=1
    )
    seen = see(model, pixels)
    tokens = seen.tokens[0].detach().numpy()
    gradient, step = np.zeros_like(tokens), 3e-3  # the library computes attention in float32
    for place in np.ndindex(tokens.shape):
        change = torch.zeros(1, *tokens.shape, dtype=torch.float64)
        change[0][place] = step
        up, down = (
            plain_probability(model, pixels, texts, num_phrases, sign * change) for sign in (1, -1)
        )
        gradient[place] = (up - down) / (2 * step)
    evidence = np.zeros(6)
    for patch in range(6):
        for channel in range(16):
            weight = np.mean([gradient[1 + other, channel] for other in range(6)])
            evidence[patch] += weight * tokens[1 + patch, channel]
    expected = plain_stretch(np.maximum(evidence, 0)).reshape(GRID_HW)
    assert 0 < (expected > 0.05).sum() < 6
    logits = (texts.float() * seen.embedding).sum(1) * model.logit_scale.exp().float()
    found, probability = map_evidence(seen, logits, num_phrases)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    unchanged = torch.zeros(1, 1, 1, dtype=torch.float64)
    assert probability == pytest.approx(
        plain_probability(model, pixels, texts, num_phrases, unchanged), abs=1e-6
    )


def test_evidence_does_not_vanish_where_a_prompt_is_certain() -> None:
    model = build().model
    generator = torch.Generator().manual_seed(5)
    seen = see(model, torch.randn(1, 3, 24, 32, generator=generator))
    texts = nn.functional.normalize(torch.randn(4, 12, generator=generator), dim=1)
    logits = (texts * seen.embedding).sum(1) * 10
    more = torch.tensor([1.0, 0, 0, 0])
    usual, probability = map_evidence(seen, logits, 1)
    certain, one = map_evidence(seen, logits + 50 * more, 1)
    hopeless, zero = map_evidence(seen, logits - 50 * more, 1)
    assert 0.01 < probability < 0.99
    assert one == 1
    assert zero < 1e-15
    assert usual.max() > 0.99
    torch.testing.assert_close(certain, usual)
    torch.testing.assert_close(hopeless, usual)


def plain_balance(attention: np.ndarray) -> np.ndarray:
    """Columns, then rows, made to sum to 1, three times; then the mean with the transpose."""
    count = len(attention)
    values = attention.astype(float).tolist()
    for _ in range(3):
        for column in range(count):
            total = sum(values[row][column] for row in range(count))
            for row in range(count):
                values[row][column] /= total
        for row in range(count):
            total = sum(values[row])
            values[row] = [value / total for value in values[row]]
    return np.array(
        [[(values[i][j] + values[j][i]) / 2 for j in range(count)] for i in range(count)]
    )


def plain_spread(evidence: np.ndarray, affinity: np.ndarray, threshold: float) -> np.ndarray:
    """The square of the affinity, its columns restricted to boxes, times the evidence."""
    height, width = evidence.shape
    inside, seen = np.zeros((height, width), bool), set[tuple[int, int]]()
    for start in zip(*np.nonzero(evidence > threshold), strict=True):
        if start in seen:
            continue
        piece, border = {start}, [start]
        while border:
            y, x = border.pop()
            for near in np.ndindex(height, width):
                is_near = max(abs(near[0] - y), abs(near[1] - x)) == 1
                if is_near and evidence[near] > threshold and near not in piece:
                    piece.add(near)
                    border.append(near)
        seen |= piece
        (tops, lefts) = zip(*piece, strict=True)
        inside[min(tops) : max(tops) + 1, min(lefts) : max(lefts) + 1] = True
    count = height * width
    result = np.zeros(count)
    for i in range(count):
        for j in range(count):
            square = sum(affinity[i, k] * affinity[k, j] for k in range(count))
            result[i] += square * inside.flat[j] * evidence.flat[j]
    return plain_stretch(result).reshape(height, width)


def test_attention_is_balanced_as_by_loops() -> None:
    attention = np.random.default_rng(0).random((7, 7)).astype(np.float32) ** 3
    found = balance(torch.from_numpy(attention)).numpy()
    np.testing.assert_allclose(found, plain_balance(attention), rtol=1e-4)
    np.testing.assert_allclose(found.sum(0), 1, atol=0.1)
    np.testing.assert_array_equal(found, found.T)


def test_a_patch_that_none_attends_to_makes_no_nan() -> None:
    attention = torch.tensor([[1.0, 0], [1, 0]])
    assert balance(attention).isfinite().all()


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.7])
def test_evidence_spreads_as_by_loops_from_boxes_alone(threshold: float) -> None:
    evidence = np.array(
        [[0.0, 0.9, 0.0, 0.0, 0.2], [0.5, 0.3, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0, 1.0]],
        np.float32,
    )
    attention = torch.from_numpy(np.random.default_rng(1).random((15, 15)).astype(np.float32) ** 6)
    affinity = balance(attention)
    found = spread(torch.from_numpy(evidence), affinity, threshold).numpy()
    np.testing.assert_allclose(
        found, plain_spread(evidence, affinity.numpy(), threshold), atol=1e-4
    )
    assert found.max() > 0.99


def test_what_is_below_the_threshold_spreads_only_from_within_boxes() -> None:
    evidence = torch.tensor([[1.0, 0.3, 0.0, 0.3]])
    swapped = balance(torch.eye(4)[[3, 1, 2, 0]])  # the ends attend to each other
    assert torch.count_nonzero(spread(evidence, torch.eye(4), 0.4)) == 1
    assert spread(evidence, swapped, 0.4)[0].argmax() == 0  # twice swapped


def test_no_evidence_gives_an_empty_map() -> None:
    nothing = torch.zeros(2, 2)
    assert not spread(nothing, torch.full((4, 4), 0.25), 0.4).any()
    assert not stretch(torch.full((1, 1), 0.7)).any()
