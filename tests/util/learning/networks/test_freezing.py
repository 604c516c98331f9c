"""What stays as it is in a pretrained encoder that goes on learning."""

import pytest
import torch
from torch import nn

from util.errors import UserError
from util.learning.networks.freezing import freeze_first_stages
from util.learning.networks.models import Architecture, NormalisedModel, build_model

LITE = "tu-tf_efficientnet_lite0"


def learn(model: NormalisedModel) -> set[str]:
    """Train for two steps; returns the names of what has changed."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model.train()
    for _ in range(2):
        loss = model(torch.rand(2, 3, 64, 64)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(
    ("architecture", "encoder", "still"),
    [
        ("encoder_unet", LITE, ("conv_stem", "bn1.", "blocks.0.", "blocks.1.")),
        ("Unet", "resnet18", ("encoder.conv1", "encoder.bn1", "layer1", "layer2")),
    ],
)
def test_stem_first_stages_and_all_moments_of_the_encoder_stay_and_all_else_learns(
    architecture: str, encoder: str, still: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    model = build_model(Architecture(architecture, 4, 2, encoder))
    freeze_first_stages(model, 2)
    changed = learn(model)
    inside = "network.network.encoder."
    of_encoder = {name for name in model.state_dict() if name.startswith(inside)}
    is_moment = {name for name in of_encoder if "running" in name or "num_batches" in name}
    is_first = {
        name
        for name in of_encoder
        if name.removeprefix(inside + "model.").startswith(still)
        or name.removeprefix("network.network.").startswith(still)
        or name.removeprefix(inside).startswith(still)
    }
    assert is_first
    assert not changed & (is_moment | is_first)
    weights = {name for name, each in model.named_parameters() if each.requires_grad}
    assert weights & of_encoder
    assert weights <= changed
    decoder = {n for n in model.state_dict() if n not in of_encoder and "running" in n}
    assert decoder <= changed


def test_without_it_everything_learns() -> None:
    model = build_model(Architecture("encoder_unet", 4, 2, LITE))
    assert {name for name, _ in model.named_parameters()} <= learn(model)
    assert not any(
        each.training for each in model.eval().modules() if isinstance(each, nn.BatchNorm2d)
    )


def test_more_stages_than_there_are_are_refused() -> None:
    model = build_model(Architecture("encoder_unet", 4, 2, LITE))
    with pytest.raises(UserError, match="frozen_stages is 8, but 7 stages of the encoder"):
        freeze_first_stages(model, 8)
