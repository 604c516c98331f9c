import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from teacher.inference.crop_masks import CropMask
from teacher.inference.enlarging import Enlargement
from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.sam import VARIANTS, SamSegmenter, load_sam
from util.errors import UserError

SIDE_PX = 128
Size = tuple[int, int]
State = dict[str, torch.Tensor]
BOXES = np.array([[4, 6, 40, 30], [50, 10, 90, 60], [20, 30, 60, 63], [0, 0, 9, 9]], np.float32)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Run small models on one thread: several mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_sam() -> Sam:
    """SAM with two layers of width 32, for images of 128 pixels, and random weights."""
    torch.manual_seed(0)
    cells = (SIDE_PX // 16, SIDE_PX // 16)
    encoder = ImageEncoderViT(
        img_size=SIDE_PX,
        embed_dim=32,
        depth=2,
        num_heads=2,
        out_chans=32,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=3,
        global_attn_indexes=(1,),
    )
    transformer = TwoWayTransformer(depth=2, embedding_dim=32, num_heads=2, mlp_dim=32)
    model = Sam(
        encoder,
        PromptEncoder(32, cells, (SIDE_PX, SIDE_PX), mask_in_chans=4),
        MaskDecoder(transformer_dim=32, transformer=transformer, iou_head_hidden_dim=32),
    )
    randomise(model)
    return model.eval()


def randomise(model: nn.Module) -> None:
    """Give all weights some spread; libraries leave many at 0, and all masks alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))


def paint(size_hw: Size) -> np.ndarray:
    """Noise with a red and a blue area, so that the order of the channels matters."""
    image = np.random.default_rng(0).integers(0, 90, (*size_hw, 3), dtype=np.uint8)
    image[: size_hw[0] // 2, : size_hw[1] // 3, 0] += 150
    image[size_hw[0] // 3 :, size_hw[1] // 2 :, 2] += 150
    return image


def full(mask: CropMask, size_hw: Size) -> np.ndarray:
    """The mask in the whole image."""
    whole = np.zeros(size_hw, bool)
    whole[mask.place] = mask.pixels
    return whole


@contextmanager
def counting(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module is called with."""
    calls: list[Any] = []
    handle = module.register_forward_pre_hook(
        lambda _module, args, kwargs: calls.append((*args, *kwargs.values())), with_kwargs=True
    )
    yield calls
    handle.remove()


@pytest.fixture
def segmenter() -> SamSegmenter:
    return SamSegmenter(small_sam(), Runtime("cpu"), boxes_per_batch=3)


def share_that_differs(some: list[CropMask], others: list[CropMask], size_hw: Size) -> float:
    """Share of pixels, of all masks, that are not alike."""
    assert len(some) == len(others)
    pairs = zip(some, others, strict=True)
    return float(np.mean([full(a, size_hw) != full(b, size_hw) for a, b in pairs]))


@pytest.mark.parametrize("size_hw", [(64, 96), (128, 128), (200, 150)])
def test_masks_are_those_of_the_library_s_predictor(segmenter: SamSegmenter, size_hw: Size) -> None:
    image = paint(size_hw)
    predictor = SamPredictor(segmenter.model)
    predictor.set_image(image)
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    assert len(masks) == len(BOXES)
    for box, mask in zip(BOXES, masks, strict=True):
        (logits,), _, _ = predictor.predict(box=box, multimask_output=False, return_logits=True)
        sure = np.abs(logits) > 0.01 * logits.std()  # the encoding is kept in half precision
        np.testing.assert_array_equal(full(mask, size_hw)[sure], logits[sure] > 0)
        assert sure.mean() > 0.9
        assert 0 < mask.pixels.sum() < logits.size


def test_the_image_encoder_runs_once_an_image_and_never_for_boxes(segmenter: SamSegmenter) -> None:
    with counting(segmenter.model.image_encoder) as calls:
        encoding = segmenter.encode(paint((64, 96)))
        assert len(calls) == 1
        segmenter.segment(encoding, BOXES)
        segmenter.segment(encoding, BOXES[:1])
        assert len(calls) == 1


def test_an_encoding_is_half_precision_tensors_that_say_how_the_image_was_resized(
    segmenter: SamSegmenter,
) -> None:
    encoding = segmenter.encode(paint((32, 96)))
    assert encoding["embedding"].shape == (1, 32, 8, 8)
    assert encoding["embedding"].dtype == torch.float16
    assert encoding["size_hw"].tolist() == [32, 96]
    assert encoding["input_hw"].tolist() == [43, 128]
    assert len(encoding) == 3


def test_the_encoder_sees_red_first_normalised_and_padded(segmenter: SamSegmenter) -> None:
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 255
    with counting(segmenter.model.image_encoder) as calls:
        segmenter.encode(red)
    ((pixels,),) = calls
    seen = pixels[0, :, 0, 0].tolist()
    assert seen == pytest.approx([(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375])
    assert pixels.shape == (1, 3, 128, 128)
    assert (pixels[0, :, :64] == pixels[0, :, :1, :1]).all()
    assert (pixels[0, :, 64:] == 0).all()


@pytest.mark.parametrize("size_hw", [(1, 300), (300, 1)])
def test_a_strip_that_would_vanish_is_refused(segmenter: SamSegmenter, size_hw: Size) -> None:
    with pytest.raises(UserError, match="too long a strip for SAM; cut it"):
        segmenter.encode(np.zeros((*size_hw, 3), np.uint8))
    assert len(segmenter.segment(segmenter.encode(np.zeros((1, 128, 3), np.uint8)), BOXES)) == 4


def test_red_and_blue_swapped_change_the_masks(segmenter: SamSegmenter) -> None:
    image = paint((64, 96))
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    swapped = segmenter.segment(segmenter.encode(image[..., ::-1].copy()), BOXES)
    assert share_that_differs(masks, swapped, (64, 96)) > 0.01


def test_boxes_and_masks_keep_their_place_in_an_image_that_is_not_square(
    segmenter: SamSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.full((1, 1, 32, 32), -1.0)  # a cell is 4 pixels of 128, and 2 of the image
    logits[..., 4:8, 10:16] = 1
    monkeypatch.setattr(segmenter.model.mask_decoder, "forward", lambda **_: (logits, None))
    encoding = segmenter.encode(paint((32, 64)))
    with counting(segmenter.model.prompt_encoder) as calls:
        (mask,) = segmenter.segment(encoding, np.array([[20, 8, 32, 16]], np.float32))
    assert calls[0][1].tolist() == [[40, 16, 64, 32]]
    assert (mask.top, mask.left) == (8, 20)
    assert mask.pixels.shape == (8, 12)
    assert mask.pixels.all()


def test_boxes_together_have_the_masks_of_boxes_alone(segmenter: SamSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    alone = [mask for box in BOXES for mask in segmenter.segment(encoding, box[None])]
    assert share_that_differs(segmenter.segment(encoding, BOXES), alone, (64, 96)) < 1e-4


def test_no_boxes_need_no_model(segmenter: SamSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    model = segmenter.model
    with counting(model.prompt_encoder) as prompts, counting(model.mask_decoder) as decoded:
        assert segmenter.segment(encoding, BOXES[:0]) == []
    assert not prompts
    assert not decoded


def test_bf16_masks_are_close_to_fp32_and_box_corners_stay_exact(segmenter: SamSegmenter) -> None:
    image = paint((64, 96))
    coarse = SamSegmenter(small_sam(), Runtime("cpu", "bf16"), 3)
    answers, corners = [], []
    for each in (segmenter, coarse):
        with counting(each.model.mask_decoder) as calls:
            answers.append(each.segment(each.encode(image), BOXES))
        corners.append(calls[0][2])
    assert share_that_differs(*answers, (64, 96)) < 0.03
    assert torch.equal(*corners)


def test_batches_are_bounded(segmenter: SamSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    with counting(segmenter.model.mask_decoder) as calls:
        segmenter.segment(encoding, np.tile(BOXES, (2, 1)))
    assert [len(call[2]) for call in calls] == [3, 3, 2]


def test_no_mask_is_enlarged_where_it_is_not(
    segmenter: SamSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.full((1, 1, 32, 32), -1.0)
    logits[..., 4:8, 10:16] = 1
    monkeypatch.setattr(segmenter.model.mask_decoder, "forward", lambda **_: (logits, None))
    with sizes_enlarged(monkeypatch) as made:
        (mask,) = segmenter.segment(segmenter.encode(paint((320, 640))), BOXES[:1])
    assert mask.pixels.shape == (80, 120)  # a cell is 4 pixels of 128, and 20 of the image
    assert sum(made) <= (80 + 20) * (120 + 20) * 1.1  # half a cell more on each side


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
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    segmenter = SamSegmenter(small_sam(), Runtime("cpu"), boxes_per_batch=4)
    encoding = segmenter.encode(paint((64, 96)))
    expected = segmenter.segment(encoding, BOXES)
    limit_memory(monkeypatch, segmenter.model.mask_decoder, most_boxes=2)
    assert share_that_differs(segmenter.segment(encoding, BOXES), expected, (64, 96)) < 1e-4
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


@pytest.mark.parametrize("part", ["image_encoder.neck.0.weight", "mask_decoder.iou_token.weight"])
def test_weights_that_are_not_numbers_are_an_error(segmenter: SamSegmenter, part: str) -> None:
    segmenter.model.get_parameter(part).fill_(float("nan"))
    with pytest.raises(UserError, match="SAM has answered with NaN"):
        segmenter.segment(segmenter.encode(paint((64, 96))), BOXES)


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_variants_are_told_apart_by_their_width(name: str) -> None:
    with torch.device("meta"):
        model = sam_model_registry[name]()
    assert VARIANTS[model.image_encoder.pos_embed.shape[-1]] == name


def state_of_vit_b() -> State:
    """The names and shapes of the published checkpoint, in a few kilobytes."""
    with torch.device("meta"):
        model = sam_model_registry["vit_b"]()
    return {
        name: torch.tensor(float(index)).expand(value.shape)
        for index, (name, value) in enumerate(model.state_dict().items())
    }


def test_a_published_checkpoint_is_loaded_whole(tmp_path: Path) -> None:
    state = state_of_vit_b()
    torch.save(state, tmp_path / "sam_vit_b_01ec64.pth")
    model = load_sam(tmp_path / "sam_vit_b_01ec64.pth", Runtime("cpu"), 8).model
    loaded = model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(loaded[name].flatten()[-1] == value.flatten()[0] for name, value in state.items())
    assert not model.training
    assert model.image_encoder.img_size == 1024


IOU = "mask_decoder.iou_token.weight"
NECK = "image_encoder.neck.0.weight"
BROKEN: dict[str, Callable[[State], Any]] = {
    "unknown: head.bias": lambda state: state | {"head.bias": torch.ones(1)},
    f"missing: {IOU}": lambda state: {name: state[name] for name in state if name != IOU},
    f"of another shape: {NECK}": lambda state: state | {NECK: torch.ones(2)},
    "pos_embed is missing": lambda state: {"conv1.weight": state[NECK]},
    "pos_embed is missing or": lambda state: list(state.values()),
    "more than tensors": lambda state: Path("an object, not a tensor"),
}


@pytest.mark.parametrize(("why", "spoil"), BROKEN.items())
def test_other_checkpoints_are_refused(
    tmp_path: Path, why: str, spoil: Callable[[State], Any]
) -> None:
    path = tmp_path / "sam.pth"
    torch.save(spoil(state_of_vit_b()), path)
    with pytest.raises(UserError, match=re.escape(why)) as error:
        load_sam(path, Runtime("cpu"), 8)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_cut_off_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sam.pth"
    with pytest.raises(UserError, match=r"sam\.pth holds no whole .*No such file"):
        load_sam(path, Runtime("cpu"), 8)
    torch.save(state_of_vit_b(), path)
    whole = path.read_bytes()
    for length in (len(whole) // 2, 3, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"sam\.pth holds no whole checkpoint of SAM"):
            load_sam(path, Runtime("cpu"), 8)
