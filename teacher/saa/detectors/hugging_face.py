"""GroundingDINO, MM-GroundingDINO and OWLv2 by transformers, from a folder on this disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    GroundingDinoForObjectDetection,
    MMGroundingDinoForObjectDetection,
    Owlv2ForObjectDetection,
    PreTrainedTokenizerBase,
)
from transformers.models.grounding_dino import modeling_grounding_dino as dino
from transformers.models.mm_grounding_dino import modeling_mm_grounding_dino as mm_dino
from transformers.models.swin.modeling_swin import SwinAttention, SwinMLP

from teacher.inference.runtime import (
    Batches,
    Encoding,
    Runtime,
    check_finite,
    refuse_strip,
    replaying,
    to_half,
)
from teacher.saa.detectors import Detections
from teacher.saa.detectors.captions import (
    check_lengths,
    keep_levels,
    kept_levels,
    name_tokens,
    read_answer,
    repeat,
    to_caption,
    to_pixels,
)
from teacher.saa.detectors.fused_attention import (
    ImageTextProjections,
    deformable_attention,
    image_text_attention,
)
from teacher.weights.checkpoints import read_model, read_model_type, read_processor
from util.errors import UserError

_MODELS: dict[str, Any] = {
    "grounding-dino": GroundingDinoForObjectDetection,
    "mm-grounding-dino": MMGroundingDinoForObjectDetection,
    "owlv2": Owlv2ForObjectDetection,
}


class HuggingFaceGroundingDino:
    """GroundingDINO or MM-GroundingDINO; a `Detector`.

    The image is encoded by the backbone alone, because all that follows looks at the text, too.
    """

    def __init__(
        self,
        model: GroundingDinoForObjectDetection | MMGroundingDinoForObjectDetection,
        image_processor: BaseImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        self.model = runtime.place(model)
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.runtime = runtime
        self.batches = Batches(prompts_per_batch, "prompts")
        for part in model.model.backbone.modules():
            if isinstance(part, SwinAttention | SwinMLP):  # as a whole: minutes for each image size
                runtime.compile(part)
        speed_up(model)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the backbone on an image, (H, W, 3) uint8 RGB, as the processor resizes it.

        Returns:
            `level_0`, ... (1, C, h, w) float16, fine to coarse, and `size_hw` of the image.

        Raises:
            UserError: Memory ran out, the backbone has answered with NaN, or the image is too long
                a strip.
        """
        processor: Any = self.image_processor
        if longest_px := processor.size.get("longest_edge"):
            refuse_strip(image_rgb, longest_px, "GroundingDINO")
        seen = self.image_processor(
            image_rgb, return_tensors="pt", input_data_format="channels_last"
        )
        with self.runtime.inference():
            pixels = seen["pixel_values"].to(self.runtime.device)
            levels = self.model.model.backbone.conv_encoder(pixels, torch.ones_like(pixels[:, 0]))
        return keep_levels([level for level, _ in levels], image_rgb)

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image; see `Detections`.

        Raises:
            UserError: Memory ran out on a single phrase, the model has answered with NaN, or
                phrases are too long.
        """
        self.check_phrases(phrases)
        with self.runtime.inference():
            return self.batches.map(lambda batch: self._answer(encoding, batch), phrases)

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases of more tokens than the model reads; see `Detector`."""
        limit = self.model.config.max_text_len
        check_lengths(self.tokenizer, list(map(to_caption, phrases)), limit, "the detector")

    def _answer(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer a batch; what lies in the padding of a shorter caption is masked by the model."""
        captions = [to_caption(phrase) for phrase in phrases]
        text = self.tokenizer(captions, padding=True, return_tensors="pt").to(self.runtime.device)
        tokens = [name_tokens(self.tokenizer, caption) for caption in captions]
        embed = self.model.model.backbone.position_embedding
        features, positions = [], []
        for level in kept_levels(encoding):
            mask = torch.ones_like(level[:, 0], dtype=torch.bool)
            features.append((repeat(level, len(phrases)), repeat(mask, len(phrases))))
            positions.append(repeat(embed(level, mask), len(phrases)))
        with replaying(self.model.model.backbone, (features, positions)):
            answer = self.model(pixel_values=level.new_empty(len(phrases), 3, 1, 1), **text)
        return [
            read_answer(*row, size_hw=encoding["size_hw"].tolist())
            for row in zip(answer.logits, answer.pred_boxes, tokens, strict=True)
        ]


class HuggingFaceOwl:
    """OWLv2; a `Detector`. A phrase is one token: it gets one score a box."""

    def __init__(
        self,
        model: Owlv2ForObjectDetection,
        image_processor: BaseImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        self.model = runtime.place(model)
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.runtime = runtime
        self.batches = Batches(prompts_per_batch, "prompts")
        text_config: Any = model.config.text_config
        self.max_tokens: int = text_config.max_position_embeddings
        runtime.compile(model.owlv2.vision_model)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB, padded to a square.

        Returns:
            `features` (1, h, w, C) float16, one for each patch, and `size_hw` of the image.

        Raises:
            UserError: Memory ran out, or the encoder has answered with NaN.
        """
        seen = self.image_processor(
            image_rgb, return_tensors="pt", input_data_format="channels_last"
        )
        with self.runtime.inference():
            pixels = seen["pixel_values"].to(self.runtime.device)
            features = self.model.image_embedder(pixels)[0]
        encoding = to_half({"features": features}, "OWLv2")
        return encoding | {"size_hw": torch.tensor(image_rgb.shape[:2])}

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image: one box a patch, the same for all phrases.

        Raises:
            UserError: Memory ran out on a single phrase, the model has answered with NaN, or
                phrases are too long.
        """
        self.check_phrases(phrases)
        feature_map = encoding["features"].float()
        features = feature_map.flatten(1, 2)  # (1, patches, C)
        size_hw = encoding["size_hw"].tolist()
        with self.runtime.inference():
            with torch.autocast(features.device.type, enabled=False):  # it would move corners
                boxes = check_finite(self.model.box_predictor(features, feature_map)[0], "OWLv2")
            scores = self.batches.map(lambda batch: self._score(features, batch), phrases)
        side = max(size_hw)  # boxes are relative to the image padded to a square
        boxes_xyxy = to_pixels(boxes, (side, side), size_hw)
        return [
            Detections(boxes_xyxy, score.numpy(force=True)[:, None], (phrase,))
            for phrase, score in zip(phrases, scores, strict=True)
        ]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases of more tokens than the model reads; see `Detector`."""
        check_lengths(self.tokenizer, phrases, self.max_tokens, "the detector")

    def _score(self, features: Tensor, phrases: Sequence[str]) -> Sequence[Tensor]:
        """(patches,) scores for each phrase of a batch."""
        text = self.tokenizer(
            list(phrases), padding="max_length", max_length=self.max_tokens, return_tensors="pt"
        ).to(self.runtime.device)
        owl = self.model.owlv2
        words = owl.text_projection(owl.text_model(**text).pooler_output)
        words = words / words.norm(dim=-1, keepdim=True)
        logits = self.model.class_predictor(features, words[None])[0]  # (1, patches, N)
        return check_finite(logits, "OWLv2")[0].float().sigmoid().unbind(-1)


def load_hugging_face_detector(
    folder: Path, runtime: Runtime, prompts_per_batch: int
) -> HuggingFaceGroundingDino | HuggingFaceOwl:
    """Load a GroundingDINO, MM-GroundingDINO or OWLv2 as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, preprocessor, tokenizer.
        runtime: Where the model runs.
        prompts_per_batch: How many phrases are asked for at once.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    model_type = read_model_type(folder, _MODELS, "a detector")
    model = read_model(_MODELS[model_type], folder)
    image_processor: Any = read_processor(AutoImageProcessor, folder)
    tokenizer: Any = read_processor(AutoTokenizer, folder)
    num_words = model.config.text_config.vocab_size
    if len(tokenizer) != num_words:  # where its files are missing, transformers makes an empty one
        raise UserError(
            f"the tokenizer in {folder} has {len(tokenizer)} words and the model {num_words}; fetch"
            " the folder again"
        )
    detector = HuggingFaceOwl if model_type == "owlv2" else HuggingFaceGroundingDino
    return detector(model, image_processor, tokenizer, runtime, prompts_per_batch)


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
