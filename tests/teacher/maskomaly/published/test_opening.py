"""A trained network begins to learn something else."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from teacher.maskomaly.network import RoadNetwork
from teacher.maskomaly.published.opening import begin_with, open_network
from teacher.maskomaly.segmenting import pass_image
from tests.teacher.maskomaly.published.original_checkpoint import SMALL, random_tensors


@pytest.fixture
def network(tmp_path: Path) -> RoadNetwork:
    torch.save({"model": random_tensors(SMALL)}, tmp_path / "model.pth")
    return open_network(tmp_path / "model.pth")


def test_what_tells_a_class_of_the_same_name_apart_is_kept(network: RoadNetwork) -> None:
    told = replace(
        network.settings,
        classes=["car", "moose", "road"],
        has_negative_class=True,
        hidden=64,  # of no meaning for a network that is there
        points=99,
        short_side_px=500,
    )
    begun = begin_with(network, told)
    assert begun.settings == replace(told, hidden=SMALL.hidden)
    assert begun.network.config.train_num_points == 99
    old, new = (n.network.class_predictor for n in (network, begun))
    for row, number in {0: 13, 2: 0, 4: 19}.items():  # car, road; moose; negative, void
        assert torch.equal(new.weight[row], old.weight[number])
        assert torch.equal(new.bias[row], old.bias[number])
    assert new.weight.shape == (5, SMALL.hidden)
    given, kept = network.state_dict(), begun.state_dict()
    others = [name for name in given if "class_predictor" not in name and "criterion" not in name]
    assert all(torch.equal(given[name], kept[name]) for name in others)
    images = torch.rand(2, 3, 64, 64)
    loss = begun(images, [torch.ones(1, 64, 64)] * 2, [torch.tensor([1])] * 2).loss
    loss.sum().backward()
    assert all(p.grad is not None for p in begun.parameters() if p.requires_grad)


def test_with_the_same_classes_it_says_the_same(network: RoadNetwork) -> None:
    begun = begin_with(network, network.settings).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        one, other = network(images), begun(images)
    assert torch.equal(one.class_queries_logits, other.class_queries_logits)
    assert torch.equal(one.masks_queries_logits, other.masks_queries_logits)


def test_images_are_padded_after_normalisation_as_by_the_original(network: RoadNetwork) -> None:
    torch.manual_seed(0)
    image = torch.randint(0, 256, (50, 70, 3), dtype=torch.uint8)
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    pixels = torch.zeros(1, 3, 64, 96)
    pixels[0, :, :50, :70] = ((image - mean) / std).permute(2, 0, 1)
    with torch.inference_mode():
        expected = network.network(pixel_values=pixels).masks_queries_logits[0, :, :13, :18]
    found = pass_image(network, image.numpy())
    # Whether 255 is divided by before or after moves numbers by what float32 rounds.
    error = (found.mask_logits - expected).abs().max()
    assert error < 1e-4 * expected.abs().max()
