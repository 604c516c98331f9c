import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import (
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    PreTrainedTokenizerBase,
    SwinConfig,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors import grounding_dino
from teacher.saa.detectors.captions import load_tokenizer
from teacher.saa.detectors.grounding_dino import (
    build_grounding_dino,
    load_grounding_dino,
    ms_deform_attn,
    original,
    prepare_image,
)
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from tests.teacher.saa.detectors.small_detectors import (
    BERT,
    CAPTIONS,
    IMAGE_HW,
    PHRASES,
    SWIN,
    close,
    detector_of,
    whole_of_package,
)
from tests.teacher.saa.small_models import paint
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread", "small_images")
IMAGE = paint(IMAGE_HW)


@pytest.mark.parametrize("caption", CAPTIONS.values())
def test_faster_attention_changes_no_answer_of_the_whole_model(
    model: original.GroundingDINO, caption: str
) -> None:
    exact = copy.deepcopy(model).double()
    pixels = prepare_image(IMAGE).double()
    expected = whole_of_package(exact, pixels, caption)
    grounding_dino.speed_up(exact)
    name = "multi_scale_deformable_attn_pytorch"
    with patch.object(ms_deform_attn, name, grounding_dino.deformable_attention):
        found = whole_of_package(exact, pixels, caption)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("size_hw", "resized_hw"), [((600, 900), (800, 1200)), ((1000, 3000), (444, 1332))]
)
def test_images_are_resized_as_published(
    size_hw: tuple[int, int], resized_hw: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounding_dino, "SHORT_SIDE_PX", 800)
    monkeypatch.setattr(grounding_dino, "LONG_SIDE_PX", 1333)
    assert prepare_image(np.zeros((*size_hw, 3), np.uint8)).shape == (3, *resized_hw)


@pytest.mark.parametrize("part", ["transformer.encoder", "transformer.decoder"])
def test_a_part_of_no_numbers_is_refused(model: original.GroundingDINO, part: str) -> None:
    detector = detector_of(model)
    with torch.no_grad():
        for parameter in detector.model.get_submodule(part).parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(UserError, match="GroundingDINO has answered with NaN"):
        detector.detect(detector.encode(IMAGE), ["bird"])


SWIN_OF_TRANSFORMERS = "model.backbone.conv_encoder.model."
NAMES_OF_TRANSFORMERS = (
    (r"^backbone\.0\.patch_embed\.proj", r"<swin>swin.embeddings.patch_embeddings.projection"),
    (r"^backbone\.0\.patch_embed\.norm", r"<swin>swin.embeddings.norm"),
    (r"^backbone\.0\.norm1", r"<swin>hidden_states_norms.stage2"),
    (r"^backbone\.0\.norm2", r"<swin>hidden_states_norms.stage3"),
    (r"^backbone\.0\.norm3", r"<swin>hidden_states_norms.stage4"),
    (r"^backbone\.0\.layers", r"<swin>swin.encoder.layers"),
    (r"^(<swin>.*)\.norm1", r"\1.layernorm_before"),
    (r"^(<swin>.*)\.norm2", r"\1.layernorm_after"),
    (r"^(<swin>.*)\.attn\.proj", r"\1.attention.o_proj"),
    (
        r"^(<swin>.*)\.attn\.relative_position_bias_table",
        r"\1.attention.relative_position_bias.relative_position_bias_table",
    ),
    (r"^(<swin>.*)\.attn\.", r"\1.attention."),
    (r"^input_proj", r"model.input_proj_vision"),
    (r"^bert", r"model.text_backbone"),
    (r"^feat_map", r"model.text_projection"),
    (r"^transformer\.tgt_embed", r"model.query_position_embeddings"),
    (r"^transformer\.enc_out_bbox_embed", r"model.encoder_output_bbox_embed"),
    (r"^transformer\.decoder\.norm", r"model.decoder.layer_norm"),
    (r"^transformer\.decoder\.ref_point_head", r"model.decoder.reference_points_head"),
    (r"^transformer\.encoder\.layers\.(\d+)", r"<encoder>\1.deformable_layer"),
    (r"^transformer\.encoder\.text_layers\.(\d+)", r"<encoder>\1.text_enhancer_layer"),
    (r"^transformer\.encoder\.fusion_layers\.(\d+)", r"<encoder>\1.fusion_layer"),
    (r"^transformer\.decoder\.layers", r"<decoder>"),
    (r"^transformer\.", r"model."),
    (r"(deformable_layer|text_enhancer_layer|<decoder>.*)\.linear", r"\1.fc"),
    (r"deformable_layer\.norm1", r"deformable_layer.self_attn_layer_norm"),
    (r"deformable_layer\.norm2", r"deformable_layer.final_layer_norm"),
    (r"text_enhancer_layer\.norm1", r"text_enhancer_layer.layer_norm_before"),
    (r"text_enhancer_layer\.norm2", r"text_enhancer_layer.layer_norm_after"),
    (r"fusion_layer\.gamma_v", r"fusion_layer.vision_param"),
    (r"fusion_layer\.gamma_l", r"fusion_layer.text_param"),
    (r"fusion_layer\.layer_norm_v", r"fusion_layer.layer_norm_vision"),
    (r"fusion_layer\.layer_norm_l", r"fusion_layer.layer_norm_text"),
    (r"(fusion_layer\.attn.*)\b(values_|out_)?v_proj", r"\1\2vision_proj"),
    (r"(fusion_layer\.attn.*)\b(values_|out_)?l_proj", r"\1\2text_proj"),
    (r"(<decoder>.*)\.ca_text", r"\1.encoder_attn_text"),
    (r"(<decoder>.*)\.catext_norm", r"\1.encoder_attn_text_layer_norm"),
    (r"(<decoder>.*)\.cross_attn", r"\1.encoder_attn"),
    (r"(<decoder>.*)\.norm1", r"\1.encoder_attn_layer_norm"),
    (r"(<decoder>.*)\.norm2", r"\1.self_attn_layer_norm"),
    (r"(<decoder>.*)\.norm3", r"\1.final_layer_norm"),
    (r"<swin>", SWIN_OF_TRANSFORMERS),
    (r"<encoder>", r"model.encoder.layers."),
    (r"<decoder>", r"model.decoder.layers"),
)
"""Where transformers keeps what the package calls otherwise; replaced in this order."""


def weights_for_transformers(model: original.GroundingDINO) -> dict[str, Tensor]:
    """The weights of a model of the package under the names of transformers."""
    weights = {}
    for key, value in model.state_dict().items():
        name = key
        for pattern, replacement in NAMES_OF_TRANSFORMERS:
            name = re.sub(pattern, replacement, name)
        if match := re.search(r"(in_proj_|qkv\.)(weight|bias)$", name):
            swin = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
            for part, values in zip(swin, value.chunk(3), strict=True):
                part = swin[part] if match[1] == "qkv." else part
                weights[f"{name[: match.start()]}{part}.{match[2]}"] = values
        elif "pooler" not in name and not name.endswith("relative_position_index"):
            weights[name] = value
    return weights


@pytest.fixture(scope="module")
def twin(model: original.GroundingDINO) -> GroundingDinoForObjectDetection:
    """The same model in transformers."""
    swin = SwinConfig(image_size=64, window_size=4, out_indices=[2, 3, 4], **SWIN)
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=BERT,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=12,
    )
    twin = GroundingDinoForObjectDetection(config).eval()
    weights = weights_for_transformers(model)
    missing, unexpected = twin.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(".swin.layernorm." in key for key in missing)  # which is not used
    return twin


@pytest.mark.parametrize("caption", CAPTIONS.values())
def test_the_package_and_transformers_agree(
    model: original.GroundingDINO,
    twin: GroundingDinoForObjectDetection,
    tokenizer: PreTrainedTokenizerBase,
    caption: str,
) -> None:
    pixels = prepare_image(IMAGE)
    expected = whole_of_package(model, pixels, caption)
    with torch.no_grad():
        found = twin(pixels[None], **tokenizer(caption, return_tensors="pt"))
    torch.testing.assert_close(found.pred_boxes, expected["pred_boxes"], rtol=0, atol=1e-4)
    scores = found.logits.sigmoid(), expected["pred_logits"].sigmoid()
    torch.testing.assert_close(*scores, rtol=0, atol=1e-4)


def test_both_backends_give_the_same_answers(
    model: original.GroundingDINO,
    twin: GroundingDinoForObjectDetection,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    other = HuggingFaceGroundingDino(
        copy.deepcopy(twin), None, tokenizer, Runtime("cpu"), prompts_per_batch=2
    )
    detector = detector_of(model)
    encoding = detector.encode(IMAGE)
    for answer, expected in zip(
        other.detect(encoding, PHRASES), detector.detect(encoding, PHRASES), strict=True
    ):
        assert answer.tokens == expected.tokens
        close(answer, expected, atol=1e-4)


PUBLISHED_NAMES = [
    "module.backbone.0.patch_embed.proj.weight",
    "module.backbone.0.layers.2.blocks.5.attn.relative_position_index",
    "module.backbone.0.norm3.bias",
    "module.bert.embeddings.word_embeddings.weight",
    "module.bert.encoder.layer.11.attention.output.LayerNorm.bias",
    "module.bert.pooler.dense.weight",
    "module.bbox_embed.5.layers.2.weight",
    "module.feat_map.weight",
    "module.input_proj.3.1.weight",
    "module.transformer.level_embed",
    "module.transformer.tgt_embed.weight",
    "module.transformer.enc_out_bbox_embed.layers.2.bias",
    "module.transformer.encoder.layers.5.self_attn.sampling_offsets.weight",
    "module.transformer.encoder.text_layers.5.self_attn.in_proj_weight",
    "module.transformer.encoder.fusion_layers.5.gamma_v",
    "module.transformer.encoder.fusion_layers.5.attn.values_l_proj.weight",
    "module.transformer.decoder.bbox_embed.5.layers.0.bias",
    "module.transformer.decoder.layers.5.ca_text.out_proj.bias",
    "module.transformer.decoder.ref_point_head.layers.1.weight",
]


@pytest.fixture(scope="module")
def full_size() -> Iterator[Any]:
    """Build each published architecture in its full size, once, which takes seconds."""
    build = cache(build_grounding_dino)
    with patch.object(grounding_dino, "build_grounding_dino", build):
        yield build


def published(model: nn.Module) -> dict[str, Tensor]:
    """The content of a published checkpoint: its names and shapes, and every weight 2."""
    state = {
        f"module.{name}": torch.tensor(2, dtype=value.dtype).expand(value.shape)
        for name, value in model.state_dict().items()
    }
    state["module.label_enc.weight"] = torch.zeros(2001, 256)
    state["module.bert.embeddings.position_ids"] = torch.arange(512)[None]
    return state


@pytest.mark.parametrize(
    ("variant", "width", "wrapped"), [("swin_t", 96, True), ("swin_b", 128, False)]
)
def test_published_checkpoints_are_loaded_in_full(
    variant: str, width: int, wrapped: bool, full_size: Any, vocabulary: Path, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(vocabulary)
    state = published(full_size(variant, tokenizer))
    assert not set(PUBLISHED_NAMES) - state.keys()
    torch.save({"model": state} if wrapped else state, tmp_path / "weights.pth")
    with patch.object(grounding_dino, "load_tokenizer", lambda _: tokenizer):
        detector = load_grounding_dino(tmp_path / "weights.pth", vocabulary, Runtime("cpu"), 4)
    assert detector.model.backbone[0].embed_dim == width
    assert all((value == 2).all() for value in detector.model.state_dict().values())


def test_weights_that_do_not_fit_are_named(
    full_size: Any, vocabulary: Path, tmp_path: Path
) -> None:
    state = published(full_size("swin_t", load_tokenizer(vocabulary)))
    del state["module.feat_map.weight"]
    state["module.feat_map.bias"] = torch.zeros(7)
    state["module.feat_map.other"] = torch.zeros(7)
    torch.save({"model": state}, tmp_path / "weights.pth")
    with pytest.raises(
        UserError,
        match=r"missing: feat_map\.weight; unknown: feat_map\.other; .* shape: feat_map\.bias\)",
    ):
        load_grounding_dino(tmp_path / "weights.pth", vocabulary, Runtime("cpu"), 4)


@pytest.mark.parametrize(
    "content",
    [
        {"image_encoder.pos_embed": torch.zeros(3)},
        {"model": {"backbone.0.patch_embed.proj.weight": torch.zeros(7, 3, 4, 4)}},
        {"model": 3},
        [torch.zeros(3)],
        {"model": {"backbone.0.patch_embed.proj.weight": "text"}},
        {"model": Path("code that would run")},
    ],
)
def test_another_file_is_refused(content: Any, vocabulary: Path, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth holds no .* Swin-T or Swin-B"):
        load_grounding_dino(tmp_path / "other.pth", vocabulary, Runtime("cpu"), 4)


def test_a_damaged_or_missing_file_is_refused(vocabulary: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.pth"
    torch.save({"model": {"backbone.0.patch_embed.proj.weight": torch.zeros(96, 3, 4, 4)}}, whole)
    for name, content in (("cut", whole.read_bytes()[:9000]), ("empty", b""), ("text", b"<html>")):
        (tmp_path / f"{name}.pth").write_bytes(content)
    for name in ("cut", "empty", "text", "missing"):
        with pytest.raises(UserError, match=rf"{name}\.pth holds no whole checkpoint"):
            load_grounding_dino(tmp_path / f"{name}.pth", vocabulary, Runtime("cpu"), 4)
