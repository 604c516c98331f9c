"""GroundingDINO (Liu et al., arXiv 2303.05499) by groundingdino-py, from original checkpoints."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import functional as transforms
from transformers import BertConfig, BertModel, PreTrainedTokenizerBase

from teacher.inference.runtime import Runtime, refuse_strip, replaying
from teacher.saa.detectors.caption_detector import CaptionDetector, repeat
from teacher.saa.detectors.captions import load_tokenizer
from teacher.saa.detectors.fused_attention import (
    ImageTextProjections,
    deformable_attention,
    image_text_attention,
)
from teacher.saa.detectors.yapf_grammars import read_grammars
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD
from util.learning.tensors import load_strictly, not_whole, read_tensors

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Importing from timm.models.layers", FutureWarning)
    warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
    read_grammars()
    from groundingdino.config import GroundingDINO_SwinB_cfg, GroundingDINO_SwinT_OGC
    from groundingdino.datasets.transforms import resize
    from groundingdino.models.GroundingDINO import groundingdino as original
    from groundingdino.models.GroundingDINO import ms_deform_attn
    from groundingdino.models.GroundingDINO.backbone.swin_transformer import Mlp, WindowAttention
    from groundingdino.models.GroundingDINO.fuse_modules import BiMultiHeadAttention
    from groundingdino.util.misc import NestedTensor

SHORT_SIDE_PX = 800
LONG_SIDE_PX = 1333  # at most, even if the short side becomes shorter then

Variant = Literal["swin_t", "swin_b"]

PUBLISHED = "checkpoint of GroundingDINO, Swin-T or Swin-B"

_ARCHITECTURES = {"swin_t": GroundingDINO_SwinT_OGC, "swin_b": GroundingDINO_SwinB_cfg}
_WIDTHS: dict[int, Variant] = {96: "swin_t", 128: "swin_b"}
_WIDTH_KEY = "backbone.0.patch_embed.proj.weight"
_UNUSED = {"label_enc.weight", "bert.embeddings.position_ids"}
"""What the published checkpoints hold beyond the model: of its training, and a plain count."""


class TextEncoder(BertModel):
    """BERT as GroundingDINO calls it, with a mask for each pair of tokens.

    The package brings a wrapper of its own, which needs transformers 4.
    """

    def forward(self, *, attention_mask: Tensor, **tokens: Tensor) -> Any:
        """Encode tokens; attention_mask is (B, N, N) bool, True = may look."""
        return super().forward(**tokens, attention_mask=attention_mask[:, None])


class GroundingDinoDetector(CaptionDetector[original.GroundingDINO]):
    """The original GroundingDINO, which sees images resized as published; a `Detector`."""

    def __init__(
        self,
        model: original.GroundingDINO,
        tokenizer: PreTrainedTokenizerBase,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        super().__init__(
            model,
            model.backbone[0],
            (WindowAttention, Mlp),
            tokenizer,
            model.max_text_len,
            runtime,
            prompts_per_batch,
        )
        speed_up(model)

    def _resize(self, image_rgb: np.ndarray) -> Tensor:
        return prepare_image(image_rgb)[None]

    def _look(self, pixels: Tensor) -> list[Tensor]:
        with _quiet():
            levels = self.model.backbone[0](_nested(pixels))
        return [level.tensors for level in levels.values()]

    def _ask(self, levels: Sequence[Tensor], captions: list[str]) -> tuple[Tensor, Tensor]:
        features = [_nested(level) for level in levels]
        count = len(captions)
        with _quiet():
            positions = [repeat(self.model.backbone[1](feature), count) for feature in features]
            repeated = [_nested(repeat(feature.tensors, count)) for feature in features]
            with (
                replaying(self.model.backbone, (repeated, positions)),
                # The package has no module of its own for this sum, so it is replaced by its name.
                patch.object(
                    ms_deform_attn, "multi_scale_deformable_attn_pytorch", deformable_attention
                ),
            ):
                # Of the samples, only the mask is looked at.
                answer = self.model(repeated[-1], captions=captions)
        return answer["pred_logits"], answer["pred_boxes"]


def prepare_image(image_rgb: np.ndarray) -> Tensor:
    """Resize and normalise an image, (H, W, 3) uint8 RGB, as published: (3, h, w) float32 RGB.

    Raises:
        UserError: The image is so narrow that no pixel would be left of its short side.
    """
    refuse_strip(image_rgb, LONG_SIDE_PX, "GroundingDINO")
    resized, _ = resize(Image.fromarray(image_rgb), None, SHORT_SIDE_PX, LONG_SIDE_PX)
    pixels: Tensor = transforms.normalize(transforms.to_tensor(resized), IMAGE_MEAN, IMAGE_STD)
    return pixels


def build_grounding_dino(
    variant: Variant, tokenizer: PreTrainedTokenizerBase, **changes: Any
) -> original.GroundingDINO:
    """Build a published architecture, with random weights.

    Args:
        variant: Which.
        tokenizer: Of bert-base-uncased.
        changes: Other values of the package's own config file, and `text_config`, the BertConfig.
    """
    settings: dict[str, Any] = {
        **vars(_ARCHITECTURES[variant]),
        "use_checkpoint": False,  # what saves memory in training costs time
        "use_transformer_ckpt": False,
        "text_config": BertConfig(),
        **changes,
    }
    # The package asks the hub for these by name; all the weights of BERT are in the checkpoint.
    library = SimpleNamespace(
        get_tokenlizer=lambda _: tokenizer,
        get_pretrained_language_model=lambda _: TextEncoder(settings["text_config"]),
    )
    with (
        patch.object(original, "get_tokenlizer", library),
        patch.object(original, "BertModelWarper", lambda bert_model: bert_model),
        _quiet(),
    ):
        return original.build_groundingdino(SimpleNamespace(**settings))


def load_grounding_dino(
    checkpoint: Path, text_encoder: Path, runtime: Runtime, prompts_per_batch: int
) -> GroundingDinoDetector:
    """Load one of the published checkpoints, such as `groundingdino_swint_ogc.pth`.

    Args:
        checkpoint: The file; its shapes say which variant it is.
        text_encoder: Folder of the vocabulary; see `load_tokenizer`.
        runtime: Where the model runs.
        prompts_per_batch: How many phrases are asked for at once.

    Raises:
        UserError: A file is missing, damaged, or holds something else.
    """
    tensors = read_tensors(checkpoint, PUBLISHED)
    state = {name: value for name, value in tensors.items() if name not in _UNUSED}
    width = state[_WIDTH_KEY].shape[0] if _WIDTH_KEY in state else 0
    if width not in _WIDTHS:
        raise not_whole(checkpoint, PUBLISHED, f"{_WIDTH_KEY} is missing or has another shape")
    tokenizer = load_tokenizer(text_encoder)
    model = build_grounding_dino(_WIDTHS[width], tokenizer)
    load_strictly(model, state, checkpoint, PUBLISHED)
    return GroundingDinoDetector(model, tokenizer, runtime, prompts_per_batch)


def speed_up(model: nn.Module) -> None:
    """Put our attentions into a model of the package, in place."""
    for layer in model.modules():
        if isinstance(layer, BiMultiHeadAttention):
            layer.forward = _fusion_of(layer)
        elif isinstance(layer, nn.MultiheadAttention):
            layer.forward = _attention_of(layer)  # type: ignore[method-assign]


def _attention_of(layer: nn.MultiheadAttention) -> Any:
    """Leave out the weights, at which nobody looks, and mend the masks.

    The package repeats the masks of a batch for the heads in another order than torch reads them,
    so that the captions of a batch would get each other's.
    """

    def forward(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        if attn_mask is not None:
            attn_mask = attn_mask.unflatten(0, (layer.num_heads, -1)).transpose(0, 1).flatten(0, 1)
        return nn.MultiheadAttention.forward(
            layer, query, key, value, key_padding_mask, need_weights=False, attn_mask=attn_mask
        )

    return forward


def _fusion_of(layer: BiMultiHeadAttention) -> Any:
    projections = ImageTextProjections(
        image_query=layer.v_proj,
        text_key=layer.l_proj,
        image_value=layer.values_v_proj,
        text_value=layer.values_l_proj,
        image_out=layer.out_v_proj,
        text_out=layer.out_l_proj,
    )

    def forward(
        v: Tensor,
        l: Tensor,  # noqa: E741 the name in the package
        attention_mask_v: Tensor | None = None,
        attention_mask_l: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        return image_text_attention(
            v, l, projections, layer.num_heads, attention_mask_v, attention_mask_l
        )

    return forward


def _nested(tensor: Tensor) -> NestedTensor:
    """Call all of a (B, C, h, w) tensor image and none of it padding."""
    return NestedTensor(tensor, torch.zeros_like(tensor[:, 0], dtype=torch.bool))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the package's use of older torch calls leads to, and what it prints of NaN."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", "torch.meshgrid", UserWarning)
        warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.autocast", FutureWarning)
        yield
