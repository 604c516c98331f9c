"""Images and prompts before CLIP, and the maps that it gives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from teacher.clip.maps import balance, map_evidence, spread
from teacher.clip.seeing import see
from teacher.clip.teacher import ClipTeacher
from tests.teacher.clip.small_clip import ASKED, build, small_tokenizer
from tests.teacher.saa.small_models import Size, counting, paint
from util.errors import PromptError, UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def maps_of(teacher: ClipTeacher, image: np.ndarray, prompts: Sequence[str]) -> list[np.ndarray]:
    maps = []
    for content in teacher.label(image, prompts):
        assert content.soft_label is not None
        assert content.boxes is None
        maps.append(content.soft_label)
    return maps


def probability_of(teacher: ClipTeacher, image: np.ndarray, texts: list[str], count: int) -> float:
    """Of the first texts, by the library's own whole model."""
    tokens = small_tokenizer()(texts, padding=True, return_tensors="pt")
    height, width = image.shape[:2]
    pixels = teacher.image_processor(
        images=image,
        size={"height": height, "width": width},
        do_center_crop=False,
        return_tensors="pt",
        input_data_format="channels_last",
    )["pixel_values"]
    with torch.no_grad():
        answer = teacher.model(pixel_values=pixels, interpolate_pos_encoding=True, **tokens)
    return float(answer.logits_per_image[0].softmax(0)[:count].sum())


@pytest.mark.parametrize(
    ("prompt", "texts", "count"),
    [
        ("tern", ["a tern.", "a sea.", "a sky.", "a tree."], 1),
        ("Gull | whale", ["a gull.", "a whale.", "a sea.", "a sky.", "a tree."], 2),
        ("sea", ["a sea.", "a sky.", "a tree."], 1),
    ],
)
def test_the_largest_value_of_a_map_is_the_probability_among_all_texts(
    prompt: str, texts: list[str], count: int
) -> None:
    teacher, image = build(), paint((40, 56))
    (whole,) = maps_of(teacher, image, [prompt])
    expected = probability_of(teacher, image, texts, count)
    assert 0.02 < expected < 0.98
    # No pixel of an even patch has its middle, so the largest value is a little less.
    assert 0.85 * expected < whole.max() <= expected + 1e-6


def test_a_map_is_the_spread_evidence_resized_to_the_image() -> None:
    teacher, image = build(), paint((40, 56))
    (found,) = maps_of(teacher, image, ["tern"])
    pixels = teacher._prepare(image)
    assert pixels.shape == (1, 3, 40, 56)
    seen = see(teacher.model, pixels)
    texts = torch.stack([teacher._known[word] for word in ("tern", "sea", "sky", "tree")])
    logits = (texts * seen.embedding).sum(1) * teacher.model.logit_scale.exp()
    evidence, probability = map_evidence(seen, logits, 1)
    small = spread(evidence, balance(seen.attention), 0.4) * probability
    expected = F.interpolate(small[None, None], (40, 56), mode="bilinear")[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.std() > 0.01


@pytest.mark.parametrize("size_hw", [(40, 60), (32, 32), (33, 17), (300, 201), (9, 300)])
def test_a_map_is_as_large_as_its_image(size_hw: Size) -> None:
    for found in maps_of(build(), paint(size_hw), ["tern", "gull"]):
        assert found.shape == size_hw
        assert found.dtype == np.float32
        assert 0 <= found.min() <= found.max() <= 1


def test_an_image_of_one_patch_has_an_empty_map() -> None:
    for size_hw in ((1, 1), (5, 7)):
        (found,) = maps_of(build(), paint(size_hw), ["tern"])
        assert found.shape == size_hw
        assert not found.any()


@pytest.mark.parametrize(
    ("size_hw", "longest_px", "seen_hw"),
    [
        ((40, 60), 64, (40, 64)),
        ((300, 200), 64, (64, 48)),
        ((64, 64), 32, (32, 32)),
        ((3, 600), 64, (8, 64)),
    ],
)
def test_images_are_whole_patches_no_longer_than_allowed(
    size_hw: Size, longest_px: int, seen_hw: Size
) -> None:
    teacher = build(replace(ASKED, longest_px=longest_px))
    with counting(teacher.model.vision_model) as calls:
        maps_of(teacher, paint(size_hw), ["tern"])
    assert len(calls) == 1
    assert calls[0][0].shape[2:] == seen_hw


def test_the_model_sees_red_first_and_normalised() -> None:
    teacher, red = build(), np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    mean, std = np.array(teacher.image_processor.image_mean), teacher.image_processor.image_std
    expected = (np.array([1, 0, 0]) - mean) / std
    assert teacher._prepare(red)[0, :, 5, 5].tolist() == pytest.approx(expected, abs=1e-5)


def test_an_image_is_seen_once_and_texts_are_read_once() -> None:
    teacher = build(batch=3)
    prompts = ["tern", "gull | tern", "sea"]
    with (
        counting(teacher.model.vision_model) as images,
        counting(teacher.model.text_model) as texts,
    ):
        maps = maps_of(teacher, paint((40, 60)), prompts)
        again = maps_of(teacher, paint((40, 60)), prompts)
    assert len(images) == 2
    assert len(texts) == 2  # tern, sea, sky and tree, gull
    np.testing.assert_array_equal(maps, again)


def test_prompts_together_are_answered_like_prompts_alone() -> None:
    image, prompts = paint((40, 60)), ["tern", "a sea gull", "w"]
    together = maps_of(build(batch=5), image, prompts)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = maps_of(build(batch=1), image, [prompt])
        np.testing.assert_allclose(found, alone, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.01
    assert list(build().label(image, [])) == []


def test_bf16_is_close_to_fp32() -> None:
    image = paint((40, 60))
    (fine,), (coarse,) = (
        maps_of(build(precision=precision), image, ["tern"]) for precision in ("fp32", "bf16")
    )
    assert np.abs(coarse - fine).mean() < 0.05 * fine.max()
    assert (coarse != fine).any()


def test_texts_that_are_too_long_are_told_together_without_an_image() -> None:
    teacher = build()
    teacher.check_prompts(["tern", "sea | gull"])
    with pytest.raises(PromptError) as error:
        teacher.check_prompts(["tern", "x " * 40, "gull | " + "y " * 50])
    assert "'a x x" in str(error.value)
    assert "'a y y" in str(error.value)
    assert "tern" not in str(error.value)
    with pytest.raises(PromptError, match=r"has \d+ tokens and CLIP reads 40 at most"):
        maps_of(build(replace(ASKED, background_words=["z " * 40])), paint((16, 16)), ["tern"])


def test_weights_that_are_not_numbers_are_an_error() -> None:
    for part in ("vision_model", "text_model"):
        teacher = build()
        next(getattr(teacher.model, part).parameters()).fill_(float("nan"))
        with pytest.raises(UserError, match="CLIP has answered with NaN"):
            maps_of(teacher, paint((40, 60)), ["tern"])


def run_out_of_memory(*_args: Any, **_kwargs: Any) -> Any:
    raise torch.OutOfMemoryError("out of memory")


@pytest.mark.parametrize("where", ["see", "balance", "spread"])
def test_memory_that_runs_out_is_told_with_the_key_that_helps(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(f"teacher.clip.teacher.{where}", run_out_of_memory)
    with pytest.raises(UserError, match=r"memory of cpu; set a smaller clip\.longest_px$"):
        maps_of(build(), paint((40, 60)), ["tern"])


def test_memory_that_runs_out_on_texts_is_told_with_the_key_of_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = build()
    monkeypatch.setattr(asked.model.text_model, "forward", run_out_of_memory)
    with pytest.raises(UserError, match=r"; set a smaller teacher\.prompts_per_batch$"):
        maps_of(asked, paint((40, 60)), ["tern"])
