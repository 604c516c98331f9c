import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Sam2Model, Sam2VideoConfig, Sam2VideoModel

from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.hugging_face import load_hugging_face_segmenter
from tests.teacher.saa.segmenters.small_sams import (
    BOXES,
    DECODER,
    HIERA,
    MODELS,
    PACKAGE,
    PROMPT,
    SIDE_PX,
    WIDTH,
    build,
    small_processor,
    write_folder,
)
from tests.teacher.saa.small_models import Size, State, full, keeping_results, paint
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

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
    ours, theirs = build("sam"), build(PACKAGE)
    ours.model.load_state_dict(translate(theirs.model.state_dict()))
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


def upscale(logits: Tensor, size_hw: Size) -> Tensor:
    """Grow (N, h, w) logits of the padded square to an image that fills it along one side."""
    square = F.interpolate(logits[None], (SIDE_PX, SIDE_PX), mode="bilinear")
    return F.interpolate(square[..., : size_hw[0], : size_hw[1]], size_hw, mode="bilinear")[0]


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
