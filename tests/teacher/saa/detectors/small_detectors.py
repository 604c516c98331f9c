"""Small detectors: GroundingDINO of both libraries, MM-GroundingDINO and OWLv2."""

import copy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    PreTrainedTokenizerBase,
    SwinConfig,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors import Detections, grounding_dino
from teacher.saa.detectors.grounding_dino import (
    GroundingDinoDetector,
    build_grounding_dino,
    original,
)
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from teacher.saa.detectors.owl import HuggingFaceOwl

AnyDetector = GroundingDinoDetector | HuggingFaceGroundingDino | HuggingFaceOwl
PACKAGE = "groundingdino"
"""The original GroundingDINO, by its package."""

DINOS = ["grounding_dino", "mm_grounding_dino"]
"""Those of transformers."""

KINDS = [*DINOS, "owlv2"]
"""All of transformers."""

WORDS = ["a", "bird", "sea", "shear", "##water", "gu", "##ll", "on", "water", "white"]
PHRASES = ["bird", "A white Shearwater on water ", "sea. gull."]
CAPTIONS = {
    "bird": "bird.",
    "A white Shearwater on water ": "a white shearwater on water.",
    "sea. gull.": "sea. gull.",
}
SHORT_SIDE_PX, LONG_SIDE_PX = 64, 107
BOXES = torch.tensor([[[0.5, 0.5, 0.5, 0.25], [0.0, 0.9, 0.2, 0.4], [0.1, 0.2, 0.0, 0.0]]])
IMAGE_HW = (40, 60)
SWIN: dict[str, Any] = {"embed_dim": 16, "depths": [1, 2, 1, 1], "num_heads": [1, 2, 2, 4]}
BERT = BertConfig(
    vocab_size=1030,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
)
SMALL: dict[str, Any] = {
    "enc_layers": 2,
    "dec_layers": 2,
    "dim_feedforward": 64,
    "num_queries": 12,
    "text_config": BERT,
}


def vocabulary_lines() -> list[str]:
    """A small vocabulary, in which the special tokens have the numbers of BERT."""
    lines = [f"[unused{number}]" for number in range(BERT.vocab_size)]
    lines[0], lines[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines[1012], lines[1029] = ".", "?"
    lines[500 : 500 + len(WORDS)] = WORDS
    return lines


def randomise(model: nn.Module, spread: float = 0.7) -> None:
    """Give all weights some spread; the library leaves many at 0, and all boxes alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 12
            parameter += torch.randn(parameter.shape, generator=generator) * spread * fan_in**-0.5


def small_swin(_name: str, **settings: Any) -> nn.Module:
    """The package's own Swin, small."""
    from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer

    settings["pretrain_img_size"] = 64
    swin: nn.Module = SwinTransformer(**SWIN, window_size=4, **settings)
    return swin


def small_model(tokenizer: PreTrainedTokenizerBase, **changes: Any) -> original.GroundingDINO:
    """The original architecture with few layers and random weights."""
    from groundingdino.models.GroundingDINO.backbone import backbone

    torch.manual_seed(0)
    with patch.object(backbone, "build_swin_transformer", small_swin):
        model = build_grounding_dino("swin_t", tokenizer, **SMALL | changes)
    randomise(model)
    with torch.no_grad():  # so that scores lie all over [0, 1]
        model.transformer.decoder.norm.weight *= 0.2
    return model.eval()


def small_dino(kind: str, num_queries: int = 12) -> Any:
    """GroundingDINO or MM-GroundingDINO with two layers of each kind and random weights."""
    torch.manual_seed(0)
    swin = SwinConfig(image_size=64, window_size=4, out_indices=[2, 3, 4], **SWIN)
    is_mm = kind == "mm_grounding_dino"
    config = (MMGroundingDinoConfig if is_mm else GroundingDinoConfig)(
        backbone_config=swin,
        text_config=BERT,
        d_model=64,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=num_queries,
    )
    model = (MMGroundingDinoForObjectDetection if is_mm else GroundingDinoForObjectDetection)(
        config
    )
    randomise(model)
    with torch.no_grad():  # so that scores lie all over [0, 1]
        model.model.decoder.layer_norm.weight *= 1.5 if is_mm else 0.2
        for embed in [*model.class_embed, model.model.encoder_output_class_embed] if is_mm else []:
            embed.bias.zero_()
    return model


def small_owl() -> Owlv2ForObjectDetection:
    """OWLv2 with two layers of width 32, for images of 64 pixels, and random weights."""
    torch.manual_seed(0)
    layers = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = Owlv2Config(
        text_config={
            **layers,
            "vocab_size": len(owl_vocabulary()),
            "max_position_embeddings": 40,
            "bos_token_id": len(owl_vocabulary()) - 2,
            "eos_token_id": len(owl_vocabulary()) - 1,
        },
        vision_config={**layers, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    model = Owlv2ForObjectDetection(config)
    randomise(model, spread=0.3)
    with torch.no_grad():  # so that boxes lie all over the image
        model.box_head.dense2.weight *= 0.3
    return model


def owl_vocabulary() -> dict[str, int]:
    """Single letters, in and at the end of a word."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{it}</w>" for it in letters), "<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}


def write_dino(kind: str, folder: Path) -> None:
    """Write a folder as the hub has it."""
    small_dino(kind).save_pretrained(folder)
    size = {"shortest_edge": SHORT_SIDE_PX, "longest_edge": LONG_SIDE_PX}
    GroundingDinoImageProcessor(size=size).save_pretrained(folder)
    BertTokenizer({line: number for number, line in enumerate(vocabulary_lines())}).save_pretrained(
        folder
    )


def write_owl(folder: Path) -> None:
    """Write a folder as the hub has it."""
    small_owl().save_pretrained(folder)
    Owlv2ImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    tokenizer = CLIPTokenizer(owl_vocabulary(), [], pad_token="!", model_max_length=40)
    tokenizer.save_pretrained(folder)


def close(found: Detections, expected: Detections, atol: float) -> None:
    """Compare boxes, relative to the size of the image, and scores."""
    scale = np.tile(IMAGE_HW[::-1], 2)
    np.testing.assert_allclose(found.boxes_xyxy / scale, expected.boxes_xyxy / scale, atol=atol)
    np.testing.assert_allclose(found.token_scores, expected.token_scores, atol=atol)


def detector_of(
    model: original.GroundingDINO, runtime: Runtime | None = None, prompts_per_batch: int = 8
) -> GroundingDinoDetector:
    """A detector over a copy of the model, so that the model stays as the library made it."""
    runtime = runtime or Runtime("cpu")
    copied = copy.deepcopy(model)
    return GroundingDinoDetector(copied, model.tokenizer, runtime, prompts_per_batch)


def whole_of_package(
    model: original.GroundingDINO, pixels: Tensor, caption: str
) -> dict[str, Tensor]:
    """The library's own forward pass over one image, (3, h, w), and one caption."""
    with torch.no_grad(), grounding_dino._quiet():
        answer: dict[str, Tensor] = model(pixels[None], captions=[caption])
    return answer
