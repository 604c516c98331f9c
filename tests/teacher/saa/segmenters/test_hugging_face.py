import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    PreTrainedModel,
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    Sam2VideoConfig,
    Sam2VideoModel,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)

from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.hugging_face import HuggingFaceSegmenter, load_hugging_face_segmenter
from teacher.saa.segmenters.sam import SamSegmenter
from tests.teacher.saa.segmenters.test_sam import (
    BOXES,
    SIDE_PX,
    Size,
    State,
    counting,
    full,
    limit_memory,
    one_thread,  # noqa: F401
    paint,
    randomise,
    share_that_differs,
    sizes_enlarged,
    small_sam,
)
from util.errors import UserError

WIDTH = 32
VIT = {
    "hidden_size": WIDTH,
    "output_channels": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE_PX,
    "window_size": 3,
    "global_attn_indexes": [1],
    "num_pos_feats": WIDTH // 2,
}
HIERA = {
    "backbone_config": {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE_PX, SIDE_PX],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "global_attention_blocks": [3],
    },
    "backbone_channel_list": [64, 32, 16, 8],
    "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    "fpn_hidden_size": WIDTH,
}
PROMPT = {"hidden_size": WIDTH, "image_size": SIDE_PX, "mask_input_channels": 4}
DECODER = {
    "hidden_size": WIDTH,
    "mlp_dim": WIDTH,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": WIDTH,
}
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "sam": lambda: SamModel(
        SamConfig(vision_config=VIT, prompt_encoder_config=PROMPT, mask_decoder_config=DECODER)
    ),
    "sam_hq": lambda: SamHQModel(
        SamHQConfig(
            vision_config=VIT,
            prompt_encoder_config=PROMPT,
            mask_decoder_config=DECODER | {"vit_dim": WIDTH},
        )
    ),
    "sam2": lambda: Sam2Model(
        Sam2Config(vision_config=HIERA, prompt_encoder_config=PROMPT, mask_decoder_config=DECODER)
    ),
}


def small_model(name: str) -> Any:
    torch.manual_seed(0)
    model = MODELS[name]()
    randomise(model)
    return model.eval()


def small_processor(name: str) -> Any:
    square = {"height": SIDE_PX, "width": SIDE_PX}
    if name == "sam2":
        return Sam2ImageProcessor(size=square)
    return SamImageProcessor(size={"longest_edge": SIDE_PX}, pad_size=square)


def build(name: str, boxes_per_batch: int = 3, precision: Any = "fp32") -> HuggingFaceSegmenter:
    return HuggingFaceSegmenter(
        small_model(name), small_processor(name), Runtime("cpu", precision), boxes_per_batch
    )


@pytest.fixture(params=MODELS)
def segmenter(request: pytest.FixtureRequest) -> HuggingFaceSegmenter:
    return build(request.param)


PUBLISHED_TO_TRANSFORMERS = {
    r"^image_encoder\.": "vision_encoder.",
    r"\.patch_embed\.proj\.": ".patch_embed.projection.",
    r"\.blocks\.": ".layers.",
    r"^(vision_encoder\.layers\.\d+\.)norm(\d)": r"\1layer_norm\2",
    r"\.neck\.0": ".neck.conv1",
    r"\.neck\.1": ".neck.layer_norm1",
    r"\.neck\.2": ".neck.conv2",
    r"\.neck\.3": ".neck.layer_norm2",
    r"\.pe_layer\.positional_encoding_gaussian_matrix": ".shared_embedding.positional_embedding",
    r"\.point_embeddings\.": ".point_embed.",
    r"\.mask_downscaling\.0": ".mask_embed.conv1",
    r"\.mask_downscaling\.1": ".mask_embed.layer_norm1",
    r"\.mask_downscaling\.3": ".mask_embed.conv2",
    r"\.mask_downscaling\.4": ".mask_embed.layer_norm2",
    r"\.mask_downscaling\.6": ".mask_embed.conv3",
    r"\.output_upscaling\.0": ".upscale_conv1",
    r"\.output_upscaling\.1": ".upscale_layer_norm",
    r"\.output_upscaling\.3": ".upscale_conv2",
    r"\.norm_final_attn": ".layer_norm_final_attn",
    r"^(mask_decoder\.transformer\.layers\.\d+\.)norm(\d)": r"\1layer_norm\2",
    r"(mlps\.\d+|prediction_head)\.layers\.0": r"\1.proj_in",
    r"(mlps\.\d+|prediction_head)\.layers\.2": r"\1.proj_out",
    r"(mlps\.\d+|prediction_head)\.layers\.1": r"\1.layers.0",
}


def translate(state: State) -> State:
    """Rename the weights of segment-anything to what transformers calls them."""
    translated = {}
    for name, value in state.items():
        for published, ours in PUBLISHED_TO_TRANSFORMERS.items():
            name = re.sub(published, ours, name)
        translated[name] = value
    shared = "shared_embedding.positional_embedding"
    translated["shared_image_embedding.positional_embedding"] = translated[
        f"prompt_encoder.{shared}"
    ]
    return translated


def test_segment_anything_and_transformers_are_the_same_sam() -> None:
    published, model = small_sam(), small_model("sam")
    model.load_state_dict(translate(published.state_dict()))
    ours = HuggingFaceSegmenter(model, small_processor("sam"), Runtime("cpu"), 3)
    theirs = SamSegmenter(published, Runtime("cpu"), 3)
    for size_hw in [(SIDE_PX, 96), (64, SIDE_PX)]:
        image = paint(size_hw)
        logits = []
        for each in (ours, theirs):
            with keeping_results(each.model.mask_decoder) as results:
                each.segment(each.encode(image), BOXES)
            logits.append(torch.cat([r[0].reshape(-1, 32, 32) for r in results]))
        torch.testing.assert_close(*logits, atol=1e-4, rtol=0)
        masks = [each.segment(each.encode(image), BOXES) for each in (ours, theirs)]
        grown = [full(m, size_hw) for m in masks[0]], [full(m, size_hw) for m in masks[1]]
        sure = (upscale(logits[0], size_hw).abs() > 1e-3).numpy()
        np.testing.assert_array_equal(np.array(grown[0])[sure], np.array(grown[1])[sure])
        assert sure.mean() > 0.99


@contextmanager
def keeping_results(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module answers."""
    results: list[Any] = []
    handle = module.register_forward_hook(lambda _m, _a, result: results.append(result))
    yield results
    handle.remove()


def upscale(logits: Tensor, size_hw: Size) -> Tensor:
    """Grow (N, h, w) logits of the padded square to an image that fills it along one side."""
    square = F.interpolate(logits[None], (SIDE_PX, SIDE_PX), mode="bilinear")
    return F.interpolate(square[..., : size_hw[0], : size_hw[1]], size_hw, mode="bilinear")[0]


def whole_forward(segmenter: HuggingFaceSegmenter, image: np.ndarray) -> np.ndarray:
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
def test_masks_are_those_of_the_whole_model(segmenter: HuggingFaceSegmenter, size_hw: Size) -> None:
    image = paint(size_hw)
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    logits = whole_forward(segmenter, image)
    sure = np.abs(logits) > 0.01 * logits.std()  # the encoding is kept in half precision
    ours = np.array([full(mask, size_hw) for mask in masks])
    np.testing.assert_array_equal(ours[sure], logits[sure] > 0)
    assert sure.mean() > 0.9
    assert 0.01 < ours.mean() < 0.99


def test_sam_hq_decodes_as_its_paper_does() -> None:
    """Also where transformers forgets what the decoder's transformer has made of the image."""
    segmenter = build("sam_hq")
    model, encoding = segmenter.model, segmenter.encode(paint((64, 96)))
    with (
        keeping_results(model.mask_decoder) as results,
        keeping_results(model.mask_decoder.transformer) as attended,
    ):
        segmenter.segment(encoding, BOXES[:2])
    (((logits, _),), ((tokens, image),)) = results, attended
    expected = [
        decode_as_published(model.mask_decoder, encoding, tokens[0, n], image[n, 0])
        for n in range(2)
    ]
    torch.testing.assert_close(logits[0, :, 0], torch.stack(expected), atol=1e-5, rtol=1e-5)


def decode_as_published(decoder: Any, encoding: State, tokens: Tensor, image: Tensor) -> Tensor:
    """HQ-SAM (Ke et al., 2023, section 3), for one box.

    Args:
        decoder: Its modules.
        encoding: Of the image.
        tokens: (T, C) of the transformer: IoU, 4 masks, HQ mask, prompt.
        image: (h * w, C) of the transformer.
    """

    def chain(value: Tensor, *modules: nn.Module) -> Tensor:
        for module in modules:
            value = module(value)
        return value

    d, gelu = decoder, nn.functional.gelu
    plane = image.T.reshape(1, WIDTH, 8, 8)
    grown = gelu(d.upscale_conv2(gelu(chain(plane, d.upscale_conv1, d.upscale_layer_norm))))
    local = encoding["intermediate"].float().permute(0, 3, 1, 2)
    fused = (
        d.encoder_conv2(gelu(chain(encoding["embedding"].float(), d.encoder_conv1, d.encoder_norm)))
        + d.compress_vit_conv2(gelu(chain(local, d.compress_vit_conv1, d.compress_vit_norm)))
        + d.mask_conv2(gelu(chain(grown, d.mask_conv1, d.mask_norm)))
    )
    plain = torch.einsum("c,chw->hw", d.output_hypernetworks_mlps[0](tokens[1]), grown[0])
    return plain + torch.einsum("c,chw->hw", d.hq_mask_mlp(tokens[5]), fused[0])


def test_the_image_encoder_runs_once_an_image_and_never_for_boxes(
    segmenter: HuggingFaceSegmenter,
) -> None:
    with counting(segmenter.model.vision_encoder) as calls:
        encoding = segmenter.encode(paint((64, 96)))
        assert len(calls) == 1
        segmenter.segment(encoding, BOXES)
        segmenter.segment(encoding, BOXES[:1])
        assert len(calls) == 1


def test_an_encoding_is_half_precision_tensors_and_sizes(segmenter: HuggingFaceSegmenter) -> None:
    encoding = segmenter.encode(paint((32, 96)))
    sizes = {name: encoding.pop(name) for name in ("size_hw", "input_hw")}
    assert all(value.dtype == torch.float16 for value in encoding.values())
    assert sizes["size_hw"].tolist() == [32, 96]
    is_padded = segmenter.name != "Sam2"
    assert sizes["input_hw"].tolist() == ([43, 128] if is_padded else [128, 128])


def test_the_encoder_sees_red_first_and_normalised(segmenter: HuggingFaceSegmenter) -> None:
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 255
    with counting(segmenter.model.vision_encoder) as calls:
        segmenter.encode(red)
    seen = calls[0][0][0, :, 0, 0].tolist()
    assert seen == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-5)


def test_a_strip_that_would_vanish_is_refused(segmenter: HuggingFaceSegmenter) -> None:
    strip = np.zeros((1, 300, 3), np.uint8)
    if segmenter.name == "Sam2":  # sees it as a square
        assert len(segmenter.segment(segmenter.encode(strip), BOXES)) == len(BOXES)
        return
    with pytest.raises(UserError, match=f"too long a strip for {segmenter.name}; cut it"):
        segmenter.encode(strip)


def test_red_and_blue_swapped_change_the_masks(segmenter: HuggingFaceSegmenter) -> None:
    image = paint((64, 96))
    masks = segmenter.segment(segmenter.encode(image), BOXES)
    swapped = segmenter.segment(segmenter.encode(image[..., ::-1].copy()), BOXES)
    assert share_that_differs(masks, swapped, (64, 96)) > 0.005


def test_boxes_and_masks_keep_their_place_in_an_image_that_is_not_square(
    segmenter: HuggingFaceSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pads = segmenter.name != "Sam2"  # a cell is 2 x 2 pixels of the image; SAM 2 sees 1 x 2
    logits = torch.full((1, 1, 1, 32, 32), -1.0)
    logits[..., 4 : 8 if pads else 12, 10:16] = 1
    monkeypatch.setattr(segmenter.model.mask_decoder, "forward", lambda **_: (logits, None))
    encoding = segmenter.encode(paint((32, 64)))
    with counting(segmenter.model.prompt_encoder) as calls:
        (mask,) = segmenter.segment(encoding, np.array([[20, 8, 32, 16]], np.float32))
    boxes = next(value for value in calls[0] if value is not None)
    assert boxes.tolist() == [[[40, 16 if pads else 32, 64, 32 if pads else 64]]]
    assert (mask.top, mask.left) == (8 if pads else 4, 20)
    assert mask.pixels.shape == (8, 12)
    assert mask.pixels.all()


def test_boxes_together_have_the_masks_of_boxes_alone(segmenter: HuggingFaceSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    alone = [mask for box in BOXES for mask in segmenter.segment(encoding, box[None])]
    assert share_that_differs(segmenter.segment(encoding, BOXES), alone, (64, 96)) < 1e-4


def test_no_boxes_need_no_model(segmenter: HuggingFaceSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    with counting(segmenter.model.mask_decoder) as calls:
        assert segmenter.segment(encoding, BOXES[:0]) == []
    assert not calls


@pytest.mark.parametrize("name", MODELS)
def test_bf16_masks_are_close_to_fp32_and_box_corners_stay_exact(name: str) -> None:
    image = paint((64, 96))
    answers, corners = [], []
    for precision in ("fp32", "bf16"):
        each = build(name, precision=precision)
        with keeping_results(each.model.prompt_encoder) as results:
            answers.append(each.segment(each.encode(image), BOXES))
        corners.append(results[0][0])
    assert share_that_differs(*answers, (64, 96)) < 0.05
    assert torch.equal(*corners)


def test_batches_are_bounded(segmenter: HuggingFaceSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    with keeping_results(segmenter.model.mask_decoder) as results:
        segmenter.segment(encoding, np.tile(BOXES, (2, 1)))
    assert [result[0].shape[1] for result in results] == [3, 3, 2]


def test_no_mask_is_enlarged_where_it_is_not(
    segmenter: HuggingFaceSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.full((1, 1, 1, 32, 32), -1.0)
    logits[..., 4:8, 10:16] = 1
    monkeypatch.setattr(segmenter.model.mask_decoder, "forward", lambda **_: (logits, None))
    with sizes_enlarged(monkeypatch) as made:
        (mask,) = segmenter.segment(segmenter.encode(paint((320, 640))), BOXES[:1])
    assert mask.pixels.shape == ((40 if segmenter.name == "Sam2" else 80), 120)
    assert sum(made) <= 1.8 * mask.pixels.size


@pytest.mark.parametrize("name", MODELS)
def test_memory_that_runs_out_halves_the_batch_and_changes_no_mask(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = build(name, boxes_per_batch=4)
    encoding = segmenter.encode(paint((64, 96)))
    expected = segmenter.segment(encoding, BOXES)
    limit_memory(monkeypatch, segmenter.model.mask_decoder, most_boxes=2)
    assert share_that_differs(segmenter.segment(encoding, BOXES), expected, (64, 96)) < 1e-4
    assert segmenter.batches.size == 2


def test_weights_that_are_not_numbers_are_an_error(segmenter: HuggingFaceSegmenter) -> None:
    encoding = segmenter.encode(paint((64, 96)))
    segmenter.model.mask_decoder.iou_token.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=f"{segmenter.name} has answered with NaN"):
        segmenter.segment(encoding, BOXES)
    next(segmenter.model.vision_encoder.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match=f"{segmenter.name} has answered with NaN"):
        segmenter.encode(paint((64, 96)))


def write_folder(folder: Path, name: str) -> PreTrainedModel:
    """A model's folder as the hub has it."""
    model = small_model(name)
    model.save_pretrained(folder)
    small_processor(name).save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_folder_is_loaded_whole_in_full_precision(tmp_path: Path, name: str) -> None:
    model = write_folder(tmp_path, name)
    model.half().save_pretrained(tmp_path)
    segmenter = load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)
    assert type(segmenter.model) is type(model)
    loaded = segmenter.model.state_dict()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(loaded[key], value.float(), atol=0, rtol=0)
    assert segmenter.processor.size == small_processor(name).size
    assert len(segmenter.segment(segmenter.encode(paint((64, 96))), BOXES)) == len(BOXES)


def test_a_folder_of_the_video_model_gives_sam_2(tmp_path: Path) -> None:
    video = Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=HIERA,
            prompt_encoder_config=PROMPT,
            mask_decoder_config=DECODER,
            image_size=SIDE_PX,
            memory_attention_hidden_size=WIDTH,
            memory_attention_num_layers=1,
            memory_attention_num_attention_heads=1,
            memory_attention_downsample_rate=1,
            memory_attention_feed_forward_hidden_size=WIDTH,
            memory_encoder_hidden_size=WIDTH,
            memory_encoder_output_channels=8,
            mask_downsampler_embed_dim=WIDTH,
            memory_fuser_embed_dim=WIDTH,
            memory_fuser_intermediate_dim=WIDTH,
            memory_fuser_num_layers=1,
        )
    )
    video.save_pretrained(tmp_path)
    small_processor("sam2").save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "sam2_video"
    segmenter = load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)
    assert isinstance(segmenter.model, Sam2Model)
    known = video.state_dict()
    for key, value in segmenter.model.state_dict().items():
        torch.testing.assert_close(value, known[key], atol=0, rtol=0)


def test_folders_of_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json names the model type None; .* sam, sam_hq"):
        load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="the model type 'bert'"):
        load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def drop_a_weight(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["mask_decoder.iou_token.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def add_a_weight(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file(state | {"head.bias": torch.ones(1)}, folder / "model.safetensors", {"format": "pt"})


def widen_a_weight(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["mask_decoder.iou_token.weight"] = torch.ones(1, 7)
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def test_weights_beyond_those_of_the_model_are_named_and_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path, "sam")
    add_a_weight(tmp_path)
    capfd.readouterr()
    library = logging.getLogger("transformers")  # which shows its records itself
    library.addHandler(caplog.handler)
    try:
        load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)
    finally:
        library.removeHandler(caplog.handler)
    assert "weights that are not used: head.bias" in caplog.text
    assert {record.name for record in caplog.records} == {"teacher.weights.checkpoints"}
    assert "".join(capfd.readouterr()) == ""  # no bar of the library either


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no file named"),
        (cut_weights, "SamModel"),
        (drop_a_weight, "missing: mask_decoder.iou_token.weight"),
        (widen_a_weight, "(of another shape: mask_decoder.iou_token.weight)"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "SamImageProcessor"),
    ],
)
def test_folders_that_are_not_whole_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    write_folder(tmp_path, "sam")
    spoil(tmp_path)
    with pytest.raises(UserError) as error:
        load_hugging_face_segmenter(tmp_path, Runtime("cpu"), 2)
    message = str(error.value)
    assert message.startswith(f"{tmp_path} holds no whole Sam")
    assert why in message
    assert message.endswith("fetch it again, or give another path")
    assert "\n" not in message
