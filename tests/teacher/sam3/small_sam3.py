"""A small SAM 3 at random weights, and its folder."""

import json
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import CLIPTokenizer, Sam3Config, Sam3ImageProcessor, Sam3Model, Sam3Processor

from teacher.inference.runtime import Runtime
from teacher.sam3.segment_anything_3 import Sam3Settings, SegmentAnything3
from tests.teacher.saa.small_models import randomise

SIDE_PX = 56
WIDTH = 32
PART = {"hidden_size": WIDTH, "num_attention_heads": 2}
ENCODER = PART | {"num_layers": 1, "intermediate_size": WIDTH}
VIT = PART | {
    "model_type": "sam3_vit_model",
    "intermediate_size": WIDTH,
    "num_hidden_layers": 2,
    "image_size": SIDE_PX,
    "pretrain_image_size": 28,
    "window_size": 2,
    "global_attn_indexes": [1],
}
TEXT = PART | {
    "model_type": "clip_text_model",
    "intermediate_size": WIDTH,
    "num_hidden_layers": 1,
    "projection_dim": WIDTH,
    "vocab_size": 54,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "max_position_embeddings": 32,
}
ALL = Sam3Settings(box_threshold=0.0, area_threshold=2.0, max_masks=100)
"""Every instance counts."""


def small_model() -> Sam3Model:
    torch.manual_seed(0)
    config = Sam3Config(
        vision_config={"backbone_config": VIT, "fpn_hidden_size": WIDTH},
        text_config=TEXT,
        geometry_encoder_config=ENCODER,
        detr_encoder_config=ENCODER,
        detr_decoder_config=ENCODER | {"num_queries": 8},
        mask_decoder_config=PART,
    )
    model = Sam3Model(config)
    randomise(model)
    return model.eval()


def small_processor() -> Sam3Processor:
    """The library's processor, with a tokenizer that knows single letters."""
    letters = [*string.ascii_lowercase, *(f"{c}</w>" for c in string.ascii_lowercase)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    square = {"height": SIDE_PX, "width": SIDE_PX}
    return Sam3Processor(Sam3ImageProcessor(size=square), tokenizer)


def build(
    settings: Sam3Settings = ALL, batch: int = 2, precision: Any = "fp32"
) -> SegmentAnything3:
    return SegmentAnything3(
        small_model(), small_processor(), Runtime("cpu", precision), batch, settings
    )


def write_folder(folder: Path) -> Sam3Model:
    """SAM 3's folder as the hub has it: of the video model, the detector in a part of it."""
    model = small_model()
    model.save_pretrained(folder)
    small_processor().save_pretrained(folder)
    config = {"model_type": "sam3_video", "detector_config": model.config.to_dict()}
    (folder / "config.json").write_text(json.dumps(config))
    state = {f"detector_model.{k}": v.contiguous() for k, v in model.state_dict().items()}
    state |= {"tracker_model.weight": torch.ones(1), "tracker_neck.weight": torch.ones(1)}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    return model
