"""Folders of transformers that hold a Mask2Former over a Swin."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import Mask2FormerForUniversalSegmentation, PreTrainedModel

from teacher.maskomaly.network import (
    RoadNetwork,
    RoadNetworkSettings,
    SwinSize,
    build_network,
)
from teacher.weights.checkpoints import read_model, read_model_type
from util.disk.whole_files import read_json
from util.errors import UserError
from util.learning.tensors import load_strictly

_DECIDING = (
    "activation_function",
    "pre_norm",
    "enforce_input_projection",
    "common_stride",
    "feature_strides",
    "feature_size",
    "mask_feature_size",
    "encoder_feedforward_dim",
    "dim_feedforward",
)
_DECIDING_OF_SWIN = (
    "patch_size",
    "num_channels",
    "mlp_ratio",
    "qkv_bias",
    "hidden_act",
    "layer_norm_eps",
    "use_absolute_embeddings",
    "out_features",
)
"""What a run does not keep of a config, so that it must be as in all published ones."""


class Mask2Former(Mask2FormerForUniversalSegmentation):
    """One whose folder may lack what has no part in answers, and have what is computed anew."""

    # Lists, as the library declares them.
    _keys_to_ignore_on_load_missing: list[str] | set[str] | None = [  # noqa: RUF012
        r"encoder\.swin\.layernorm\.",
        r"criterion\.empty_weight",
    ]
    _keys_to_ignore_on_load_unexpected: list[str] | set[str] | None = [  # noqa: RUF012
        r"relative_position_index$"
    ]


def read_folder(folder: Path) -> RoadNetwork:
    """Read a folder as the hub has it, with config.json and model.safetensors.

    Returns:
        A network that is ready to answer.

    Raises:
        UserError: A file is missing, damaged, or of a network that is no Mask2Former over a Swin.
    """
    read_model_type(folder, ("mask2former",), "networks of road scenes")
    told = read_json(folder / "config.json", "fetch the folder again").get("backbone_config")
    backbone = told.get("model_type") if isinstance(told, dict) else told
    if backbone != "swin":
        raise UserError(
            f"{folder} has a Mask2Former over {backbone}; expected one over a Swin, such as "
            "facebook/mask2former-swin-large-cityscapes-semantic"
        )
    model = read_model(Mask2Former, folder)
    network = build_network(_size_of(model.config), None)
    theirs, ours = _values(model), _values(network.network)
    swin = "backbone_config"
    differing = [
        *_differing(_DECIDING, theirs, ours),
        *_differing(_DECIDING_OF_SWIN, theirs[swin], ours[swin]),
    ]
    if differing:
        raise UserError(
            f"{folder / 'config.json'} has a Mask2Former that is built in another way than the "
            f"published ones: {', '.join(differing)}; take one of these"
        )
    load_strictly(network.network, model.state_dict(), folder, "Mask2Former")
    return network.eval()


def _size_of(config: Any) -> RoadNetworkSettings:
    """Tell how large a network is."""
    swin = config.backbone_config
    return RoadNetworkSettings(
        "swin",
        [name for _, name in sorted(config.id2label.items())],
        config.hidden_dim,
        config.num_queries,
        config.encoder_layers,
        config.decoder_layers,
        config.train_num_points,
        heads=config.num_attention_heads,
        swin=SwinSize(swin.embed_dim, tuple(swin.depths), tuple(swin.num_heads), swin.window_size),
    )


def _values(model: PreTrainedModel) -> Any:
    """Give the JSON values of a config: in memory a list may be a tuple as well."""
    return json.loads(model.config.to_json_string(use_diff=False))


def _differing(
    keys: Sequence[str], theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> list[str]:
    """Name keys whose values differ, with both."""
    return [
        f"{key} {theirs.get(key)}, not {ours[key]}" for key in keys if theirs.get(key) != ours[key]
    ]
