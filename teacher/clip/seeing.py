"""What CLIP sees in an image: its embedding, what its last block reads, and its attention."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import CLIPModel
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

NUM_ATTENTION_BLOCKS = 8
"""Blocks, counted from the last one, whose attention is averaged, as in CLIP-ES."""


@dataclass(frozen=True)
class Seen:
    """What CLIP sees in an image of N = h * w patches, row by row.

    Attributes:
        embedding: (D,) float32 of length 1; a function of `tokens` that can be differentiated.
        tokens: (1, 1 + N, C), what the last block reads: the token of the class and the patches,
            after the block's first norm.
        attention: (N, N) float32 >= 0, how much each patch, a row, attends to each other one, a
            column: the mean over heads and the last blocks.
        grid_hw: h and w.
    """

    embedding: Tensor
    tokens: Tensor
    attention: Tensor
    grid_hw: tuple[int, int]


@dataclass
class _Kept:
    """What is kept while the model runs."""

    tokens: list[Tensor] = field(default_factory=list)
    attention: Tensor | float = 0.0


def see(model: CLIPModel, pixels: Tensor) -> Seen:
    """Look at an image; gradients flow through the last block alone.

    All weights must be frozen, and attention be computed as `eager`, which tells it.

    Args:
        model: CLIP.
        pixels: (1, 3, H, W) float, normalised as the model wants it; whole patches, of any number:
            embeddings of their positions are interpolated.
    """
    patch = find_patch_px(model)
    grid_hw = (pixels.shape[2] // patch, pixels.shape[3] // patch)
    with _keeping(list(model.vision_model.encoder.layers)) as kept:
        features = model.get_image_features(pixels, interpolate_pos_encoding=True).pooler_output
    assert isinstance(kept.attention, Tensor)
    embedding = nn.functional.normalize(features[0].float(), dim=0)
    return Seen(embedding, kept.tokens[0], kept.attention, grid_hw)


def find_patch_px(model: CLIPModel) -> int:
    """Find the side of CLIP's patches, in pixels."""
    return int(model.vision_model.embeddings.patch_embedding.stride[0])


@contextmanager
def _keeping(blocks: list[CLIPEncoderLayer]) -> Iterator[_Kept]:
    """Keep the sum of the attention of the last blocks, divided by their number, and tokens.

    A block's attention is added up at once and then dropped: all of them together, with their
    heads, would be much of the memory.
    """
    kept, chosen = _Kept(), blocks[-NUM_ATTENTION_BLOCKS:]

    def begin_gradients(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        leaf = output.detach().requires_grad_()
        kept.tokens.append(leaf)
        return leaf

    def add_attention(_module: nn.Module, _inputs: object, output: tuple[Tensor, Tensor]) -> None:
        heads = output[1].detach()[0, :, 1:, 1:]  # without the token of the class
        kept.attention = kept.attention + heads.mean(0, dtype=torch.float32) / len(chosen)

    handles = [blocks[-1].layer_norm1.register_forward_hook(begin_gradients)]
    handles += [block.self_attn.register_forward_hook(add_attention) for block in chosen]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
