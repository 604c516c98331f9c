"""What is kept of CLIP while it looks at an image."""

import pytest
import torch

from teacher.clip.seeing import see
from tests.teacher.clip.small_clip import PATCH_PX, build, small_model

pytestmark = pytest.mark.usefixtures("one_thread")


def noise(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, 3, height * PATCH_PX, width * PATCH_PX, generator=generator)


@pytest.mark.parametrize("num_blocks", [3, 10])
def test_attention_is_the_mean_of_the_last_eight_blocks_without_the_class(num_blocks: int) -> None:
    model = build(model=small_model(num_blocks)).model
    pixels = noise(3, 5)
    vision = model.vision_model
    told = vision(pixels, interpolate_pos_encoding=True, output_attentions=True)
    blocks = [attention[0, :, 1:, 1:].mean(0) for attention in told.attentions[-8:]]
    assert len(blocks) == min(num_blocks, 8)
    seen = see(model, pixels)
    torch.testing.assert_close(seen.attention, torch.stack(blocks).mean(0))
    assert seen.attention.shape == (15, 15)
    assert seen.attention.std() > 0.01
    assert seen.grid_hw == (3, 5)


def test_an_embedding_is_that_of_the_library_and_of_length_1() -> None:
    model = build().model
    pixels = noise(2, 3)
    expected = model.get_image_features(pixels, interpolate_pos_encoding=True).pooler_output[0]
    seen = see(model, pixels)
    torch.testing.assert_close(seen.embedding, expected / expected.norm())


def test_gradients_begin_at_what_the_last_block_reads() -> None:
    model = build().model
    seen = see(model, noise(2, 3))
    last = model.vision_model.encoder.layers[-1]
    assert seen.tokens.is_leaf
    assert seen.tokens.shape == (1, 7, 16)
    (gradient,) = torch.autograd.grad(seen.embedding.sum(), seen.tokens)
    assert gradient[0, 1:].abs().max() > 0
    assert not last._forward_hooks
    assert not last.layer_norm1._forward_hooks
    assert not last.self_attn._forward_hooks
