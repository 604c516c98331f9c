from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from teacher.findings import Finding
from teacher.sam3.segment_anything_3 import SegmentAnything3, lay_out
from tests.teacher.saa.small_models import Size, counting, full, paint
from tests.teacher.sam3.small_sam3 import ALL, SIDE_PX, WIDTH, build
from util.errors import PromptError, UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def whole_forward(teacher: SegmentAnything3, image: np.ndarray, phrase: str) -> Any:
    """The library's own whole model for one phrase, and its instances without any threshold."""
    inputs = teacher.processor(images=image, text=[phrase], return_tensors="pt")
    sizes = inputs.pop("original_sizes").tolist()
    with torch.no_grad():
        answer = teacher.model(**inputs)
    process = teacher.processor.image_processor.post_process_instance_segmentation
    (instances,) = process(answer, threshold=0.0, mask_threshold=0.5, target_sizes=sizes)
    probabilities = F.interpolate(answer.pred_masks.sigmoid(), sizes[0], mode="bilinear")[0]
    return instances | {"probabilities": probabilities}


@pytest.mark.parametrize("size_hw", [(40, 60), (SIDE_PX, SIDE_PX), (70, 30)])
def test_a_soft_label_is_the_best_score_times_mask_probability(size_hw: Size) -> None:
    image, teacher = paint(size_hw), build()
    for phrase, finding in zip(
        ("tern", "sea gull"), teacher.label(image, ["tern", "sea gull"]), strict=True
    ):
        found = whole_forward(teacher, image, phrase)
        expected = np.zeros(size_hw)
        for score, probability, mask in zip(
            found["scores"], found["probabilities"], found["masks"], strict=True
        ):
            for row, column in np.ndindex(size_hw):
                if mask[row, column]:
                    value = float(score * probability[row, column])
                    expected[row, column] = max(expected[row, column], value)
        unsure = ((found["probabilities"] - 0.5).abs() < 0.002).any(0).numpy()
        assert unsure.mean() < 0.1
        np.testing.assert_allclose(finding.soft_label[~unsure], expected[~unsure], atol=1e-3)
        assert finding.soft_label.dtype == np.float32
        assert finding.soft_label.max() > 0.03
        assert (finding.soft_label == 0).any()


def test_instances_are_those_of_the_library_best_first_in_pixels_of_the_image() -> None:
    image, teacher = paint((40, 60)), build()
    (finding,) = teacher.label(image, ["tern"])
    found = whole_forward(teacher, image, "tern")
    order = found["scores"].argsort(descending=True)
    np.testing.assert_allclose(finding.scores, found["scores"][order], atol=1e-3)
    limits = torch.tensor([60, 40, 60, 40])
    expected = found["boxes"][order].clamp(min=torch.zeros(4), max=limits)
    np.testing.assert_allclose(finding.boxes_xyxy, expected, atol=0.02)
    masks = np.array([full(mask, (40, 60)) for mask in finding.masks])
    assert (masks != found["masks"][order].numpy()).mean() < 0.005
    assert finding.phrases == ["tern"] * 8
    assert finding.saliency is None


def test_boxes_are_in_pixels_of_the_image_also_where_the_model_sees_a_smaller_one() -> None:
    image = np.full((SIDE_PX * 4, SIDE_PX * 2, 3), (200, 100, 50), np.uint8)
    (whole,) = build().label(image, ["tern"])
    settings = replace(ALL, working_size_px=SIDE_PX * 2)
    (small,) = build(settings).label(image, ["tern"])
    np.testing.assert_allclose(small.boxes_xyxy, whole.boxes_xyxy, atol=1e-3)
    assert small.boxes_xyxy[:, 3].max() > SIDE_PX * 2
    assert small.soft_label.shape == image.shape[:2]


def test_the_image_encoder_runs_once_for_all_prompts_and_each_phrase_is_asked_once() -> None:
    teacher = build()
    with counting(teacher.model.vision_encoder) as images, counting(teacher.model) as batches:
        findings = teacher.label(paint((40, 60)), ["tern", "sea | tern", "gull", "gull"])
        assert len(images) == 1
        assert len(batches) == 2  # tern and sea, gull
        assert len(list(findings)) == 4
    assert len(images) == 1


def test_maps_are_laid_out_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(
        "teacher.sam3.segment_anything_3.lay_out", lambda *a: (made.append(a), lay_out(*a))[1]
    )
    findings = build().label(paint((40, 60)), ["tern", "sea"])
    assert len(made) == 0
    next(findings)
    assert len(made) == 1


def test_nothing_found_gives_an_empty_map() -> None:
    (finding,) = build(replace(ALL, box_threshold=1.0)).label(paint((40, 60)), ["tern | sea"])
    assert finding.soft_label.shape == (40, 60)
    assert not finding.soft_label.any()
    assert finding.boxes_xyxy.shape == (0, 4)
    assert finding.scores.shape == (0,)
    assert finding.masks == []
    assert finding.phrases == []


def test_no_prompts_give_nothing() -> None:
    assert list(build().label(paint((40, 60)), [])) == []


def areas(finding: Finding) -> np.ndarray:
    """(N,) relative areas of the boxes in an image of 40 x 60."""
    widths, heights = (finding.boxes_xyxy[:, 2:] - finding.boxes_xyxy[:, :2]).T
    return widths * heights / (40 * 60)


def test_only_instances_within_the_limits_count() -> None:
    image = paint((40, 60))
    (everything,) = build().label(image, ["tern"])
    limit = float(np.median(areas(everything)))
    for settings, keeps in [
        (replace(ALL, box_threshold=float(everything.scores[3])), np.arange(8) < 3),
        (replace(ALL, area_threshold=limit), areas(everything) < limit),
        (replace(ALL, min_area=limit), areas(everything) > limit),
        (replace(ALL, max_masks=2), np.arange(8) < 2),
    ]:
        (finding,) = build(settings).label(image, ["tern"])
        assert 0 < keeps.sum() < 8
        np.testing.assert_allclose(finding.scores, everything.scores[keeps], rtol=1e-6)
        np.testing.assert_allclose(finding.boxes_xyxy, everything.boxes_xyxy[keeps], rtol=1e-5)
        assert len(finding.masks) == keeps.sum()


def test_an_instance_as_large_as_the_image_counts_where_there_is_no_limit() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 0.5]]), torch.tensor([0.9, 0.8])
    masks = torch.zeros(2, 4, 4)
    for limit, count in ((1.0, 2), (0.5, 1), (0.4, 0)):
        found = build(replace(ALL, area_threshold=limit))._select(boxes, scores, masks)
        assert len(found.scores) == count


def test_prompts_that_are_too_long_are_told_together_without_an_image() -> None:
    teacher = build()
    teacher.check_prompts(["tern", "sea | gull"])
    with pytest.raises(PromptError) as error:
        teacher.check_prompts(["tern", "x " * 40, "gull | " + "y " * 50])
    assert "'x x" in str(error.value)
    assert "'y y" in str(error.value)
    assert "tern" not in str(error.value)


def test_phrases_of_a_prompt_are_pooled_and_the_best_of_all_are_kept() -> None:
    image = paint((40, 60))
    tern, gull, pooled = build(replace(ALL, max_masks=5)).label(
        image, ["tern", "gull", "Tern|gull"]
    )
    scores = np.concatenate([tern.scores, gull.scores])
    names = np.array(tern.phrases + gull.phrases)
    best = np.argsort(-scores, kind="stable")[:5]
    np.testing.assert_array_equal(pooled.scores, scores[best])
    assert pooled.phrases == names[best].tolist()


def test_prompts_together_are_answered_like_prompts_alone() -> None:
    image, prompts = paint((40, 60)), ["tern", "sea gull", "a"]
    alone = [next(build(batch=1).label(image, [prompt])) for prompt in prompts]
    for one, other in zip(alone, build(batch=3).label(image, prompts), strict=True):
        np.testing.assert_allclose(one.soft_label, other.soft_label, atol=1e-5)


def test_bf16_is_close_to_fp32() -> None:
    image = paint((40, 60))
    (fine,), (coarse,) = (
        build(precision=precision).label(image, ["tern"]) for precision in ("fp32", "bf16")
    )
    np.testing.assert_allclose(coarse.scores, fine.scores, atol=0.01)
    assert np.abs(coarse.soft_label - fine.soft_label).mean() < 0.01


def test_the_encoder_sees_red_first_and_normalised_and_colours_matter() -> None:
    teacher, image = build(), paint((40, 60))
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 255
    with counting(teacher.model.vision_encoder) as calls:
        teacher.encode(red)
    assert calls[0][0][0, :, 0, 0].tolist() == pytest.approx([1, -1, -1])
    (plain,), (swapped,) = (teacher.label(i, ["tern"]) for i in (image, image[..., ::-1].copy()))
    assert np.abs(plain.scores - swapped.scores).max() > 1e-4


def test_an_encoding_is_the_levels_that_the_detector_uses() -> None:
    encoding = build().encode(paint((40, 60)))
    assert {name: tuple(level.shape) for name, level in encoding.items()} == {
        "level_0": (1, WIDTH, 16, 16),
        "level_1": (1, WIDTH, 8, 8),
        "level_2": (1, WIDTH, 4, 4),
    }
    assert all(level.dtype == torch.float16 for level in encoding.values())


def test_memory_that_runs_out_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    image, prompts = paint((40, 60)), ["tern", "sea", "gull", "a"]
    teacher = build(batch=4)
    expected = list(teacher.label(image, prompts))
    decode = teacher.model.mask_decoder.forward

    def forward(**kwargs: Any) -> Any:
        if len(kwargs["decoder_queries"]) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return decode(**kwargs)

    monkeypatch.setattr(teacher.model.mask_decoder, "forward", forward)
    for one, other in zip(expected, teacher.label(image, prompts), strict=True):
        np.testing.assert_allclose(one.soft_label, other.soft_label, atol=1e-5)
    assert teacher.batches.size == 2


def test_weights_that_are_not_numbers_are_an_error() -> None:
    teacher = build()
    encoding = teacher.encode(paint((40, 60)))
    teacher.model.mask_decoder.mask_embedder.layers[0].weight.fill_(float("nan"))
    with pytest.raises(UserError, match="SAM 3 has answered with NaN"):
        teacher.detect_masks(encoding, ["tern"])
    next(teacher.model.vision_encoder.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="SAM 3 has answered with NaN"):
        teacher.label(paint((40, 60)), ["tern"])


def test_a_phrase_that_is_too_long_is_an_error() -> None:
    with pytest.raises(UserError, match=r"'x x x .* has 33 tokens and SAM 3 reads 32"):
        build().label(paint((40, 60)), ["x " * 31])
    assert len(list(build().label(paint((40, 60)), ["x " * 30]))) == 1


def test_lay_out_keeps_the_best_value_inside_masks_and_0_outside() -> None:
    left, top = np.zeros((2, 2, 2), np.float32)
    left[:, 0] = 0.9
    top[0] = 0.6
    soft_label, masks = lay_out([left, top], np.array([0.5, 1.0]), (2, 2))
    np.testing.assert_allclose(soft_label, [[0.6, 0.6], [0.45, 0]])
    assert [full(mask, (2, 2)).tolist() for mask in masks] == [
        [[True, False], [True, False]],
        [[True, True], [False, False]],
    ]
    soft_label, _ = lay_out([left], np.array([0.5]), (20, 60))
    edge = 30 - 30 * (0.5 / 0.9 - 0.5)  # where the interpolated probability falls to 0.5
    assert (soft_label > 0).all(0).nonzero()[0].max() == int(edge - 0.5)
    assert (soft_label[:, :15] == np.float32(0.45)).all()
