import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from torch import nn
from transformers import Sam2ImageProcessor, Sam2Processor, SamProcessor

from teacher.inference.enlarging import Enlargement
from teacher.saa.segmenters.hugging_face import HuggingFaceSegmenter
from teacher.saa.segmenters.sam import SamSegmenter
from tests.teacher.saa.segmenters.small_sams import (
    BOXES,
    MODELS,
    PACKAGE,
    SIDE_PX,
    WIDTH,
    AnySegmenter,
    build,
    share_that_differs,
)
from tests.teacher.saa.small_models import Size, counting, full, keeping_results, paint
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=[PACKAGE, *MODELS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def segmenter(name: str) -> AnySegmenter:
    return build(name)


def image_encoder_of(segmenter: AnySegmenter) -> nn.Module:
    """The part of a model that looks at images."""
    if isinstance(segmenter, SamSegmenter):
        encoder: nn.Module = segmenter.model.image_encoder
        return encoder
    return segmenter.model.vision_encoder


def whole(segmenter: AnySegmenter, image: np.ndarray) -> np.ndarray:
    """(N, H, W) logits of the library's own way from an image and boxes."""
    if isinstance(segmenter, HuggingFaceSegmenter):
        return whole_of_transformers(segmenter, image)
    predictor = SamPredictor(segmenter.model)
    predictor.set_image(image)
    answers = [
        predictor.predict(box=box, multimask_output=False, return_logits=True) for box in BOXES
    ]
    return np.array([logits[0] for logits, _, _ in answers])


def whole_of_transformers(segmenter: HuggingFaceSegmenter, image: np.ndarray) -> np.ndarray:
    """(N, H, W) logits of the library's own processor and whole model."""
    processor = segmenter.processor
    pair = Sam2Processor if isinstance(processor, Sam2ImageProcessor) else SamProcessor
    inputs = pair(processor)(image, input_boxes=[BOXES.tolist()], return_tensors="pt")
    inputs["input_boxes"] = inputs["input_boxes"].float()
    sizes = [inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes", None)]
    with torch.no_grad():
        logits = segmenter.model(**inputs, multimask_output=False).pred_masks
    known = [size for size in sizes if size is not None]
    (grown,) = processor.post_process_masks(logits, *known, binarize=False)
    return grown[:, 0].numpy()


@pytest.mark.parametrize("size_hw", [(64, 96), (SIDE_PX, SIDE_PX), (200, 150)])
def test_masks_are_those_of_the_library_s_own_way(segmenter: AnySegmenter, size_hw: Size) -> None:
    image = paint(size_hw)
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    assert len(masks) == len(BOXES)
    ours = np.array([full(mask, size_hw) for mask in masks])
    for mask, logits in zip(ours, whole(segmenter, image), strict=True):
        sure = np.abs(logits) > 0.01 * logits.std()  # the encoding is kept in half precision
        np.testing.assert_array_equal(mask[sure], logits[sure] > 0)
        assert sure.mean() > 0.9
        assert 0 < mask.mean() < 1
    assert 0.01 < ours.mean() < 0.99


def test_the_image_encoder_runs_once_an_image_and_never_for_boxes(segmenter: AnySegmenter) -> None:
    with counting(image_encoder_of(segmenter)) as calls:
        encoding = segmenter.encode(paint((64, 96)))
        assert len(calls) == 1
        segmenter.segment(encoding, BOXES)
        segmenter.segment(encoding, BOXES[:1])
        assert len(calls) == 1


def test_an_encoding_is_half_precision_tensors_that_say_how_the_image_was_resized(
    name: str, segmenter: AnySegmenter
) -> None:
    encoding = segmenter.encode(paint((32, 96)))
    sizes = {name: encoding.pop(name) for name in ("size_hw", "input_hw")}
    assert all(value.dtype == torch.float16 for value in encoding.values())
    assert encoding["embedding"].shape == (1, WIDTH, 8, 8)
    assert len(encoding) == {"sam_hq": 2, "sam2": 3}.get(name, 1)
    assert sizes["size_hw"].tolist() == [32, 96]
    assert sizes["input_hw"].tolist() == ([128, 128] if name == "sam2" else [43, 128])


def test_the_encoder_sees_red_first_normalised_and_padded(
    name: str, segmenter: AnySegmenter
) -> None:
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 255
    with counting(image_encoder_of(segmenter)) as calls:
        segmenter.encode(red)
    pixels = calls[0][0]
    seen = pixels[0, :, 0, 0].tolist()
    assert seen == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-5)
    assert pixels.shape == (1, 3, 128, 128)
    height = 128 if name == "sam2" else 64
    assert (pixels[0, :, :height] == pixels[0, :, :1, :1]).all()
    assert (pixels[0, :, height:] == 0).all()


@pytest.mark.parametrize("size_hw", [(1, 300), (300, 1)])
def test_a_strip_that_would_vanish_is_refused(
    name: str, segmenter: AnySegmenter, size_hw: Size
) -> None:
    strip, shorter = np.zeros((*size_hw, 3), np.uint8), np.zeros((1, 128, 3), np.uint8)
    if name == "sam2":  # sees it as a square
        assert len(segmenter.segment(segmenter.encode(strip), BOXES)) == len(BOXES)
        return
    called = {PACKAGE: "SAM", "sam": "Sam", "sam_hq": "SamHQ"}[name]
    with pytest.raises(UserError, match=f"too long a strip for {called}; cut it"):
        segmenter.encode(strip)
    assert len(segmenter.segment(segmenter.encode(shorter), BOXES)) == len(BOXES)


def test_red_and_blue_swapped_change_the_masks(name: str, segmenter: AnySegmenter) -> None:
    image = paint((64, 96))
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    swapped = segmenter.segment(segmenter.encode(image[..., ::-1].copy()), BOXES)
    assert share_that_differs(masks, swapped, (64, 96)) > (0.01 if name == PACKAGE else 0.005)


def answer_with(
    monkeypatch: pytest.MonkeyPatch, name: str, segmenter: AnySegmenter, rows: slice
) -> None:
    """Let the decoder find a rectangle: these rows of its cells, and columns 10 to 16."""
    logits = torch.full((1, 1, 32, 32), -1.0)
    logits[..., rows, 10:16] = 1
    answer = logits if name == PACKAGE else logits[None], None
    monkeypatch.setattr(segmenter.model.mask_decoder, "forward", lambda **_: answer)


def test_boxes_and_masks_keep_their_place_in_an_image_that_is_not_square(
    name: str, segmenter: AnySegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pads = name != "sam2"  # a cell is 2 x 2 pixels of the image; SAM 2 sees 1 x 2
    answer_with(monkeypatch, name, segmenter, slice(4, 8 if pads else 12))
    encoding = segmenter.encode(paint((32, 64)))
    with counting(segmenter.model.prompt_encoder) as calls:
        (mask,) = segmenter.segment(encoding, np.array([[20, 8, 32, 16]], np.float32))
    boxes = next(value for value in calls[0] if value is not None)
    assert boxes.reshape(-1, 4).tolist() == [[40, 16 if pads else 32, 64, 32 if pads else 64]]
    assert (mask.top, mask.left) == (8 if pads else 4, 20)
    assert mask.pixels.shape == (8, 12)
    assert mask.pixels.all()


def test_boxes_together_have_the_masks_of_boxes_alone(segmenter: AnySegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    alone = [mask for box in BOXES for mask in segmenter.segment(encoding, box[None])]
    assert share_that_differs(segmenter.segment(encoding, BOXES), alone, (64, 96)) < 1e-4


def test_no_boxes_need_no_model(segmenter: AnySegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    model = segmenter.model
    with counting(model.prompt_encoder) as prompts, counting(model.mask_decoder) as decoded:
        assert segmenter.segment(encoding, BOXES[:0]) == []
    assert not prompts
    assert not decoded


def test_bf16_masks_are_close_to_fp32_and_box_corners_stay_exact(name: str) -> None:
    image = paint((64, 96))
    answers, corners = [], []
    for precision in ("fp32", "bf16"):
        each = build(name, precision=precision)
        with keeping_results(each.model.prompt_encoder) as results:
            answers.append(each.segment(each.encode(image), BOXES))
        corners.append(results[0][0])
    assert share_that_differs(*answers, (64, 96)) < (0.03 if name == PACKAGE else 0.05)
    assert torch.equal(*corners)


def test_batches_are_bounded(segmenter: AnySegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    with keeping_results(segmenter.model.mask_decoder) as results:
        segmenter.segment(encoding, np.tile(BOXES, (2, 1)))
    assert [len(result[0].flatten(0, -4)) for result in results] == [3, 3, 2]


def test_no_mask_is_enlarged_where_it_is_not(
    name: str, segmenter: AnySegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, name, segmenter, slice(4, 8))
    with sizes_enlarged(monkeypatch) as made:
        (mask,) = segmenter.segment(segmenter.encode(paint((320, 640))), BOXES[:1])
    height = 40 if name == "sam2" else 80  # a cell is 4 pixels of 128, and 20 or 10 of the image
    assert mask.pixels.shape == (height, 120)
    assert sum(made) <= height * 1.25 * (120 + 20) * 1.1  # half a cell more on each side


@contextmanager
def sizes_enlarged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect how many pixels are made of maps."""
    made: list[int] = []
    plain = Enlargement.blocks_above

    def blocks_above(self: Enlargement, *arguments: Any) -> Iterator[Any]:
        for place, values in plain(self, *arguments):
            made.append(values.size)
            yield place, values

    with monkeypatch.context() as patch:
        patch.setattr(Enlargement, "blocks_above", blocks_above)
        yield made


def test_memory_that_runs_out_halves_the_batch_and_changes_no_mask(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    segmenter = build(name, boxes_per_batch=4)
    encoding = segmenter.encode(paint((64, 96)))
    expected = segmenter.segment(encoding, BOXES)
    limit_memory(monkeypatch, segmenter.model.mask_decoder, most_boxes=2)
    assert share_that_differs(segmenter.segment(encoding, BOXES), expected, (64, 96)) < 1e-4
    assert segmenter.batches.size == 2
    assert "out of memory with 4 boxes at once; going on with 2" in caplog.text
    limit_memory(monkeypatch, segmenter.model.mask_decoder, most_boxes=0)
    with pytest.raises(UserError, match="does not fit into the memory of cpu"):
        segmenter.segment(encoding, BOXES)


def limit_memory(monkeypatch: pytest.MonkeyPatch, decoder: nn.Module, most_boxes: int) -> None:
    """Let a decoder run out of memory with more than so many boxes."""
    decode = decoder.forward

    def forward(**kwargs: Any) -> Any:
        sparse = kwargs["sparse_prompt_embeddings"]  # (N, T, C), or (1, N, T, C) of transformers
        if sparse.shape[-3] > most_boxes:
            raise torch.OutOfMemoryError("out of memory")
        return decode(**kwargs)

    monkeypatch.setattr(decoder, "forward", forward)


@pytest.mark.parametrize("part", ["image encoder", "decoder"])
def test_weights_that_are_not_numbers_are_an_error(segmenter: AnySegmenter, part: str) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    why = f"{re.escape(segmenter.name)} has answered with NaN"
    if part == "decoder":
        segmenter.model.mask_decoder.iou_token.weight.fill_(float("nan"))
        with pytest.raises(UserError, match=why):
            segmenter.segment(encoding, BOXES)
        return
    next(image_encoder_of(segmenter).parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match=why):
        segmenter.encode(paint((64, 96)))
