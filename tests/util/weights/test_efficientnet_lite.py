"""Names of EfficientNet-Lite0's tensors, as published and in timm."""

from pathlib import Path

import timm
import torch

from util.weights.efficientnet_lite import TIMM_NAME, timm_names
from util.weights.finding import find
from util.weights.known import named


def test_names_are_translated_as_the_two_networks_stand_in_order(tmp_path: Path) -> None:
    """Paired in order, without the counters of batches: 247 to 247, and no shape differs."""
    file = find(named("efficientnet-lite0", "test"), tmp_path)
    assert file is not None
    published = torch.load(file, weights_only=True)
    built = timm.create_model(TIMM_NAME).state_dict()
    ours = [name for name in published if "num_batches" not in name]
    theirs = [name for name in built if "num_batches" not in name]
    assert len(ours) == len(theirs) == 247
    translated = timm_names(published)
    assert [translated[name] for name in ours] == theirs
    assert {translated[name] for name in published} == set(built)
    assert all(published[name].shape == built[translated[name]].shape for name in published)


def test_other_names_stay_as_they_are() -> None:
    names = ["conv_stem.weight", "_blocks.16._bn0.bias", "_blocks.0._expand_conv.weight", "x"]
    assert list(timm_names(names).values()) == names
    assert timm_names([]) == {}
