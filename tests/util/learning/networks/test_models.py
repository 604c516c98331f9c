"""Networks: our U-Net and those of segmentation-models-pytorch."""

from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch

from student.losses import (
    LossSettings,
    student_loss,
)
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.learning.networks.encoder_unet import EncoderUNet
from util.learning.networks.models import Architecture, build_model, load_model
from util.learning.networks.unet import UNet

SMALL = Architecture("unet", width=4, depth=2, encoder="")


@pytest.mark.parametrize("size_hw", [(1, 1), (5, 7), (16, 16), (33, 18)])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_unet_takes_any_size(size_hw: tuple[int, int], depth: int) -> None:
    model = UNet(width=2, depth=depth).eval()
    assert model(torch.rand(2, 3, *size_hw)).shape == (2, 1, *size_hw)


def test_padding_does_not_change_what_needs_none() -> None:
    torch.manual_seed(0)
    model = UNet(width=2, depth=2).eval()
    image = torch.rand(1, 3, 16, 16)
    padded = torch.nn.functional.pad(image, (0, 0, 0, 4), mode="replicate")
    torch.testing.assert_close(model(padded[..., :18, :]), model(padded)[..., :18, :])


@pytest.mark.parametrize(
    ("name", "encoder"),
    [("PAN", "resnet34"), ("Unet", "resnet18"), ("encoder_unet", "tu-tf_efficientnet_lite0")],
)
def test_other_architectures_take_odd_sizes(name: str, encoder: str) -> None:
    model = build_model(Architecture(name, 1, 1, encoder)).eval()
    assert model(torch.rand(1, 3, 70, 45)).shape == (1, 1, 70, 45)


def test_unknown_architectures_and_encoders_are_refused_with_the_list() -> None:
    with pytest.raises(UserError, match=r"unet or one of .*PAN"):
        build_model(Architecture("UNett", 1, 1, "resnet34"))
    for name in ("PAN", "encoder_unet"):
        with pytest.raises(UserError, match="resnet35"):
            build_model(Architecture(name, 1, 1, "resnet35"))


def test_the_light_decoder_sees_every_level_of_the_encoder() -> None:
    torch.manual_seed(0)
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    model = EncoderUNet(encoder, width=4)
    levels: list[torch.Tensor] = []
    encoder.register_forward_hook(lambda *call: levels.extend(call[2]))
    logits = model(torch.rand(2, 3, 64, 96))
    grads = torch.autograd.grad(logits.sum(), levels[1:])
    assert [tuple(level.shape[2:]) for level in levels[1:]] == [
        (64 // 2**n, 96 // 2**n) for n in range(1, 6)
    ]
    assert all(grad.abs().sum() > 0 for grad in grads)
    prior = model.head.bias.sigmoid().item() if model.head.bias is not None else 0
    assert prior == pytest.approx(0.02)


def test_a_small_unet_learns_one_soft_label_by_heart() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16)
    target = torch.zeros(1, 1, 16, 16)
    target[..., 4:9, 6:12] = 0.6
    model = UNet(width=4, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = student_loss(model(image), target, LossSettings({"kl": 1.0, "jaccard": 0.5}))
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05


def test_a_checkpoint_gives_the_same_outputs(tmp_path: Path) -> None:
    model = build_model(SMALL).eval()
    path = tmp_path / "x.pt"
    save_checkpoint(path, {"model": model.state_dict(), "architecture": SMALL.as_dict()})
    loaded, temperature = load_model(read_checkpoint(path), path)
    images = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(loaded.eval()(images), model(images), rtol=0, atol=0)
    assert temperature == 1


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    content = {"model": build_model(SMALL).state_dict(), "architecture": SMALL.as_dict()}
    for wrong in (
        {"architecture": {**SMALL.as_dict(), "width": 6}},
        {"architecture": {"name": "unet"}},
        {"temperature": "warm"},
    ):
        with pytest.raises(UserError, match="do not fit its architecture"):
            load_model(content | wrong, tmp_path / "x.pt")
