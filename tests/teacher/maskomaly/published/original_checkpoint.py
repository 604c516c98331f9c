"""The original Mask2Former over a Swin: its tensors by their names there, and what they become.

Written out by hand, tensor by tensor, from what is published of the original.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

Make = Callable[..., Tensor]


@dataclass(frozen=True)
class Size:
    """How large a network is; the defaults are those of the published ones for Cityscapes."""

    channels: int
    heads: Sequence[int]
    window: int
    depths: Sequence[int] = (2, 2, 18, 2)
    hidden: int = 256
    queries: int = 100
    encoder_layers: int = 6
    decoder_layers: int = 9
    num_heads: int = 8
    classes: int = 19


SMALL = Size(12, (1, 2, 4, 4), 4, (1, 2, 2, 1), 32, 7, 2, 3, 2)
"""What is built in no time."""


def original_tensors(size: Size, make: Make, query_feat: str = "query_feat") -> dict[str, Tensor]:
    """Make all tensors of a checkpoint of the original, by name."""
    found: dict[str, Tensor] = {}

    def affine(name: str, *shape: int) -> None:
        found[f"{name}.weight"] = make(*shape)
        found[f"{name}.bias"] = make(shape[0])

    def swin() -> None:
        affine("backbone.patch_embed.proj", size.channels, 3, 4, 4)
        affine("backbone.patch_embed.norm", size.channels)
        for stage, (depth, heads) in enumerate(zip(size.depths, size.heads, strict=True)):
            width = size.channels * 2**stage
            for number in range(depth):
                block = f"backbone.layers.{stage}.blocks.{number}"
                affine(f"{block}.norm1", width)
                table = f"{block}.attn.relative_position_bias_table"
                found[table] = make((2 * size.window - 1) ** 2, heads)
                found[f"{block}.attn.relative_position_index"] = position_index(size.window)
                affine(f"{block}.attn.qkv", 3 * width, width)
                affine(f"{block}.attn.proj", width, width)
                affine(f"{block}.norm2", width)
                affine(f"{block}.mlp.fc1", 4 * width, width)
                affine(f"{block}.mlp.fc2", width, 4 * width)
            if stage < 3:
                merging = f"backbone.layers.{stage}.downsample"
                found[f"{merging}.reduction.weight"] = make(2 * width, 4 * width)
                affine(f"{merging}.norm", 4 * width)
            affine(f"backbone.norm{stage}", width)

    def pixel_decoder() -> None:
        hidden, samples = size.hidden, size.num_heads * 3 * 4
        decoder = "sem_seg_head.pixel_decoder"
        for level, factor in enumerate((8, 4, 2)):
            affine(f"{decoder}.input_proj.{level}.0", hidden, factor * size.channels, 1, 1)
            affine(f"{decoder}.input_proj.{level}.1", hidden)
        found[f"{decoder}.transformer.level_embed"] = make(3, hidden)
        for number in range(size.encoder_layers):
            layer = f"{decoder}.transformer.encoder.layers.{number}"
            affine(f"{layer}.self_attn.sampling_offsets", 2 * samples, hidden)
            affine(f"{layer}.self_attn.attention_weights", samples, hidden)
            affine(f"{layer}.self_attn.value_proj", hidden, hidden)
            affine(f"{layer}.self_attn.output_proj", hidden, hidden)
            affine(f"{layer}.norm1", hidden)
            affine(f"{layer}.linear1", 4 * hidden, hidden)
            affine(f"{layer}.linear2", hidden, 4 * hidden)
            affine(f"{layer}.norm2", hidden)
        affine(f"{decoder}.mask_features", hidden, hidden, 1, 1)
        for name, width, side in (("adapter_1", size.channels, 1), ("layer_1", hidden, 3)):
            found[f"{decoder}.{name}.weight"] = make(hidden, width, side, side)
            affine(f"{decoder}.{name}.norm", hidden)

    def predictor() -> None:
        hidden, predictor = size.hidden, "sem_seg_head.predictor"
        for number in range(size.decoder_layers):
            for kind, attention in (("self", "self_attn"), ("cross", "multihead_attn")):
                layer = f"{predictor}.transformer_{kind}_attention_layers.{number}"
                found[f"{layer}.{attention}.in_proj_weight"] = make(3 * hidden, hidden)
                found[f"{layer}.{attention}.in_proj_bias"] = make(3 * hidden)
                affine(f"{layer}.{attention}.out_proj", hidden, hidden)
                affine(f"{layer}.norm", hidden)
            layer = f"{predictor}.transformer_ffn_layers.{number}"
            affine(f"{layer}.linear1", 8 * hidden, hidden)
            affine(f"{layer}.linear2", hidden, 8 * hidden)
            affine(f"{layer}.norm", hidden)
        affine(f"{predictor}.decoder_norm", hidden)
        found[f"{predictor}.{query_feat}.weight"] = make(size.queries, hidden)
        found[f"{predictor}.query_embed.weight"] = make(size.queries, hidden)
        found[f"{predictor}.level_embed.weight"] = make(3, hidden)
        affine(f"{predictor}.class_embed", size.classes + 1, hidden)
        for number in range(3):
            affine(f"{predictor}.mask_embed.layers.{number}", hidden, hidden)

    swin()
    pixel_decoder()
    predictor()
    found["criterion.empty_weight"] = torch.tensor([1.0] * size.classes + [0.1])
    return found


def random_tensors(size: Size, query_feat: str = "query_feat") -> dict[str, Tensor]:
    """Make a checkpoint of random numbers, small enough that answers are no noise."""
    generator = torch.Generator().manual_seed(0)
    return original_tensors(
        size, lambda *shape: 0.3 * torch.randn(shape, generator=generator), query_feat
    )


def position_index(window: int) -> Tensor:
    """Number the offset of each patch of a window from each other, (window², window²)."""
    places = [(row, column) for row in range(window) for column in range(window)]
    span = 2 * window - 1
    return torch.tensor(
        [
            [
                (row - other_row + window - 1) * span + column - other_column + window - 1
                for other_row, other_column in places
            ]
            for row, column in places
        ]
    )


def as_in_transformers(size: Size, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a checkpoint the names and the order that a model of transformers asks for."""
    found: dict[str, Tensor] = {}

    def affine(theirs: str, ours: str) -> None:
        for kind in ("weight", "bias"):
            found[f"{theirs}.{kind}"] = given[f"{ours}.{kind}"]

    def thirds(theirs: str, ours: str) -> None:
        for kind in ("weight", "bias"):
            whole = given[f"{ours}{kind}"]
            third = len(whole) // 3
            for number, letter in enumerate("qkv"):
                part = whole[number * third : (number + 1) * third]
                found[f"{theirs}.{letter}_proj.{kind}"] = part

    encoder, swin = "model.pixel_level_module.encoder", "model.pixel_level_module.encoder.swin"
    affine(f"{swin}.embeddings.patch_embeddings.projection", "backbone.patch_embed.proj")
    affine(f"{swin}.embeddings.norm", "backbone.patch_embed.norm")
    for stage, depth in enumerate(size.depths):
        theirs, ours = f"{swin}.encoder.layers.{stage}", f"backbone.layers.{stage}"
        for number in range(depth):
            block, attention = f"{theirs}.blocks.{number}", f"{theirs}.blocks.{number}.attention"
            own = f"{ours}.blocks.{number}"
            affine(f"{block}.layernorm_before", f"{own}.norm1")
            table = "relative_position_bias_table"
            found[f"{attention}.relative_position_bias.{table}"] = given[f"{own}.attn.{table}"]
            thirds(attention, f"{own}.attn.qkv.")
            affine(f"{attention}.o_proj", f"{own}.attn.proj")
            affine(f"{block}.layernorm_after", f"{own}.norm2")
            affine(f"{block}.mlp.fc1", f"{own}.mlp.fc1")
            affine(f"{block}.mlp.fc2", f"{own}.mlp.fc2")
        if stage < 3:
            reduction = "downsample.reduction.weight"
            found[f"{theirs}.{reduction}"] = given[f"{ours}.{reduction}"]
            affine(f"{theirs}.downsample.norm", f"{ours}.downsample.norm")
        affine(f"{encoder}.hidden_states_norms.stage{stage + 1}", f"backbone.norm{stage}")
    for kind, number in (("weight", 1.0), ("bias", 0.0)):  # of no use, as a model is built
        found[f"{swin}.layernorm.{kind}"] = torch.full((8 * size.channels,), number)

    decoder, own = "model.pixel_level_module.decoder", "sem_seg_head.pixel_decoder"
    for level in range(3):
        affine(f"{decoder}.input_projections.{level}.0", f"{own}.input_proj.{level}.0")
        affine(f"{decoder}.input_projections.{level}.1", f"{own}.input_proj.{level}.1")
    found[f"{decoder}.level_embed"] = given[f"{own}.transformer.level_embed"]
    for number in range(size.encoder_layers):
        theirs = f"{decoder}.encoder.layers.{number}"
        ours = f"{own}.transformer.encoder.layers.{number}"
        for part in ("sampling_offsets", "attention_weights", "value_proj", "output_proj"):
            affine(f"{theirs}.self_attn.{part}", f"{ours}.self_attn.{part}")
        affine(f"{theirs}.self_attn_layer_norm", f"{ours}.norm1")
        affine(f"{theirs}.fc1", f"{ours}.linear1")
        affine(f"{theirs}.fc2", f"{ours}.linear2")
        affine(f"{theirs}.final_layer_norm", f"{ours}.norm2")
    affine(f"{decoder}.mask_projection", f"{own}.mask_features")
    for name in ("adapter_1", "layer_1"):
        found[f"{decoder}.{name}.0.weight"] = given[f"{own}.{name}.weight"]
        affine(f"{decoder}.{name}.1", f"{own}.{name}.norm")

    queries, own = "model.transformer_module", "sem_seg_head.predictor"
    for number in range(size.decoder_layers):
        theirs = f"{queries}.decoder.layers.{number}"
        ours = f"{own}.transformer_self_attention_layers.{number}"
        thirds(f"{theirs}.self_attn", f"{ours}.self_attn.in_proj_")
        affine(f"{theirs}.self_attn.out_proj", f"{ours}.self_attn.out_proj")
        affine(f"{theirs}.self_attn_layer_norm", f"{ours}.norm")
        ours = f"{own}.transformer_cross_attention_layers.{number}"
        for kind in ("weight", "bias"):
            whole = given[f"{ours}.multihead_attn.in_proj_{kind}"]
            found[f"{theirs}.cross_attn.in_proj_{kind}"] = whole
        affine(f"{theirs}.cross_attn.out_proj", f"{ours}.multihead_attn.out_proj")
        affine(f"{theirs}.cross_attn_layer_norm", f"{ours}.norm")
        ours = f"{own}.transformer_ffn_layers.{number}"
        affine(f"{theirs}.fc1", f"{ours}.linear1")
        affine(f"{theirs}.fc2", f"{ours}.linear2")
        affine(f"{theirs}.final_layer_norm", f"{ours}.norm")
    affine(f"{queries}.decoder.layernorm", f"{own}.decoder_norm")
    found[f"{queries}.queries_features.weight"] = given[f"{own}.query_feat.weight"]
    found[f"{queries}.queries_embedder.weight"] = given[f"{own}.query_embed.weight"]
    found[f"{queries}.level_embed.weight"] = given[f"{own}.level_embed.weight"]
    for number in range(3):
        theirs = f"{queries}.decoder.mask_predictor.mask_embedder.{number}.0"
        affine(theirs, f"{own}.mask_embed.layers.{number}")
    affine("class_predictor", f"{own}.class_embed")
    found["criterion.empty_weight"] = given["criterion.empty_weight"]
    return found


def build_in_transformers(
    size: Size, state: Mapping[str, Tensor]
) -> Mask2FormerForUniversalSegmentation:
    """Build a model of the library itself, with these weights, ready to answer."""
    swin = SwinConfig(  # type: ignore[call-arg]  # keyword arguments of its base
        embed_dim=size.channels,
        depths=list(size.depths),
        num_heads=list(size.heads),
        window_size=size.window,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = Mask2FormerConfig(
        backbone_config=swin,
        feature_size=size.hidden,
        mask_feature_size=size.hidden,
        hidden_dim=size.hidden,
        encoder_feedforward_dim=4 * size.hidden,
        dim_feedforward=8 * size.hidden,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers + 1,
        num_attention_heads=size.num_heads,
        num_queries=size.queries,
        num_labels=size.classes,
    )
    model = Mask2FormerForUniversalSegmentation(config)
    model.load_state_dict(state)
    return model.eval()
