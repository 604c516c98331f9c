"""A small CLIP at random weights, and its folder."""

import string
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

from teacher.clip.teacher import ClipSettings, ClipTeacher
from teacher.inference.runtime import Runtime
from tests.teacher.saa.small_models import randomise

PATCH_PX = 8
SIDE_PX = 32
PART = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "projection_dim": 12}
MAX_TOKENS = 40
ASKED = ClipSettings("a {}.", ["sea", "sky", "tree"], 64, 0.4)


def small_model(num_blocks: int = 3) -> CLIPModel:
    torch.manual_seed(0)
    vision = {"image_size": SIDE_PX, "patch_size": PATCH_PX, "num_hidden_layers": num_blocks}
    text = {
        "vocab_size": 55,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "max_position_embeddings": MAX_TOKENS,
        "num_hidden_layers": 1,
    }
    config = CLIPConfig(text_config=PART | text, vision_config=PART | vision, projection_dim=12)
    model = CLIPModel(config)
    randomise(model)
    with torch.no_grad():
        model.logit_scale.fill_(1.0)  # texts of random weights are told apart, but not for sure
        for name, weights in model.named_parameters():
            if "vision" in name and name.endswith(("q_proj.weight", "k_proj.weight")):
                weights.mul_(6)  # patches attend to some more than to others
    return model.eval()


def small_tokenizer() -> CLIPTokenizer:
    """A tokenizer that knows single letters."""
    letters = [*string.ascii_lowercase, *(f"{c}</w>" for c in string.ascii_lowercase)]
    words = ["<|startoftext|>", "<|endoftext|>", ".</w>", *letters]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])


def build(
    settings: ClipSettings = ASKED,
    batch: int = 2,
    precision: Any = "fp32",
    model: CLIPModel | None = None,
) -> ClipTeacher:
    return ClipTeacher(
        model or small_model(),
        small_tokenizer(),
        CLIPImageProcessor(),
        Runtime("cpu", precision),
        batch,
        settings,
    )


def write_folder(folder: Path) -> None:
    """CLIP's folder as the hub has it."""
    small_model().save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
