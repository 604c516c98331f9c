"""Small SAMs of both libraries: the original, that of transformers, SAM-HQ and SAM 2."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn
from transformers import (
    PreTrainedModel,
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamImageProcessor,
    SamModel,
)

from teacher.inference.crop_masks import CropMask
from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.hugging_face import HuggingFaceSegmenter
from teacher.saa.segmenters.sam import SamSegmenter
from tests.teacher.saa.small_models import Size, full, randomise

SIDE_PX = 128
BOXES = np.array([[4, 6, 40, 30], [50, 10, 90, 60], [20, 30, 60, 63], [0, 0, 9, 9]], np.float32)
WIDTH = 32
VIT = {
    "hidden_size": WIDTH,
    "output_channels": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE_PX,
    "window_size": 3,
    "global_attn_indexes": [1],
    "num_pos_feats": WIDTH // 2,
}
HIERA = {
    "backbone_config": {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE_PX, SIDE_PX],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "global_attention_blocks": [3],
    },
    "backbone_channel_list": [64, 32, 16, 8],
    "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    "fpn_hidden_size": WIDTH,
}
PROMPT = {"hidden_size": WIDTH, "image_size": SIDE_PX, "mask_input_channels": 4}
DECODER = {
    "hidden_size": WIDTH,
    "mlp_dim": WIDTH,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": WIDTH,
}
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "sam": lambda: SamModel(
        SamConfig(vision_config=VIT, prompt_encoder_config=PROMPT, mask_decoder_config=DECODER)
    ),
    "sam_hq": lambda: SamHQModel(
        SamHQConfig(
            vision_config=VIT,
            prompt_encoder_config=PROMPT,
            mask_decoder_config=DECODER | {"vit_dim": WIDTH},
        )
    ),
    "sam2": lambda: Sam2Model(
        Sam2Config(vision_config=HIERA, prompt_encoder_config=PROMPT, mask_decoder_config=DECODER)
    ),
}
PACKAGE = "package"
"""The original SAM, by segment-anything."""

AnySegmenter = SamSegmenter | HuggingFaceSegmenter


def small_sam() -> Sam:
    """SAM with two layers of width 32, for images of 128 pixels, and random weights."""
    torch.manual_seed(0)
    cells = (SIDE_PX // 16, SIDE_PX // 16)
    encoder = ImageEncoderViT(
        img_size=SIDE_PX,
        embed_dim=32,
        depth=2,
        num_heads=2,
        out_chans=32,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=3,
        global_attn_indexes=(1,),
    )
    transformer = TwoWayTransformer(depth=2, embedding_dim=32, num_heads=2, mlp_dim=32)
    model = Sam(
        encoder,
        PromptEncoder(32, cells, (SIDE_PX, SIDE_PX), mask_in_chans=4),
        MaskDecoder(transformer_dim=32, transformer=transformer, iou_head_hidden_dim=32),
    )
    randomise(model)
    return model.eval()


def small_model(name: str) -> Any:
    torch.manual_seed(0)
    model = MODELS[name]()
    randomise(model)
    return model.eval()


def small_processor(name: str) -> Any:
    square = {"height": SIDE_PX, "width": SIDE_PX}
    if name == "sam2":
        return Sam2ImageProcessor(size=square)
    return SamImageProcessor(size={"longest_edge": SIDE_PX}, pad_size=square)


def build(name: str, boxes_per_batch: int = 3, precision: Any = "fp32") -> AnySegmenter:
    """A segmenter over a small model of whichever library."""
    runtime = Runtime("cpu", precision)
    if name == PACKAGE:
        return SamSegmenter(small_sam(), runtime, boxes_per_batch)
    return HuggingFaceSegmenter(small_model(name), small_processor(name), runtime, boxes_per_batch)


def share_that_differs(some: list[CropMask], others: list[CropMask], size_hw: Size) -> float:
    """Share of pixels, of all masks, that are not alike."""
    assert len(some) == len(others)
    pairs = zip(some, others, strict=True)
    return float(np.mean([full(a, size_hw) != full(b, size_hw) for a, b in pairs]))


def write_folder(folder: Path, name: str) -> PreTrainedModel:
    """A model's folder as the hub has it."""
    model = small_model(name)
    model.save_pretrained(folder)
    small_processor(name).save_pretrained(folder)
    return model
