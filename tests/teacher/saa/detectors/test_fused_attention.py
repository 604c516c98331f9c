from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino.modeling_grounding_dino import (
    GroundingDinoBiMultiHeadAttention,
    GroundingDinoMultiheadAttention,
    MultiScaleDeformableAttention,
)

from teacher.saa.detectors import fused_attention, grounding_dino, hugging_face_dino
from teacher.saa.detectors.fused_attention import deformable_attention
from teacher.saa.detectors.grounding_dino import BiMultiHeadAttention, ms_deform_attn

of_the_package = ms_deform_attn.multi_scale_deformable_attn_pytorch
SIZES_HW = [(7, 9), (4, 5), (1, 3)]
HEADS, POINTS, DEPTH = 2, 3, 4
CLOSE: dict[str, Any] = {"rtol": 0, "atol": 1e-10}


def sampling(
    num_images: int = 1, num_queries: int = 5, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random input of a deformable attention; a third of the places lie outside of the maps."""
    torch.manual_seed(num_queries)
    positions = sum(h * w for h, w in SIZES_HW)
    value = torch.randn(num_images, positions, HEADS, DEPTH, dtype=dtype)
    shape = num_images, num_queries, HEADS, len(SIZES_HW), POINTS
    locations = 2 * torch.rand(*shape, 2, dtype=dtype) - 0.5
    weights = torch.rand(shape, dtype=dtype)
    return value, torch.tensor(SIZES_HW), locations, weights


@pytest.mark.parametrize("num_images", [1, 2, 3])
@pytest.mark.parametrize("num_queries", [1, 7, 8, 9, 17])
def test_deformable_attention_is_that_of_the_package(
    num_images: int, num_queries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_attention, "QUERIES_AT_ONCE", 8)
    given = sampling(num_images, num_queries)
    expected = of_the_package(*given)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(deformable_attention(*given), expected, **CLOSE)


def test_deformable_attention_is_a_sum_of_bilinear_samples() -> None:
    value, _, locations, weights = sampling(num_queries=1)
    maps = [part[0] for part in value.split([h * w for h, w in SIZES_HW], 1)]
    expected = torch.zeros(HEADS, DEPTH, dtype=value.dtype)
    for head in range(HEADS):
        for level, (height, width) in enumerate(SIZES_HW):
            for point in range(POINTS):
                x, y = (
                    locations[0, 0, head, level, point] * torch.tensor([width, height]) - 0.5
                ).tolist()
                for column in range(width):
                    for row in range(height):
                        share = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
                        row_value = maps[level][row * width + column, head]
                        expected[head] += share * weights[0, 0, head, level, point] * row_value
    found = deformable_attention(value, SIZES_HW, locations, weights)
    torch.testing.assert_close(found[0, 0], expected.flatten(), **CLOSE)


@pytest.mark.parametrize("place", [0.0, 1.0, -3.0, 4.0, 1e9, -1e9])
def test_places_on_and_beyond_the_edges_are_as_in_the_package(place: float) -> None:
    value, sizes, locations, weights = sampling()
    for axis in range(2):
        locations[..., ::2, axis] = place
        expected = of_the_package(value, sizes, locations, weights)
        found = deformable_attention(value, sizes, locations, weights)
        torch.testing.assert_close(found, expected, **CLOSE)


def test_a_place_that_is_no_number_spoils_its_query_alone() -> None:
    value, sizes, locations, weights = sampling()
    expected = deformable_attention(value, sizes, locations, weights)
    locations[0, 2, 1, 0, 0, 1] = float("nan")
    found = deformable_attention(value, sizes, locations, weights).unflatten(-1, (HEADS, DEPTH))
    assert found[0, 2, 1].isnan().all()
    found[0, 2, 1] = expected.unflatten(-1, (HEADS, DEPTH))[0, 2, 1]
    torch.testing.assert_close(found.flatten(2), expected, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_lower_precision_stays_close_and_keeps_its_type(dtype: torch.dtype) -> None:
    given = sampling(dtype=torch.float64)
    expected = deformable_attention(*given)
    found = deformable_attention(given[0].to(dtype), *given[1:])
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=20 * torch.finfo(dtype).eps)


def test_no_queries_give_an_empty_sum() -> None:
    assert deformable_attention(*sampling(num_queries=0)).shape == (1, 0, HEADS * DEPTH)


def test_transformers_gets_the_same_samples() -> None:
    value, sizes, locations, weights = sampling(2, 9)
    layer = MultiScaleDeformableAttention()
    given = (value, sizes, SIZES_HW, None, locations, weights, 64)
    expected = layer(*given)
    hugging_face_dino.speed_up(layer)
    torch.testing.assert_close(layer(*given), expected, **CLOSE)


def fusion(scale: float = 1.0) -> tuple[BiMultiHeadAttention, GroundingDinoBiMultiHeadAttention]:
    """The fusion of either library, with random biases, too."""
    torch.manual_seed(0)
    config = GroundingDinoConfig(d_model=16, encoder_ffn_dim=48, encoder_attention_heads=6)
    layers = (
        BiMultiHeadAttention(v_dim=16, l_dim=16, embed_dim=24, num_heads=3),
        GroundingDinoBiMultiHeadAttention(config),
    )
    for layer in layers:
        layer.double().eval().requires_grad_(False)
        for parameter in layer.parameters():
            parameter.normal_(0, scale)
    return layers


def pictures_and_texts(batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features of images and texts, and which of them are padding; the first is always whole."""
    image = torch.randn(batch, 30, 16, dtype=torch.float64)
    text = torch.randn(batch, 5, 16, dtype=torch.float64)
    image_padding = torch.rand(batch, 30) < 0.3
    text_padding = torch.arange(5) >= torch.randint(1, 6, (batch, 1))
    image_padding[0], text_padding[0] = False, False
    return image, text, image_padding, text_padding


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_fusion_is_that_of_the_package(batch: int, masked: bool) -> None:
    layer, _ = fusion()
    image, text, *padding = pictures_and_texts(batch)
    masks = dict(zip(("attention_mask_v", "attention_mask_l"), padding, strict=True))
    expected = layer(image, text, **(masks if masked else {}))
    grounding_dino.speed_up(layer)
    found = layer(image, text, **(masks if masked else {}))
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_fusion_is_that_of_transformers(batch: int, masked: bool) -> None:
    _, layer = fusion()
    image, text, *padding = pictures_and_texts(batch)
    masks = padding if masked else []
    expected = [output for output, _ in layer(image, text, *masks)]
    hugging_face_dino.speed_up(layer)
    found = [output for output, _ in layer(image, text, *masks)]
    torch.testing.assert_close(found, expected, **CLOSE)


def test_huge_logits_are_clamped_as_in_the_package() -> None:
    layer, _ = fusion(scale=60)
    image, text, *_ = pictures_and_texts(2)
    projected = layer.v_proj(image)[0] @ layer.l_proj(text)[0].T
    assert projected.max() - projected.min() > 3 * fused_attention.LARGEST_LOGIT
    expected = layer(image, text)
    grounding_dino.speed_up(layer)
    torch.testing.assert_close(layer(image, text), expected, rtol=1e-9, atol=0)


def test_fusion_runs_in_mixed_precision() -> None:
    layer, _ = fusion(scale=0.2)
    given = pictures_and_texts(2)
    expected = layer(*given)
    layer.float()
    grounding_dino.speed_up(layer)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(given[0].float(), given[1].float(), *given[2:])
    for ours, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("masked", [False, True])
def test_plain_attention_is_that_of_transformers(masked: bool) -> None:
    torch.manual_seed(0)
    config = GroundingDinoConfig(d_model=16, attention_dropout=0.0)
    layer = GroundingDinoMultiheadAttention(config, num_attention_heads=4).double().eval()
    queries, keys, values = torch.randn(3, 2, 5, 16, dtype=torch.float64)
    mask = torch.full((2, 4, 5, 5), torch.finfo(torch.float64).min, dtype=torch.float64).triu(1)
    given = (queries, keys, values, mask if masked else None, True)
    with torch.no_grad():
        expected, _ = layer(*given)
        hugging_face_dino.speed_up(layer)
        torch.testing.assert_close(layer(*given)[0], expected, **CLOSE)
