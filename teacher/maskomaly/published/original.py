"""Checkpoints of the original Mask2Former over a Swin, read by the names that transformers has.

The original's names of parameters are those of facebookresearch/Mask2Former (arXiv 2112.01527),
whose weights for Cityscapes are published as `.pkl`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from teacher.maskomaly.network import (
    RoadNetwork,
    RoadNetworkSettings,
    SwinSize,
    build_network,
)
from util.errors import UserError, listed
from util.images.known_classes import KNOWN_CLASSES
from util.learning.tensors import load_strictly, not_whole, read_tensors

WHAT = "Mask2Former over a Swin, as the original repository keeps it"
CITYSCAPES = [names[0] for names in KNOWN_CLASSES["cityscapes_train_ids"].names.values() if names]
"""Classes of the published weights, which name none."""
POINTS = 12544
"""Pixels of each mask that the original measures a loss at."""

_ENCODER = "model.pixel_level_module.encoder."
_DECODER = "model.pixel_level_module.decoder."
_QUERIES = "model.transformer_module."

_STAGE = r"backbone\.layers\.(\d+)\."
_BLOCK = _STAGE + r"blocks\.(\d+)\."
_PIXELS = r"sem_seg_head\.pixel_decoder\."
_PIXEL_LAYER = _PIXELS + r"transformer\.encoder\.layers\.(\d+)\."
_PREDICTOR = r"sem_seg_head\.predictor\."
_SELF = _PREDICTOR + r"transformer_self_attention_layers\.(\d+)\."
_CROSS = _PREDICTOR + r"transformer_cross_attention_layers\.(\d+)\."
_FEED_FORWARD = _PREDICTOR + r"transformer_ffn_layers\.(\d+)\."

_OUR_STAGE = _ENCODER + r"swin.encoder.layers.\1."
_OUR_BLOCK = _OUR_STAGE + r"blocks.\2."
_OUR_BIAS = _OUR_BLOCK + "attention.relative_position_bias."
_OUR_PIXEL_LAYER = _DECODER + r"encoder.layers.\1."
_OUR_LAYER = _QUERIES + r"decoder.layers.\1."

_SPLIT = {
    _BLOCK + r"attn\.qkv\.": _OUR_BLOCK + "attention.{}_proj.",
    _SELF + r"self_attn\.in_proj_": _OUR_LAYER + "self_attn.{}_proj.",
}
"""Beginnings of names whose rows are those of query, key and value, one after another."""

_RENAMED = {
    r"backbone\.patch_embed\.proj\.": _ENCODER + "swin.embeddings.patch_embeddings.projection.",
    r"backbone\.patch_embed\.norm\.": _ENCODER + "swin.embeddings.norm.",
    _BLOCK + r"norm1\.": _OUR_BLOCK + "layernorm_before.",
    _BLOCK + r"norm2\.": _OUR_BLOCK + "layernorm_after.",
    _BLOCK + r"attn\.relative_position_": _OUR_BIAS + "relative_position_",
    _BLOCK + r"attn\.proj\.": _OUR_BLOCK + "attention.o_proj.",
    _BLOCK + r"mlp\.": _OUR_BLOCK + "mlp.",
    _STAGE + r"downsample\.": _OUR_STAGE + "downsample.",
    **{rf"backbone\.norm{n}\.": f"{_ENCODER}hidden_states_norms.stage{n + 1}." for n in range(4)},
    _PIXELS + r"input_proj\.": _DECODER + "input_projections.",
    _PIXELS + r"transformer\.level_embed": _DECODER + "level_embed",
    _PIXEL_LAYER + r"self_attn\.": _OUR_PIXEL_LAYER + "self_attn.",
    _PIXEL_LAYER + r"norm1\.": _OUR_PIXEL_LAYER + "self_attn_layer_norm.",
    _PIXEL_LAYER + r"linear(\d)\.": _OUR_PIXEL_LAYER + r"fc\2.",
    _PIXEL_LAYER + r"norm2\.": _OUR_PIXEL_LAYER + "final_layer_norm.",
    _PIXELS + r"mask_features\.": _DECODER + "mask_projection.",
    _PIXELS + r"(adapter|layer)_1\.norm\.": _DECODER + r"\1_1.1.",
    _PIXELS + r"(adapter|layer)_1\.": _DECODER + r"\1_1.0.",
    _SELF + r"self_attn\.": _OUR_LAYER + "self_attn.",
    _SELF + r"norm\.": _OUR_LAYER + "self_attn_layer_norm.",
    _CROSS + r"multihead_attn\.": _OUR_LAYER + "cross_attn.",
    _CROSS + r"norm\.": _OUR_LAYER + "cross_attn_layer_norm.",
    _FEED_FORWARD + r"linear(\d)\.": _OUR_LAYER + r"fc\2.",
    _FEED_FORWARD + r"norm\.": _OUR_LAYER + "final_layer_norm.",
    _PREDICTOR + r"decoder_norm\.": _QUERIES + "decoder.layernorm.",
    # The published files have it by the name that it had first.
    _PREDICTOR + r"(query_feat|static_query)\.": _QUERIES + "queries_features.",
    _PREDICTOR + r"query_embed\.": _QUERIES + "queries_embedder.",
    _PREDICTOR + r"level_embed\.": _QUERIES + "level_embed.",
    _PREDICTOR + r"mask_embed\.layers\.(\d+)\.": _QUERIES
    + r"decoder.mask_predictor.mask_embedder.\1.0.",
    _PREDICTOR + r"class_embed\.": "class_predictor.",
}
"""Beginnings of names, in the order in which they are tried."""

_OPTIONAL = (
    f"{_ENCODER}swin.layernorm.weight",  # has no part in any answer
    f"{_ENCODER}swin.layernorm.bias",
    "criterion.empty_weight",  # of losses, and made from a setting
)
"""What a checkpoint may lack."""

_TABLE = "backbone.layers.{}.blocks.0.attn.relative_position_bias_table"
_SIZES = {
    "channels": "backbone.patch_embed.proj.weight",
    "hidden": "sem_seg_head.pixel_decoder.mask_features.weight",
    "weights": "sem_seg_head.pixel_decoder.transformer.encoder.layers.0.self_attn"
    ".attention_weights.weight",
    "queries": "sem_seg_head.predictor.query_embed.weight",
    "classes": "sem_seg_head.predictor.class_embed.weight",
    **{f"stage {n}": _TABLE.format(n) for n in range(4)},
}
"""Tensors whose shapes tell how large a network is."""

_LEVELS, _SAMPLES = 3, 4
"""Of the pixel decoder: grids that it sees, and pixels that a head looks at in each."""


def read_original(path: Path) -> RoadNetwork:
    """Read a checkpoint that the original repository has written, or published.

    Args:
        path: `.pkl` of arrays, or `.pth`; no code in it is run.

    Returns:
        A network that is ready to answer, with every tensor of the file in its place.

    Raises:
        UserError: It is damaged, or of another network; or its classes are not those of Cityscapes.
    """
    state = read_tensors(path, WHAT)
    if lacking := [name for name in _SIZES.values() if name not in state]:
        raise not_whole(path, WHAT, f"missing: {listed(lacking)}")
    num_classes = len(state[_SIZES["classes"]]) - 1
    if num_classes != len(CITYSCAPES):
        raise UserError(
            f"{path} tells {num_classes} classes apart and does not name them; expected the "
            f"{len(CITYSCAPES)} of Cityscapes, or a folder of transformers, whose config.json "
            "names its classes"
        )
    try:
        network = build_network(size_of(state), None)
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise not_whole(path, WHAT, f"its sizes do not fit each other: {error}") from None
    renamed = rename(state)
    _leave_out_computed(renamed, network)
    own = network.network.state_dict()
    load_strictly(network.network, {n: own[n] for n in _OPTIONAL} | renamed, path, WHAT)
    return network.eval()


def size_of(state: Mapping[str, Tensor]) -> RoadNetworkSettings:
    """Tell by its tensors, named as in the original, how large a network is."""

    def count(pattern: str) -> int:
        return sum(re.fullmatch(pattern, name) is not None for name in state)

    rows = {size: state[name].shape[0] for size, name in _SIZES.items()}
    table_names = [_SIZES[f"stage {n}"] for n in range(4)]
    depths = [count(re.escape(name).replace(r"blocks\.0", r"blocks\.\d+")) for name in table_names]
    # A window of side w has offsets from 1 - w to w - 1, in two directions.
    window = (math.isqrt(rows["stage 0"]) + 1) // 2
    heads = [state[name].shape[1] for name in table_names]
    return RoadNetworkSettings(
        "swin",
        CITYSCAPES,
        rows["hidden"],
        rows["queries"],
        count(_PIXEL_LAYER + r"norm1\.weight"),
        count(_SELF + r"norm\.weight") + 1,
        POINTS,
        heads=rows["weights"] // (_LEVELS * _SAMPLES),
        swin=SwinSize(rows["channels"], depths, heads, window),
    )


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of the original the names that transformers has; unknown ones keep theirs.

    Neither do tensors change but where query, key and value are one, nor does their order of rows
    and columns: both merge patches of a Swin column by column.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for new, part in _renamed(name, tensor):
            renamed[name if new in renamed else new] = part
    return renamed


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    for pattern, template in _SPLIT.items():
        if found := re.match(pattern, name):
            parts = torch.atleast_1d(tensor).chunk(3)
            for letter, part in zip("qkv", parts, strict=False):  # fewer: then some are missing
                yield found.expand(template.format(letter)) + name[found.end() :], part
            return
    for pattern, template in _RENAMED.items():
        if found := re.match(pattern, name):
            yield found.expand(template) + name[found.end() :], tensor
            return
    yield name, tensor


def _leave_out_computed(renamed: dict[str, Tensor], network: RoadNetwork) -> None:
    """Leave out, in place, what networks compute by themselves, where it is the same."""
    module: nn.Module = network.network
    kept = module.state_dict().keys()
    for name, buffer in module.named_buffers():
        given = renamed.get(name)
        if name not in kept and given is not None and torch.equal(given.flatten(), buffer):
            del renamed[name]
