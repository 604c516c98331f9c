"""GroundingDINO and MM-GroundingDINO (arXiv 2303.05499, 2401.02361) by transformers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    BaseImageProcessor,
    GroundingDinoForObjectDetection,
    MMGroundingDinoForObjectDetection,
    PreTrainedTokenizerBase,
)
from transformers.models.grounding_dino import modeling_grounding_dino as dino
from transformers.models.mm_grounding_dino import modeling_mm_grounding_dino as mm_dino
from transformers.models.swin.modeling_swin import SwinAttention, SwinMLP

from teacher.inference.runtime import Runtime, refuse_strip, replaying
from teacher.saa.detectors.caption_detector import CaptionDetector, repeat
from teacher.saa.detectors.fused_attention import (
    ImageTextProjections,
    deformable_attention,
    image_text_attention,
)

Dino = GroundingDinoForObjectDetection | MMGroundingDinoForObjectDetection


class HuggingFaceGroundingDino(CaptionDetector[Dino]):
    """GroundingDINO or MM-GroundingDINO, which see images as their processor makes them."""

    def __init__(
        self,
        model: Dino,
        image_processor: BaseImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        super().__init__(
            model,
            model.model.backbone,
            (SwinAttention, SwinMLP),
            tokenizer,
            model.config.max_text_len,
            runtime,
            prompts_per_batch,
        )
        self.image_processor = image_processor
        speed_up(model)

    def _resize(self, image_rgb: np.ndarray) -> Tensor:
        processor: Any = self.image_processor
        if longest_px := processor.size.get("longest_edge"):
            refuse_strip(image_rgb, longest_px, "GroundingDINO")
        seen = processor(image_rgb, return_tensors="pt", input_data_format="channels_last")
        pixels: Tensor = seen["pixel_values"]
        return pixels

    def _look(self, pixels: Tensor) -> list[Tensor]:
        levels = self.model.model.backbone.conv_encoder(pixels, torch.ones_like(pixels[:, 0]))
        return [level for level, _ in levels]

    def _ask(self, levels: Sequence[Tensor], captions: list[str]) -> tuple[Tensor, Tensor]:
        count = len(captions)
        text = self.tokenizer(captions, padding=True, return_tensors="pt").to(self.runtime.device)
        embed = self.model.model.backbone.position_embedding
        features, positions = [], []
        for level in levels:
            mask = torch.ones_like(level[:, 0], dtype=torch.bool)
            features.append((repeat(level, count), repeat(mask, count)))
            positions.append(repeat(embed(level, mask), count))
        with replaying(self.model.model.backbone, (features, positions)):
            answer = self.model(pixel_values=levels[0].new_empty(count, 3, 1, 1), **text)
        return answer.logits, answer.pred_boxes


def speed_up(model: nn.Module) -> None:
    """Put our attentions into a GroundingDINO or MM-GroundingDINO of transformers, in place."""
    for layer in model.modules():
        if type(layer) in _FASTER:
            layer.forward = _FASTER[type(layer)](layer)


def _sampling_of(_layer: nn.Module) -> Callable[..., Tensor]:
    def forward(
        value: Tensor, _sizes: Tensor, sizes_hw: Any, _starts: Tensor, *rest: Any
    ) -> Tensor:
        sampling_locations, attention_weights, _im2col_step = rest
        return deformable_attention(value, sizes_hw, sampling_locations, attention_weights)

    return forward


def _fusion_of(layer: Any) -> Callable[..., tuple[tuple[Tensor, None], tuple[Tensor, None]]]:
    projections = ImageTextProjections(
        image_query=layer.vision_proj,
        text_key=layer.text_proj,
        image_value=layer.values_vision_proj,
        text_value=layer.values_text_proj,
        image_out=layer.out_vision_proj,
        text_out=layer.out_text_proj,
    )

    def forward(
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> tuple[tuple[Tensor, None], tuple[Tensor, None]]:
        padding = vision_attention_mask, text_attention_mask
        image, text = image_text_attention(
            vision_features, text_features, projections, layer.num_heads, *padding
        )
        return (image, None), (text, None)  # the weights themselves are for studies of the model

    return forward


def _attention_of(layer: Any) -> Callable[..., tuple[Tensor, None]]:
    """Let torch choose its fastest attention; the library writes out all weights of all queries."""

    def forward(
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        attention_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, None]:
        query, key, value = (
            projected.unflatten(-1, (layer.num_attention_heads, -1)).transpose(1, 2)
            for projected in (layer.query(queries), layer.key(keys), layer.value(values))
        )  # (B, heads, N, D)
        context = F.scaled_dot_product_attention(query, key, value, attention_mask)
        return layer.out_proj(context.transpose(1, 2).flatten(2)), None

    return forward


_FASTER: dict[type, Callable[[Any], Callable[..., Any]]] = {
    dino.MultiScaleDeformableAttention: _sampling_of,
    dino.GroundingDinoBiMultiHeadAttention: _fusion_of,
    dino.GroundingDinoMultiheadAttention: _attention_of,
    mm_dino.MultiScaleDeformableAttention: _sampling_of,
    mm_dino.MMGroundingDinoBiMultiHeadAttention: _fusion_of,
    mm_dino.MMGroundingDinoMultiheadAttention: _attention_of,
}
