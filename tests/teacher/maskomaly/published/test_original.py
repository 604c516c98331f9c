"""Checkpoints of the original Mask2Former become the same network in transformers."""

import pickle
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.swin_transformer import SwinTransformer

from teacher.maskomaly.network import build_network
from teacher.maskomaly.published.original import CITYSCAPES, read_original, rename, size_of
from tests.teacher.maskomaly.published.original_checkpoint import (
    SMALL,
    Size,
    as_in_transformers,
    build_in_transformers,
    original_tensors,
    random_tensors,
)
from util.errors import UserError
from util.learning.tensors import describe_misfits

SWIN_S = Size(96, (3, 6, 12, 24), 7)
SWIN_L = Size(192, (6, 12, 24, 48), 12)


def write(path: Path, state: dict[str, Tensor]) -> Path:
    """Write a checkpoint as detectron2 does: `.pth`, or `.pkl` of arrays as it is published."""
    if path.suffix == ".pth":
        torch.save({"model": state, "iteration": 90000}, path)
    else:
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
        content = {"model": arrays, "__author__": "third_party", "matching_heuristics": True}
        path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "query_feat"), [("model.pth", "query_feat"), ("model_final.pkl", "static_query")]
)
def test_a_checkpoint_answers_as_the_model_of_the_library_with_its_weights(
    tmp_path: Path, name: str, query_feat: str
) -> None:
    path = write(tmp_path / name, random_tensors(SMALL, query_feat))
    network = read_original(path)
    weights = as_in_transformers(SMALL, random_tensors(SMALL))
    given = network.network.state_dict()
    assert given.keys() == weights.keys()
    assert all(torch.equal(given[name], weight) for name, weight in weights.items())
    model = build_in_transformers(SMALL, weights).to(memory_format=torch.channels_last)
    images = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    pixels = (images * 255 - mean[:, None, None]) / std[:, None, None]
    with torch.inference_mode():
        ours, library = network(images), model(pixel_values=(images - network.mean) / network.std)
        torch.testing.assert_close((images - network.mean) / network.std, pixels)
    assert torch.equal(ours.masks_queries_logits, library.masks_queries_logits)
    assert torch.equal(ours.class_queries_logits, library.class_queries_logits)
    assert ours.masks_queries_logits.std() > 0.1
    assert ours.class_queries_logits.shape == (1, 7, 20)
    assert network.settings.classes == CITYSCAPES
    assert CITYSCAPES[:3] == ["road", "sidewalk", "building"]
    assert CITYSCAPES[18] == "bicycle"


def features_of_torchvision(size: Size, state: dict[str, Tensor], pixels: Tensor) -> list[Tensor]:
    """See pixels with torchvision's Swin, whose tensors are those of the original."""
    model = SwinTransformer(
        [4, 4], size.channels, [*size.depths], [*size.heads], [size.window] * 2, num_classes=1
    ).eval()
    named = {}
    for name in model.state_dict():
        if name.startswith(("norm.", "head.")):  # of its classes
            named[name] = model.state_dict()[name]
            continue
        _, number, rest = name.split(".", 2)
        stage, is_merging = divmod(int(number) - 1, 2)
        if number == "0":
            own = rest.replace("0.", "patch_embed.proj.").replace("2.", "patch_embed.norm.")
        elif is_merging:
            own = f"layers.{stage}.downsample.{rest}"
        else:
            own = f"layers.{stage}.blocks.{rest}"
            own = own.replace("mlp.0.", "mlp.fc1.").replace("mlp.3.", "mlp.fc2.")
        tensor = state[f"backbone.{own}"]
        named[name] = tensor.flatten() if name.endswith("relative_position_index") else tensor
    model.load_state_dict(named)
    features, seen = [], pixels
    for number, part in enumerate(model.features):
        seen = part(seen)
        if number % 2:  # what follows is merged from it
            norm = (state[f"backbone.norm{number // 2}.{kind}"] for kind in ("weight", "bias"))
            features.append(functional.layer_norm(seen, seen.shape[3:], *norm).movedim(3, 1))
    return features


def test_the_backbone_sees_what_the_swin_of_another_library_sees(tmp_path: Path) -> None:
    size = Size(12, (1, 2, 4, 4), 4, (2, 2, 4, 2), 32, 7, 1, 1, 2)
    state = random_tensors(size)
    network = read_original(write(tmp_path / "model.pth", state))
    pixels = torch.randn(1, 3, 160, 224, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found = network.network.model.pixel_level_module.encoder(pixels).feature_maps
        expected = features_of_torchvision(size, state, pixels)
    assert [tuple(each.shape[1:]) for each in found] == [
        (12, 40, 56),
        (24, 20, 28),
        (48, 10, 14),  # no multiple of the window: padded, and shifted
        (96, 5, 7),
    ]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("size", "millions"), [(SWIN_S, 69), (SWIN_L, 215)])
def test_every_tensor_of_the_published_sizes_has_its_place(size: Size, millions: int) -> None:
    state = original_tensors(size, lambda *shape: torch.empty(shape, device="meta"), "static_query")
    settings = size_of(state)
    assert (settings.hidden, settings.queries, settings.heads) == (256, 100, 8)
    assert (settings.encoder_layers, settings.decoder_layers) == (6, 10)
    with torch.device("meta"):
        network = build_network(settings, None).network
    renamed = {
        name: tensor
        for name, tensor in rename(state).items()
        if not name.endswith("relative_position_index")
    }
    unused = {
        name: tensor for name, tensor in network.state_dict().items() if "swin.layernorm" in name
    }
    assert len(unused) == 2
    assert describe_misfits(network, {**renamed, **unused}) == ""
    parameters = sum(weight.numel() for weight in network.parameters())
    assert round(parameters / 1e6) == millions  # the smaller one's file on the hub has 276 MB


def test_all_that_does_not_fit_is_told_in_one_sentence(tmp_path: Path) -> None:
    state = random_tensors(SMALL)
    del state["sem_seg_head.predictor.decoder_norm.bias"]
    state["sem_seg_head.predictor.query_feat.weight"] = torch.zeros(7, 5)
    state["backbone.layers.0.blocks.0.attn.qkv.bias"] = torch.zeros(37)
    state["backbone.absolute_pos_embed"] = torch.zeros(1)
    index = "backbone.layers.1.blocks.0.attn.relative_position_index"
    state[index] = state[index].flip(0)
    with pytest.raises(UserError) as caught:
        read_original(write(tmp_path / "model.pth", state))
    told = str(caught.value)
    assert re.search(r"missing: model\.transformer_module\.decoder\.layernorm\.bias;", told)
    assert re.search(
        r"unknown: [^;]*layers\.1\.[^;]*relative_position_index, backbone\.absolute_pos_embed;",
        told,
    )
    assert re.search(r"another shape: [^;]*q_proj\.bias,[^;]*queries_features\.weight", told)
    assert "\n" not in told


def test_two_names_of_one_tensor_are_not_taken_one_for_the_other(tmp_path: Path) -> None:
    state = random_tensors(SMALL) | random_tensors(SMALL, "static_query")
    with pytest.raises(UserError, match=r"unknown: sem_seg_head\.predictor\.static_query\.weight"):
        read_original(write(tmp_path / "model.pth", state))


def test_weights_of_losses_may_be_missing(tmp_path: Path) -> None:
    state = random_tensors(SMALL)
    del state["criterion.empty_weight"]
    network = read_original(write(tmp_path / "model.pth", state)).network
    assert network.criterion.empty_weight.tolist() == pytest.approx([1.0] * 19 + [0.1])


def test_other_networks_are_refused(tmp_path: Path) -> None:
    others = {k: v for k, v in random_tensors(SMALL).items() if not k.startswith("backbone")}
    with pytest.raises(UserError, match=r"no whole Mask2Former over a Swin.*patch_embed\.proj"):
        read_original(write(tmp_path / "resnet.pth", others))
    coco = random_tensors(Size(12, (1, 2, 4, 4), 4, (1, 1, 1, 1), 32, 7, 1, 1, 2, classes=133))
    with pytest.raises(UserError, match="133 classes apart and does not name them; expected the"):
        read_original(write(tmp_path / "coco.pkl", coco))
    flat = random_tensors(SMALL)
    flat["backbone.layers.0.blocks.0.attn.relative_position_bias_table"] = torch.zeros(49)
    with pytest.raises(UserError, match="its sizes do not fit each other"):
        read_original(write(tmp_path / "flat.pth", flat))
