import copy
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    SwinConfig,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors import Detections, caption_detector, owl
from teacher.saa.detectors.hugging_face import load_hugging_face_detector
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from teacher.saa.detectors.owl import HuggingFaceOwl
from util.errors import PromptError, UserError

AnyDetector = HuggingFaceGroundingDino | HuggingFaceOwl
Reference = Callable[[np.ndarray, str], Detections]
WORDS = ["a", "bird", "sea", "shear", "##water", "gu", "##ll", "on", "water", "white"]
PHRASES = ["bird", "A white Shearwater on water ", "sea. gull."]
CAPTIONS = {
    "bird": "bird.",
    "A white Shearwater on water ": "a white shearwater on water.",
    "sea. gull.": "sea. gull.",
}
IMAGE_HW = (40, 60)
KINDS = ["grounding_dino", "mm_grounding_dino", "owlv2"]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Run small models on one thread: several mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def randomise(model: nn.Module, spread: float = 0.7) -> None:
    """Give all weights some spread; the library leaves many at 0, and all boxes alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 12
            parameter += torch.randn(parameter.shape, generator=generator) * spread * fan_in**-0.5


def small_dino(kind: str, num_queries: int = 12) -> Any:
    """GroundingDINO or MM-GroundingDINO with two layers of each kind and random weights."""
    torch.manual_seed(0)
    swin = SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 2, 1, 1],
        num_heads=[1, 2, 2, 4],
        window_size=4,
        out_indices=[2, 3, 4],
    )
    text = BertConfig(
        vocab_size=1030,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    is_mm = kind == "mm_grounding_dino"
    config = (MMGroundingDinoConfig if is_mm else GroundingDinoConfig)(
        backbone_config=swin,
        text_config=text,
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
    size = {"shortest_edge": 64, "longest_edge": 107}
    GroundingDinoImageProcessor(size=size).save_pretrained(folder)
    lines = [f"[unused{number}]" for number in range(1030)]
    lines[0], lines[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines[1012], lines[1029] = ".", "?"
    lines[500 : 500 + len(WORDS)] = WORDS
    BertTokenizer({line: number for number, line in enumerate(lines)}).save_pretrained(folder)


def write_owl(folder: Path) -> None:
    """Write a folder as the hub has it."""
    small_owl().save_pretrained(folder)
    Owlv2ImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    tokenizer = CLIPTokenizer(owl_vocabulary(), [], pad_token="!", model_max_length=40)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model's folder of each kind."""
    root = tmp_path_factory.mktemp("models")
    write_dino("grounding_dino", root / "grounding_dino")
    write_dino("mm_grounding_dino", root / "mm_grounding_dino")
    write_owl(root / "owlv2")
    return {kind: root / kind for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, folders: dict[str, Path]) -> Path:
    return folders[kind]


@pytest.fixture(scope="module")
def detector(folder: Path) -> AnyDetector:
    return load_hugging_face_detector(folder, Runtime("cpu"), 8)


def paint(size_hw: tuple[int, int] = IMAGE_HW) -> np.ndarray:
    """Noise with a red and a blue area, so that the order of the channels matters."""
    image = np.random.default_rng(0).integers(0, 90, (*size_hw, 3), dtype=np.uint8)
    image[: size_hw[0] // 2, : size_hw[1] // 3, 0] += 150
    image[size_hw[0] // 3 :, size_hw[1] // 2 :, 2] += 150
    return image


@pytest.fixture(scope="module")
def whole(kind: str, folder: Path) -> Reference:
    """The library's own way from an image and a phrase to boxes and scores."""
    if kind == "owlv2":
        owl = Owlv2ForObjectDetection.from_pretrained(folder)
        return lambda image, phrase: whole_owl(
            owl, Owlv2Processor.from_pretrained(folder), image, phrase
        )
    is_mm = kind == "mm_grounding_dino"
    model_class = MMGroundingDinoForObjectDetection if is_mm else GroundingDinoForObjectDetection
    dino = model_class.from_pretrained(folder)
    processor = GroundingDinoProcessor.from_pretrained(folder)
    return lambda image, phrase: whole_dino(dino, processor, image, phrase)


def whole_dino(model: Any, processor: Any, image: np.ndarray, phrase: str) -> Detections:
    given = processor(images=image, text=CAPTIONS[phrase], return_tensors="pt")
    with torch.no_grad():
        answer = model(**given)
    (found,) = processor.post_process_grounded_object_detection(
        answer, threshold=-1, target_sizes=[IMAGE_HW]
    )
    scores = answer.logits.sigmoid()[0, :, : given["input_ids"].shape[1]]
    np.testing.assert_array_equal(found["scores"], scores.amax(dim=1))
    return Detections(clipped(found["boxes"]), scores.numpy(), ())


def whole_owl(model: Any, processor: Any, image: np.ndarray, phrase: str) -> Detections:
    given = processor(images=image, text=[[phrase]], return_tensors="pt")
    with torch.no_grad():
        answer = model(**given)
    (found,) = processor.post_process_grounded_object_detection(
        answer, threshold=-1, target_sizes=[IMAGE_HW]
    )
    return Detections(clipped(found["boxes"]), found["scores"][:, None].numpy(), (phrase,))


def clipped(boxes: Tensor) -> np.ndarray:
    """Boxes within the image."""
    height, width = IMAGE_HW
    return boxes.numpy().clip(0, [width, height, width, height])


def close(found: Detections, expected: Detections, atol: float) -> None:
    """Compare boxes, relative to the size of the image, and scores."""
    scale = np.tile(IMAGE_HW[::-1], 2)
    np.testing.assert_allclose(found.boxes_xyxy / scale, expected.boxes_xyxy / scale, atol=atol)
    np.testing.assert_allclose(found.token_scores, expected.token_scores, atol=atol)


def encoder_of(detector: AnyDetector) -> nn.Module:
    """The part of a model that looks at images."""
    if isinstance(detector, HuggingFaceOwl):
        return detector.model.owlv2.vision_model
    return detector.model.model.backbone.conv_encoder


def test_encode_then_detect_is_the_library_whole(
    detector: AnyDetector, whole: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (caption_detector, owl):  # what it costs is looked at below
        monkeypatch.setattr(module, "to_half", lambda features, _model: dict(features))
    for phrase, answer in zip(
        PHRASES, detector.detect(detector.encode(paint()), PHRASES), strict=True
    ):
        close(answer, whole(paint(), phrase), atol=1e-5)
        assert np.ptp(answer.boxes_xyxy, axis=0).min() > 1
        assert np.ptp(answer.token_scores, axis=0).max() > 0.1


def test_half_precision_of_the_encoding_changes_little(
    detector: AnyDetector, whole: Reference
) -> None:
    for phrase, answer in zip(
        PHRASES, detector.detect(detector.encode(paint()), PHRASES), strict=True
    ):
        close(answer, whole(paint(), phrase), atol=5e-3)


def test_image_encoder_runs_once_and_never_for_a_phrase(detector: AnyDetector) -> None:
    calls = []
    hook = encoder_of(detector).register_forward_hook(lambda *_: calls.append(1))
    encoding = detector.encode(paint())
    assert len(calls) == 1
    detector.detect(encoding, PHRASES)
    detector.detect(encoding, PHRASES)
    assert len(calls) == 1
    hook.remove()


def test_encoding_is_half_precision_tensors_and_enough(detector: AnyDetector) -> None:
    encoding = detector.encode(paint())
    kept = {name: torch.from_numpy(value.numpy()) for name, value in encoding.items()}
    assert {value.dtype for value in encoding.values()} == {torch.float16, torch.int64}
    (before,), (after,) = detector.detect(encoding, ["bird"]), detector.detect(kept, ["bird"])
    np.testing.assert_array_equal(before.boxes_xyxy, after.boxes_xyxy)
    np.testing.assert_array_equal(before.token_scores, after.token_scores)


@pytest.mark.parametrize("prompts_per_batch", [1, 2])
def test_phrases_in_a_batch_are_answered_as_alone(
    folder: Path, detector: AnyDetector, prompts_per_batch: int
) -> None:
    batched = load_hugging_face_detector(folder, Runtime("cpu"), prompts_per_batch)
    encoding = detector.encode(paint())
    together = detector.detect(encoding, PHRASES)
    for answer, other in zip(together, batched.detect(encoding, PHRASES), strict=True):
        assert answer.tokens == other.tokens
        close(answer, other, atol=1e-5)


def test_no_phrases_have_no_answers(detector: AnyDetector) -> None:
    assert detector.detect(detector.encode(paint()), []) == []


@pytest.mark.parametrize("kind", ["grounding_dino", "mm_grounding_dino"], indirect=True)
def test_tokens_come_in_order_and_what_is_no_word_is_empty(detector: AnyDetector) -> None:
    answers = detector.detect(detector.encode(paint()), PHRASES)
    assert [answer.tokens for answer in answers] == [
        ("", "bird", "", ""),
        ("", "a", "white", "shear", "##water", "on", "water", "", ""),
        ("", "sea", "", "gu", "##ll", "", ""),
    ]
    for answer in answers:
        assert answer.boxes_xyxy.shape == (12, 4)
        assert answer.token_scores.shape == (12, len(answer.tokens))
        assert answer.boxes_xyxy.dtype == answer.token_scores.dtype == np.float32


@pytest.mark.parametrize("kind", ["owlv2"], indirect=True)
def test_a_phrase_is_one_token_of_owl(detector: AnyDetector) -> None:
    for phrase, answer in zip(
        PHRASES, detector.detect(detector.encode(paint()), PHRASES), strict=True
    ):
        assert answer.tokens == (phrase,)
        assert answer.boxes_xyxy.shape == (16, 4)
        assert answer.token_scores.shape == (16, 1)
        assert answer.boxes_xyxy.dtype == answer.token_scores.dtype == np.float32


BOXES = torch.tensor([[[0.5, 0.5, 0.5, 0.25], [0.0, 0.9, 0.2, 0.4], [0.1, 0.2, 0.0, 0.0]]])


@pytest.mark.parametrize("kind", ["grounding_dino"], indirect=True)
def test_boxes_are_pixels_of_a_wide_image_and_clipped(
    detector: AnyDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer:
        pred_boxes = BOXES
        logits = torch.zeros(1, 3, 256)

    encoding = detector.encode(paint())
    monkeypatch.setattr(detector.model, "forward", lambda **_: Answer)
    (found,) = detector.detect(encoding, ["bird"])
    expected = [[15, 15, 45, 25], [0, 28, 6, 40], [6, 8, 6, 8]]
    np.testing.assert_allclose(found.boxes_xyxy, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["owlv2"], indirect=True)
@pytest.mark.parametrize("is_tall", [False, True])
def test_boxes_of_owl_are_relative_to_the_padded_square(
    detector: AnyDetector, is_tall: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = detector.encode(paint(IMAGE_HW[::-1] if is_tall else IMAGE_HW))
    monkeypatch.setattr(detector.model, "box_predictor", lambda *_: BOXES)
    (found,) = detector.detect(encoding, ["bird"])
    wide = [[15, 22.5, 45, 37.5], [0, 40, 6, 40], [6, 12, 6, 12]]
    tall = [[15, 22.5, 40, 37.5], [0, 42, 6, 60], [6, 12, 6, 12]]
    np.testing.assert_allclose(found.boxes_xyxy, tall if is_tall else wide, atol=1e-5)


def test_the_image_encoder_sees_rgb(detector: AnyDetector) -> None:
    seen: list[Tensor] = []
    hook = encoder_of(detector).register_forward_pre_hook(
        lambda _, given, named: seen.append([*given, *named.values()][0]), with_kwargs=True
    )
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 255
    detector.encode(red)
    hook.remove()
    processor = detector.image_processor
    expected = (torch.tensor([1.0, 0, 0]) - torch.tensor(processor.image_mean)) / torch.tensor(
        processor.image_std
    )
    torch.testing.assert_close(seen[0].mean(dim=(0, 2, 3)), expected, rtol=0, atol=1e-4)


def test_red_and_blue_are_not_the_same(detector: AnyDetector) -> None:
    answers = [
        detector.detect(detector.encode(image), ["bird"])[0].token_scores
        for image in (paint(), paint()[..., ::-1].copy())
    ]
    assert np.abs(answers[0] - answers[1]).max() > 0.01


@pytest.mark.parametrize("kind", ["grounding_dino", "mm_grounding_dino"], indirect=True)
def test_bfloat16_stays_close(kind: str, detector: HuggingFaceGroundingDino) -> None:
    # With as many queries as places, all alike, rounding cannot change which places are asked.
    model = small_dino(kind, num_queries=128).eval()
    with torch.no_grad():
        queries = model.model.query_position_embeddings.weight
        queries[:] = queries[0].clone()
    given = detector.image_processor, detector.tokenizer
    exact, rough = (
        HuggingFaceGroundingDino(copy.deepcopy(model), *given, Runtime("cpu", precision), 8)
        for precision in ("fp32", "bf16")
    )
    expected = exact.detect(exact.encode(paint()), PHRASES)
    found = rough.detect(rough.encode(paint()), PHRASES)
    for answer, reference in zip(found, expected, strict=True):
        scores = [np.sort(each.token_scores, axis=0) for each in (answer, reference)]
        np.testing.assert_allclose(*scores, atol=0.02)


@pytest.mark.parametrize("kind", ["owlv2"], indirect=True)
def test_bfloat16_stays_close_for_owl(folder: Path, detector: AnyDetector) -> None:
    rough = load_hugging_face_detector(folder, Runtime("cpu", "bf16"), 8)
    encoding = detector.encode(paint())
    expected = detector.detect(encoding, PHRASES)
    for answer, reference in zip(
        rough.detect(rough.encode(paint()), PHRASES), expected, strict=True
    ):
        np.testing.assert_allclose(answer.token_scores, reference.token_scores, atol=0.02)
    for answer, reference in zip(rough.detect(encoding, PHRASES), expected, strict=True):
        np.testing.assert_array_equal(answer.boxes_xyxy, reference.boxes_xyxy)


def test_a_model_of_no_numbers_is_refused(folder: Path, kind: str) -> None:
    for part in ("image", "rest"):
        detector = load_hugging_face_detector(folder, Runtime("cpu"), 8)
        broken = encoder_of(detector) if part == "image" else detector.model
        with torch.no_grad():
            for parameter in broken.parameters():
                parameter.fill_(torch.nan)
        name = "OWLv2" if kind == "owlv2" else "GroundingDINO"
        with pytest.raises(UserError, match=f"{name} has answered with NaN"):
            detector.detect(detector.encode(paint()), ["bird"])


def test_a_prompt_beyond_the_limit_is_refused(detector: AnyDetector) -> None:
    with pytest.raises(UserError, match=r"'bird bird.* tokens and the detector reads \d+ at most"):
        detector.detect(detector.encode(paint()), ["bird", "bird " * 300])


def test_phrases_beyond_the_limit_are_told_together_in_our_words(
    detector: AnyDetector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector.check_phrases(["bird", "sea"])
    monkeypatch.setattr(detector.tokenizer, "model_max_length", 64)  # beyond which it warns
    library = logging.getLogger("transformers")
    monkeypatch.setattr(library, "handlers", [*library.handlers, caplog.handler])
    with pytest.raises(PromptError) as error:
        detector.check_phrases(["sea", "bird " * 600, "gull " * 700])
    assert "'bird bird" in str(error.value)
    assert "'gull gull" in str(error.value)
    assert "\n" not in str(error.value)
    assert not caplog.records


def test_folders_as_published_are_loaded(folder: Path, kind: str, tmp_path: Path) -> None:
    """The hub's folders were written by older releases, with other buffers in them."""
    copied = shutil.copytree(folder, tmp_path / "published")
    weights = load_file(copied / "model.safetensors")
    text = "owlv2.text_model" if kind == "owlv2" else "model.text_backbone"
    weights[f"{text}.embeddings.position_ids"] = torch.arange(16)[None]
    for name in [name for name in weights if "model.swin.layernorm." in name]:
        del weights[name]
    if kind != "owlv2":
        block = "model.backbone.conv_encoder.model.encoder.layers.0.blocks.0.attention.self"
        weights[f"{block}.relative_position_index"] = torch.zeros(16, 16, dtype=torch.int64)
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    expected = load_hugging_face_detector(folder, Runtime("cpu"), 8)
    found = load_hugging_face_detector(copied, Runtime("cpu"), 8)
    encoding = expected.encode(paint())
    close(found.detect(encoding, ["bird"])[0], expected.detect(encoding, ["bird"])[0], atol=0)


def test_another_model_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    with pytest.raises(UserError, match=r"'bert'.* grounding-dino, mm-grounding-dino, owlv2"):
        load_hugging_face_detector(tmp_path, Runtime("cpu"), 8)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.config\.json"):
        load_hugging_face_detector(tmp_path / "missing", Runtime("cpu"), 8)


@pytest.mark.parametrize("file", ["model.safetensors", "preprocessor_config.json", "tokenizer"])
def test_a_folder_that_is_not_whole_is_refused(folder: Path, file: str, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    for path in copied.glob(f"{file}*"):
        path.unlink()
    with pytest.raises(UserError, match=r"copied.*fetch"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    content = (folder / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="copied holds no whole"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)


def test_missing_weights_are_named(folder: Path, kind: str, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    weights = load_file(copied / "model.safetensors")
    name = "class_head.dense0.weight" if kind == "owlv2" else "model.text_projection.weight"
    del weights[name]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=f"copied .*{name}"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)
