"""What every detector promises, of whichever library and model."""

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import (
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    MMGroundingDinoForObjectDetection,
    Owlv2ForObjectDetection,
    Owlv2Processor,
    PreTrainedTokenizerBase,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors import Detections, caption_detector, owl
from teacher.saa.detectors.grounding_dino import GroundingDinoDetector, original, prepare_image
from teacher.saa.detectors.hugging_face import load_hugging_face_detector
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from teacher.saa.detectors.owl import HuggingFaceOwl
from tests.teacher.saa.detectors.small_detectors import (
    BOXES,
    CAPTIONS,
    DINOS,
    IMAGE_HW,
    KINDS,
    PACKAGE,
    PHRASES,
    AnyDetector,
    close,
    detector_of,
    small_dino,
    small_model,
    whole_of_package,
)
from tests.teacher.saa.small_models import counting, paint
from util.errors import PromptError, UserError
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD

pytestmark = pytest.mark.usefixtures("one_thread", "small_images")

Build = Callable[..., AnyDetector]
Reference = Callable[[np.ndarray, str], Detections]
IMAGE = paint(IMAGE_HW)
OF_CAPTIONS = pytest.mark.parametrize("kind", [PACKAGE, *DINOS], indirect=True)


@pytest.fixture(scope="module", params=[PACKAGE, *KINDS])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def build(kind: str, model: original.GroundingDINO, folders: dict[str, Path]) -> Build:
    """Makes a detector anew, with a runtime and a number of prompts at once."""

    def build(runtime: Runtime | None = None, prompts_per_batch: int = 8) -> AnyDetector:
        if kind == PACKAGE:
            return detector_of(model, runtime, prompts_per_batch)
        runtime = runtime or Runtime("cpu")
        return load_hugging_face_detector(folders[kind], runtime, prompts_per_batch)

    return build


@pytest.fixture(scope="module")
def detector(build: Build) -> AnyDetector:
    return build()


@pytest.fixture(scope="module")
def whole(kind: str, model: original.GroundingDINO, folders: dict[str, Path]) -> Reference:
    """The library's own way from an image and a phrase to boxes and scores."""
    if kind == PACKAGE:
        return lambda image, phrase: whole_package(model, image, CAPTIONS[phrase])
    if kind == "owlv2":
        model_of_owl = Owlv2ForObjectDetection.from_pretrained(folders[kind])
        processor_of_owl = Owlv2Processor.from_pretrained(folders[kind])
        return lambda image, phrase: whole_owl(model_of_owl, processor_of_owl, image, phrase)
    is_mm = kind == "mm_grounding_dino"
    model_class = MMGroundingDinoForObjectDetection if is_mm else GroundingDinoForObjectDetection
    dino = model_class.from_pretrained(folders[kind])
    processor = GroundingDinoProcessor.from_pretrained(folders[kind])
    return lambda image, phrase: whole_dino(dino, processor, image, phrase)


def whole_package(model: original.GroundingDINO, image: np.ndarray, caption: str) -> Detections:
    """What the package says about one caption, by the formula of its own demonstration."""
    answer = whole_of_package(model, prepare_image(image), caption)
    height, width = IMAGE_HW
    boxes = answer["pred_boxes"][0].numpy()
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    corners = np.concatenate([low, high], axis=1) * [width, height, width, height]
    corners = corners.clip(0, [width, height, width, height])
    num_tokens = len(model.tokenizer(caption)["input_ids"])
    scores = answer["pred_logits"][0].sigmoid().numpy()[:, :num_tokens]
    return Detections(corners, scores, ())


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


def encoder_of(detector: AnyDetector) -> nn.Module:
    """The part of a model that looks at images."""
    if isinstance(detector, GroundingDinoDetector):
        backbone: nn.Module = detector.model.backbone[0]
        return backbone
    if isinstance(detector, HuggingFaceOwl):
        return detector.model.owlv2.vision_model
    return detector.model.model.backbone.conv_encoder


def test_encode_then_detect_is_the_library_whole(
    build: Build, whole: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (caption_detector, owl):  # what it costs is looked at below
        monkeypatch.setattr(module, "to_half", lambda features, _model: dict(features))
    detector = build()
    found = detector.detect(detector.encode(IMAGE), PHRASES)
    for phrase, answer in zip(PHRASES, found, strict=True):
        close(answer, whole(IMAGE, phrase), atol=1e-5)
        assert np.ptp(answer.boxes_xyxy, axis=0).min() > 1
        assert np.ptp(answer.token_scores, axis=0).max() > 0.1


def test_half_precision_of_the_encoding_changes_little(
    detector: AnyDetector, whole: Reference
) -> None:
    found = detector.detect(detector.encode(IMAGE), PHRASES)
    for phrase, answer in zip(PHRASES, found, strict=True):
        close(answer, whole(IMAGE, phrase), atol=5e-3)


def test_image_encoder_runs_once_and_never_for_a_phrase(detector: AnyDetector) -> None:
    with counting(encoder_of(detector)) as calls:
        encoding = detector.encode(IMAGE)
        assert len(calls) == 1
        detector.detect(encoding, PHRASES)
        detector.detect(encoding, PHRASES)
        assert len(calls) == 1


def test_encoding_is_half_precision_tensors_and_enough(detector: AnyDetector) -> None:
    encoding = detector.encode(IMAGE)
    kept = {name: torch.from_numpy(value.numpy()) for name, value in encoding.items()}
    assert {value.dtype for value in encoding.values()} == {torch.float16, torch.int64}
    (before,), (after,) = detector.detect(encoding, ["bird"]), detector.detect(kept, ["bird"])
    np.testing.assert_array_equal(before.boxes_xyxy, after.boxes_xyxy)
    np.testing.assert_array_equal(before.token_scores, after.token_scores)


@pytest.mark.parametrize("prompts_per_batch", [1, 2, 8])
def test_phrases_in_a_batch_are_answered_as_alone(
    build: Build, detector: AnyDetector, prompts_per_batch: int
) -> None:
    batched = build(prompts_per_batch=prompts_per_batch)
    encoding = detector.encode(IMAGE)
    for phrase, answer in zip(PHRASES, batched.detect(encoding, PHRASES), strict=True):
        (alone,) = detector.detect(encoding, [phrase])
        assert answer.tokens == alone.tokens
        close(answer, alone, atol=1e-5)


def test_no_phrases_have_no_answers(detector: AnyDetector) -> None:
    assert detector.detect(detector.encode(IMAGE), []) == []


@OF_CAPTIONS
def test_tokens_come_in_order_and_what_is_no_word_is_empty(detector: AnyDetector) -> None:
    answers = detector.detect(detector.encode(IMAGE), [*PHRASES, "", "what?"])
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


class Answer(dict[str, Tensor]):
    """What a model says, in the form of either library."""

    __getattr__ = dict.__getitem__


@OF_CAPTIONS
def test_boxes_are_pixels_of_a_wide_image_and_clipped(
    detector: AnyDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.full((1, 3, 256), -torch.inf)
    logits[..., :4] = torch.tensor([-1.0, 2.0, 0.0, -3.0])
    answer = Answer(pred_boxes=BOXES, pred_logits=logits, logits=logits)
    encoding = detector.encode(IMAGE)
    monkeypatch.setattr(detector.model, "forward", lambda *_, **__: answer)
    (found,) = detector.detect(encoding, ["bird"])
    expected = [[15, 15, 45, 25], [0, 28, 6, 40], [6, 8, 6, 8]]
    np.testing.assert_allclose(found.boxes_xyxy, expected, atol=1e-5)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-2.0)), rtol=1e-6)


def test_the_image_encoder_sees_rgb(detector: AnyDetector) -> None:
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 255
    with counting(encoder_of(detector)) as calls:
        detector.encode(red)
    if isinstance(detector, GroundingDinoDetector):
        pixels, mean, std = calls[0][0].tensors, IMAGE_MEAN, IMAGE_STD
    else:
        processor: Any = detector.image_processor
        pixels, mean, std = calls[0][0], processor.image_mean, processor.image_std
    expected = (torch.tensor([1.0, 0, 0]) - torch.tensor(mean)) / torch.tensor(std)
    torch.testing.assert_close(pixels.mean(dim=(0, 2, 3)), expected)


def test_red_and_blue_are_not_the_same(detector: AnyDetector) -> None:
    answers = [
        detector.detect(detector.encode(image), ["bird"])[0].token_scores
        for image in (IMAGE, IMAGE[..., ::-1].copy())
    ]
    assert np.abs(answers[0] - answers[1]).max() > 0.01


def alike_queries(
    kind: str, tokenizer: PreTrainedTokenizerBase, folders: dict[str, Path]
) -> Callable[[Runtime], AnyDetector]:
    """Makes detectors whose model has as many queries as places, all alike."""
    if kind == PACKAGE:
        model = small_model(tokenizer, num_queries=128)
        queries = model.transformer.tgt_embed.weight
    else:
        model = small_dino(kind, num_queries=128).eval()
        queries = model.model.query_position_embeddings.weight
    with torch.no_grad():
        queries[:] = queries[0].clone()
    if kind == PACKAGE:
        return lambda runtime: detector_of(model, runtime)
    loaded: Any = load_hugging_face_detector(folders[kind], Runtime("cpu"), 8)
    given = loaded.image_processor, loaded.tokenizer
    return lambda runtime: HuggingFaceGroundingDino(copy.deepcopy(model), *given, runtime, 8)


@OF_CAPTIONS
def test_bfloat16_stays_close(
    kind: str, tokenizer: PreTrainedTokenizerBase, folders: dict[str, Path]
) -> None:
    # So rounding cannot change which places are asked.
    build = alike_queries(kind, tokenizer, folders)
    exact, rough = build(Runtime("cpu")), build(Runtime("cpu", "bf16"))
    expected = exact.detect(exact.encode(IMAGE), PHRASES)
    found = rough.detect(rough.encode(IMAGE), PHRASES)
    for answer, reference in zip(found, expected, strict=True):
        scores = [np.sort(each.token_scores, axis=0) for each in (answer, reference)]
        np.testing.assert_allclose(*scores, atol=0.02)


@pytest.mark.parametrize("part", ["image encoder", "whole"])
def test_a_model_of_no_numbers_is_refused(build: Build, kind: str, part: str) -> None:
    detector = build()
    broken = encoder_of(detector) if part == "image encoder" else detector.model
    with torch.no_grad():
        for parameter in broken.parameters():
            parameter.fill_(torch.nan)
    name = "OWLv2" if kind == "owlv2" else "GroundingDINO"
    with pytest.raises(UserError, match=f"{name} has answered with NaN"):
        detector.detect(detector.encode(IMAGE), ["bird"])


def test_a_prompt_beyond_the_limit_is_refused(kind: str, detector: AnyDetector) -> None:
    count, limit = (r"\d+", 40) if kind == "owlv2" else (303, 256)
    why = rf"'bird bird.* has {count} tokens and the detector reads {limit} at most"
    with pytest.raises(UserError, match=why):
        detector.detect(detector.encode(IMAGE), ["bird", "bird " * 300])


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
