import copy
import re
import shutil
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
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    PreTrainedTokenizerBase,
    SwinConfig,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors import Detections, caption_detector, grounding_dino
from teacher.saa.detectors.captions import load_tokenizer
from teacher.saa.detectors.grounding_dino import (
    GroundingDinoDetector,
    build_grounding_dino,
    load_grounding_dino,
    ms_deform_attn,
    original,
    prepare_image,
)
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from util.errors import UserError
from util.weights.finding import locate

WORDS = ["a", "bird", "sea", "shear", "##water", "gu", "##ll", "on", "water", "white"]
PHRASES = ["bird", "A white Shearwater on water ", "sea. gull."]
CAPTIONS = ["bird.", "a white shearwater on water.", "sea. gull."]
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


@pytest.fixture(autouse=True, scope="module")
def small_and_on_one_thread() -> Iterator[None]:
    """Resize to 64 pixels, and run on one thread: several mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with (
        patch.object(grounding_dino, "SHORT_SIDE_PX", 64),
        patch.object(grounding_dino, "LONG_SIDE_PX", 107),
    ):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small vocabulary, in which the special tokens have the numbers of BERT."""
    lines = [f"[unused{number}]" for number in range(BERT.vocab_size)]
    lines[0], lines[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines[1012], lines[1029] = ".", "?"
    lines[500 : 500 + len(WORDS)] = WORDS
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tokenizer(vocabulary: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(vocabulary)


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


def randomise(model: nn.Module) -> None:
    """Give all weights some spread; the library leaves many at 0, and all boxes alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 12
            parameter += torch.randn(parameter.shape, generator=generator) * 0.7 * fan_in**-0.5


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerBase) -> original.GroundingDINO:
    return small_model(tokenizer)


def detector_of(
    model: original.GroundingDINO, runtime: Runtime | None = None, prompts_per_batch: int = 8
) -> GroundingDinoDetector:
    """A detector over a copy of the model, so that the model stays as the library made it."""
    runtime = runtime or Runtime("cpu")
    copied = copy.deepcopy(model)
    return GroundingDinoDetector(copied, model.tokenizer, runtime, prompts_per_batch)


@pytest.fixture(scope="module")
def detector(model: original.GroundingDINO) -> GroundingDinoDetector:
    return detector_of(model)


def paint(size_hw: tuple[int, int] = IMAGE_HW) -> np.ndarray:
    """Noise with a red and a blue area, so that the order of the channels matters."""
    image = np.random.default_rng(0).integers(0, 90, (*size_hw, 3), dtype=np.uint8)
    image[: size_hw[0] // 2, : size_hw[1] // 3, 0] += 150
    image[size_hw[0] // 3 :, size_hw[1] // 2 :, 2] += 150
    return image


def whole(model: original.GroundingDINO, pixels: Tensor, caption: str) -> dict[str, Tensor]:
    """The library's own forward pass over one image, (3, h, w), and one caption."""
    with torch.no_grad(), grounding_dino._quiet():
        answer: dict[str, Tensor] = model(pixels[None], captions=[caption])
    return answer


def close(found: Detections, expected: Detections, atol: float) -> None:
    """Compare boxes, relative to the size of the image, and scores."""
    scale = np.tile(IMAGE_HW[::-1], 2)
    np.testing.assert_allclose(found.boxes_xyxy / scale, expected.boxes_xyxy / scale, atol=atol)
    np.testing.assert_allclose(found.token_scores, expected.token_scores, atol=atol)


def as_detections(answer: dict[str, Tensor], tokens: tuple[str, ...]) -> Detections:
    """What the library says about one caption, by the formula of its own demonstration."""
    height, width = IMAGE_HW
    boxes = answer["pred_boxes"][0].numpy()
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    corners = np.concatenate([low, high], axis=1) * [width, height, width, height]
    corners = corners.clip(0, [width, height, width, height])
    scores = answer["pred_logits"][0].sigmoid().numpy()[:, : len(tokens)]
    return Detections(corners, scores, tokens)


def test_encode_then_detect_is_the_library_whole(
    model: original.GroundingDINO, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it costs is looked at below.
    monkeypatch.setattr(caption_detector, "to_half", lambda features, _model: dict(features))
    detector = detector_of(model)
    found = detector.detect(detector.encode(paint()), PHRASES)
    for answer, caption in zip(found, CAPTIONS, strict=True):
        expected = whole(model, prepare_image(paint()), caption)
        close(answer, as_detections(expected, answer.tokens), atol=1e-5)
        assert np.ptp(answer.boxes_xyxy, axis=0).min() > 1
        assert np.ptp(answer.token_scores, axis=0).max() > 0.1


def test_half_precision_of_the_encoding_changes_little(
    model: original.GroundingDINO, detector: GroundingDinoDetector
) -> None:
    found = detector.detect(detector.encode(paint()), PHRASES)
    for answer, caption in zip(found, CAPTIONS, strict=True):
        expected = whole(model, prepare_image(paint()), caption)
        close(answer, as_detections(expected, answer.tokens), atol=5e-3)


@pytest.mark.parametrize("caption", CAPTIONS)
def test_faster_attention_changes_no_answer_of_the_whole_model(
    model: original.GroundingDINO, caption: str
) -> None:
    exact = copy.deepcopy(model).double()
    pixels = prepare_image(paint()).double()
    expected = whole(exact, pixels, caption)
    grounding_dino.speed_up(exact)
    name = "multi_scale_deformable_attn_pytorch"
    with patch.object(ms_deform_attn, name, grounding_dino.deformable_attention):
        found = whole(exact, pixels, caption)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_image_encoder_runs_once_and_never_for_a_phrase(detector: GroundingDinoDetector) -> None:
    calls = []
    hook = detector.model.backbone[0].register_forward_hook(lambda *_: calls.append(1))
    encoding = detector.encode(paint())
    assert len(calls) == 1
    detector.detect(encoding, PHRASES)
    detector.detect(encoding, PHRASES)
    assert len(calls) == 1
    hook.remove()


def test_encoding_is_half_precision_tensors_and_enough(detector: GroundingDinoDetector) -> None:
    encoding = detector.encode(paint())
    kept = {name: torch.from_numpy(value.numpy()) for name, value in encoding.items()}
    assert {value.dtype for value in encoding.values()} == {torch.float16, torch.int64}
    (before,), (after,) = detector.detect(encoding, ["bird"]), detector.detect(kept, ["bird"])
    np.testing.assert_array_equal(before.boxes_xyxy, after.boxes_xyxy)
    np.testing.assert_array_equal(before.token_scores, after.token_scores)


@pytest.mark.parametrize("prompts_per_batch", [1, 2, 8])
def test_phrases_in_a_batch_are_answered_as_alone(
    model: original.GroundingDINO, detector: GroundingDinoDetector, prompts_per_batch: int
) -> None:
    batched = detector_of(model, prompts_per_batch=prompts_per_batch)
    encoding = detector.encode(paint())
    for phrase, answer in zip(PHRASES, batched.detect(encoding, PHRASES), strict=True):
        (alone,) = detector.detect(encoding, [phrase])
        assert answer.tokens == alone.tokens
        close(answer, alone, atol=1e-5)


def test_no_phrases_have_no_answers(detector: GroundingDinoDetector) -> None:
    assert detector.detect(detector.encode(paint()), []) == []


def test_tokens_come_in_order_and_what_is_no_word_is_empty(
    detector: GroundingDinoDetector,
) -> None:
    answers = detector.detect(detector.encode(paint()), [*PHRASES, "", "what?"])
    assert [answer.tokens for answer in answers] == [
        ("", "bird", "", ""),
        ("", "a", "white", "shear", "##water", "on", "water", "", ""),
        ("", "sea", "", "gu", "##ll", "", ""),
        ("", "", ""),
        ("", "[UNK]", "", "", ""),
    ]
    for answer in answers:
        assert answer.boxes_xyxy.shape == (12, 4)
        assert answer.token_scores.shape == (12, len(answer.tokens))
        assert answer.boxes_xyxy.dtype == answer.token_scores.dtype == np.float32
    assert answers[2].phrases(text_threshold=0.0)[0] == "sea gull"


def test_boxes_are_pixels_of_a_wide_image_and_clipped(
    detector: GroundingDinoDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.25], [0.0, 0.9, 0.2, 0.4], [0.1, 0.2, 0.0, 0.0]]])
    logits = torch.full((1, 3, 256), -torch.inf)
    logits[..., :4] = torch.tensor([-1.0, 2.0, 0.0, -3.0])
    answer = {"pred_boxes": boxes, "pred_logits": logits}
    encoding = detector.encode(paint())
    monkeypatch.setattr(detector.model, "forward", lambda *_, **__: answer)
    (found,) = detector.detect(encoding, ["bird"])
    expected = [[15, 15, 45, 25], [0, 28, 6, 40], [6, 8, 6, 8]]
    np.testing.assert_allclose(found.boxes_xyxy, expected, atol=1e-5)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-2.0)), rtol=1e-6)


@pytest.mark.parametrize(
    ("size_hw", "resized_hw"), [((600, 900), (800, 1200)), ((1000, 3000), (444, 1332))]
)
def test_images_are_resized_as_published(
    size_hw: tuple[int, int], resized_hw: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounding_dino, "SHORT_SIDE_PX", 800)
    monkeypatch.setattr(grounding_dino, "LONG_SIDE_PX", 1333)
    assert prepare_image(np.zeros((*size_hw, 3), np.uint8)).shape == (3, *resized_hw)


def test_the_backbone_sees_rgb(detector: GroundingDinoDetector) -> None:
    seen: list[Tensor] = []
    hook = detector.model.backbone[0].register_forward_hook(
        lambda _, given, __: seen.append(given[0].tensors)
    )
    red = np.zeros((*IMAGE_HW, 3), np.uint8)
    red[..., 0] = 255
    detector.encode(red)
    hook.remove()
    expected = (torch.tensor([1.0, 0, 0]) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    torch.testing.assert_close(seen[0].mean(dim=(0, 2, 3)), expected)


def test_red_and_blue_are_not_the_same(detector: GroundingDinoDetector) -> None:
    answers = [
        detector.detect(detector.encode(image), ["bird"])[0].token_scores
        for image in (paint(), paint()[..., ::-1].copy())
    ]
    assert np.abs(answers[0] - answers[1]).max() > 0.01


def test_bfloat16_stays_close(tokenizer: PreTrainedTokenizerBase) -> None:
    # With as many queries as places, all alike, rounding cannot change which places are asked.
    model = small_model(tokenizer, num_queries=128)
    with torch.no_grad():
        model.transformer.tgt_embed.weight[:] = model.transformer.tgt_embed.weight[0].clone()
    exact, rough = detector_of(model), detector_of(model, Runtime("cpu", "bf16"))
    for detectors in (exact, rough):
        assert detectors.runtime.dtype in (torch.float32, torch.bfloat16)
    expected = exact.detect(exact.encode(paint()), PHRASES)
    found = rough.detect(rough.encode(paint()), PHRASES)
    for answer, reference in zip(found, expected, strict=True):
        scores = [np.sort(each.token_scores, axis=0) for each in (answer, reference)]
        np.testing.assert_allclose(*scores, atol=0.02)


@pytest.mark.parametrize("part", ["backbone.0", "transformer.encoder", "transformer.decoder"])
def test_a_model_of_no_numbers_is_refused(model: original.GroundingDINO, part: str) -> None:
    detector = detector_of(model)
    with torch.no_grad():
        for parameter in detector.model.get_submodule(part).parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(UserError, match="GroundingDINO has answered with NaN"):
        detector.detect(detector.encode(paint()), ["bird"])


def test_a_prompt_beyond_the_limit_is_refused(detector: GroundingDinoDetector) -> None:
    with pytest.raises(UserError, match=r"'bird bird.* has 303 tokens and the detector reads 256"):
        detector.detect(detector.encode(paint()), ["bird " * 300])


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


@pytest.mark.parametrize("caption", CAPTIONS)
def test_the_package_and_transformers_agree(
    model: original.GroundingDINO,
    twin: GroundingDinoForObjectDetection,
    tokenizer: PreTrainedTokenizerBase,
    caption: str,
) -> None:
    pixels = prepare_image(paint())
    expected = whole(model, pixels, caption)
    with torch.no_grad():
        found = twin(pixels[None], **tokenizer(caption, return_tensors="pt"))
    torch.testing.assert_close(found.pred_boxes, expected["pred_boxes"], rtol=0, atol=1e-4)
    scores = found.logits.sigmoid(), expected["pred_logits"].sigmoid()
    torch.testing.assert_close(*scores, rtol=0, atol=1e-4)


def test_both_backends_give_the_same_answers(
    detector: GroundingDinoDetector,
    twin: GroundingDinoForObjectDetection,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    other = HuggingFaceGroundingDino(
        copy.deepcopy(twin), None, tokenizer, Runtime("cpu"), prompts_per_batch=2
    )
    encoding = detector.encode(paint())
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


def test_a_vocabulary_in_the_cache_of_the_hub_is_found_by_name(
    vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--google-bert--bert-base-uncased"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0a1b", encoding="utf-8")
    shutil.copytree(vocabulary, kept / "snapshots" / "0a1b")
    folder = locate(None, "text encoder", "groundingdino", tmp_path / "weights")
    tokenizer = load_tokenizer(folder)
    assert tokenizer("a bird")["input_ids"] == [101, 500, 501, 102]


def test_a_missing_vocabulary_is_fetched_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(UserError, match=r"teacher\.text_encoder.*--fetch google-bert/bert-base"):
        locate(None, "text encoder", "groundingdino", tmp_path / "weights")
    with pytest.raises(UserError, match=r"has no vocab\.txt; give a .* or fetch google-bert"):
        load_tokenizer(tmp_path)


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    words = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *WORDS])
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    with pytest.raises(UserError, match=r"vocab\.txt is not the vocabulary of bert-base-uncased"):
        load_tokenizer(tmp_path)
