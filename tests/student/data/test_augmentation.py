"""Crops, their geometry and colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from student.data.augmentation import Augmentation, Sample, augment, draw_side
from student.data.loading import SoftLabelPairs
from util.images.files import find_images, write_image
from util.label_set import LabelSet


@pytest.mark.parametrize("value", [0.0, 0.35, 1.0])
def test_a_zoomed_soft_target_keeps_its_values(
    tmp_path: Path, write_label_set: Callable[..., LabelSet], value: float
) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((80, 80, 3), np.uint8))
    paths = find_images(tmp_path / "images")
    label_set = write_label_set("x", {"a": np.full((80, 80), value)})
    dataset = SoftLabelPairs(["a"], paths, label_set, 1.0, Augmentation(32, zoom=2.0))
    for epoch in range(20):
        target = dataset.crops(0, epoch)[0].maps
        torch.testing.assert_close(target, torch.full_like(target, value), atol=1e-4, rtol=0)
        assert 0 <= target.min() <= target.max() <= 1  # or a loss of it is no number


def test_zoom_draws_crops_of_both_sizes_and_half_are_enlarged() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = [draw_side(Augmentation(64, zoom=2.0), generator) for _ in range(400)]
    assert 32 <= min(sides) < 36
    assert 120 < max(sides) <= 128
    assert 0.4 < np.mean([side < 64 for side in sides]) < 0.6


@pytest.mark.parametrize("strength", [0.5, 1.0, 20.0])
def test_the_strength_says_how_much_light_and_colour_change(strength: float) -> None:
    image = torch.randint(60, 190, (3, 16, 16), generator=torch.Generator().manual_seed(0))
    sample = Sample(image.to(torch.uint8), torch.zeros(1, 16, 16))
    changes = []
    for seed in range(30):
        generator = torch.Generator().manual_seed(seed)
        changed = augment(sample, Augmentation(16, strength=strength), generator)
        changes.append(abs(changed.image.float().mean() - image.float().mean()))
    largest = float(max(changes))
    assert largest > 12 * min(strength, 4)
    assert strength > 1 or largest < 60 * strength


def test_without_strength_a_crop_of_the_whole_is_the_whole() -> None:
    image = torch.randint(256, (3, 16, 16), generator=torch.Generator().manual_seed(0))
    sample = Sample(image.to(torch.uint8), torch.rand(2, 16, 16))
    plain = augment(sample, Augmentation(16, strength=0.0), torch.Generator().manual_seed(1))
    assert torch.equal(plain.image, sample.image)
    assert torch.equal(plain.maps, sample.maps)
