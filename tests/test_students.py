"""Networks, losses, data and checkpoints of the student."""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage
from scipy.special import rel_entr, xlogy
from torch import Tensor

import student.train
from student.augmentation import Augmentation, Sample, augment, draw_side
from student.checkpoint import load_model, read_checkpoint, save_checkpoint
from student.data_loader_student import Memory, SoftLabelPairs, check_pairs, check_weights
from student.device import build_fabric
from student.losses import (
    LOSSES,
    LossSettings,
    binary_kl,
    find_edges,
    focal,
    soft_dice,
    soft_jaccard,
    student_loss,
)
from student.models import Architecture, build_model
from student.training import shuffled_batches
from student.unet import UNet
from student.validation import count_overlap
from util.data_classes import BoxSettings
from util.errors import UserError
from util.image_files import find_images, read_image, write_image
from util.label_set import LabelSet, LabelSetWriter, open_label_set
from util.statistics_over_images import iou

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


@pytest.mark.parametrize(("name", "encoder"), [("PAN", "resnet34"), ("Unet", "resnet18")])
def test_other_architectures_take_odd_sizes(name: str, encoder: str) -> None:
    model = build_model(Architecture(name, 1, 1, encoder)).eval()
    assert model(torch.rand(1, 3, 70, 45)).shape == (1, 1, 70, 45)


def test_unknown_architectures_and_encoders_are_refused_with_the_list() -> None:
    with pytest.raises(UserError, match=r"unet or one of .*pan"):
        build_model(Architecture("UNett", 1, 1, "resnet34"))
    with pytest.raises(UserError, match="resnet35"):
        build_model(Architecture("PAN", 1, 1, "resnet35"))


TARGETS = torch.tensor([0.0, 0.3, 0.7, 1.0, 0.3, 0.7]).view(1, 1, 2, 3)


MIXED = LossSettings({"kl": 1.0, "jaccard": 0.5})


def logit(probability: Tensor) -> Tensor:
    return torch.logit(probability, eps=1e-6)


def test_the_kl_loss_equals_its_formula_and_is_zero_at_the_target() -> None:
    p, y = np.array([0.2, 0.6]), np.array([0.5, 0.9])
    expected = (y * np.log(y / p) + (1 - y) * np.log((1 - y) / (1 - p))).mean()
    found = binary_kl(logit(torch.tensor(p)), torch.tensor(y))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(binary_kl(logit(TARGETS), TARGETS)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "weights",
    [{"kl": 1.0}, {"jaccard": 1.0}, {"dice": 1.0}, {"focal": 1.0}, {"kl": 1.0, "jaccard": 2.0}],
)
@pytest.mark.parametrize("edge_weight", [0.0, 3.0])
def test_the_minimum_of_the_loss_lies_at_the_soft_target(
    weights: dict[str, float], edge_weight: float
) -> None:
    settings = LossSettings(weights, edge_weight)
    assert float(student_loss(logit(TARGETS), TARGETS, settings)) == pytest.approx(0, abs=1e-3)
    logits = torch.zeros_like(TARGETS, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(800):
        optimizer.zero_grad()
        student_loss(logits, TARGETS, settings).backward()
        optimizer.step()
    # the gradient of the focal loss vanishes near its minimum, so it comes there slowly
    atol = 0.1 if "focal" in weights else 0.02
    torch.testing.assert_close(logits.sigmoid().detach(), TARGETS, atol=atol, rtol=0)


def test_without_a_positive_weight_there_is_no_loss() -> None:
    with pytest.raises(UserError, match=r"student\.losses"):
        student_loss(TARGETS, TARGETS, LossSettings({"kl": 0.0}))


def test_losses_equal_their_formulas() -> None:
    logits, targets, weights = weighted_example()
    p, y, w = logits.sigmoid().double().numpy(), targets.double().numpy(), weights.double().numpy()
    cross_entropy = -(xlogy(y, p) + xlogy(1 - y, 1 - p))
    quality = (p - y) ** 2 * cross_entropy
    assert float(focal(logits, targets)) == pytest.approx(quality.mean(), rel=1e-5)
    assert float(focal(logits, targets, weights)) == pytest.approx(
        np.average(quality, weights=w), rel=1e-5
    )
    for weight, given in ((1, None), (w, weights)):
        overlap = (weight * (p + y - abs(p - y))).sum()
        assert float(soft_dice(logits, targets, given)) == pytest.approx(
            1 - overlap / (weight * (p + y)).sum(), rel=1e-5
        )


def test_edges_are_the_range_of_the_neighbours_and_count_more() -> None:
    target = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    values = target[0, 0].numpy()
    expected = ndimage.maximum_filter(values, 3) - ndimage.minimum_filter(values, 3)
    np.testing.assert_allclose(find_edges(target)[0, 0], expected, rtol=1e-6)
    logits = torch.zeros_like(target)
    found = student_loss(logits, target, LossSettings({"kl": 1.0}, edge_weight=3.0))
    weighted = binary_kl(logits, target, torch.from_numpy(1 + 3 * expected)[None, None])
    torch.testing.assert_close(found, weighted)


def test_the_jaccard_index_pools_pixels_and_is_one_where_both_are_empty() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random((2, 1, 5, 6)), rng.random((2, 1, 5, 6)) / 3
    logits, targets = torch.logit(torch.tensor(p)), torch.tensor(y)
    for temperature in (1.0, 3.0):
        predicted, wanted = p * temperature > 0.5, y * temperature > 0.5
        expected = (predicted & wanted).sum() / (predicted | wanted).sum()
        found = iou(count_overlap(logits, targets, temperature).numpy())
        assert found == pytest.approx(expected)
    for share in (0.01, 0.3, 1.0):
        target = (torch.rand(1, 1, 40, 40) < share).float()
        assert iou(count_overlap(logit(target), target, 1.0).numpy()) == 1
        nothing = torch.zeros_like(target)
        assert iou(count_overlap(-logit(target), target, 1.0, nothing).numpy()) == 1


def test_half_of_the_crops_or_as_many_as_asked_lie_over_the_anomaly(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    soft_label = np.zeros((200, 200), np.float32)
    soft_label[100, 100] = 1
    write_image(tmp_path / "images" / "a.png", np.zeros((200, 200, 3), np.uint8))
    paths, label_set = find_images(tmp_path / "images"), write_label_set("x", {"a": soft_label})
    shares = {}
    for asked in (0.0, 0.5, 1.0):
        augmentation = Augmentation(16, strength=0.0, foreground_crops=asked)
        dataset = SoftLabelPairs(["a"], paths, label_set, 1.0, augmentation)
        hits = sum(bool(dataset.sample(0, epoch).maps.any()) for epoch in range(60))
        shares[asked] = hits / 60
    assert shares[0.0] < 0.1
    assert 0.3 < shares[0.5] < 0.7
    assert shares[1.0] == 1


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("size", [30.0, -30.0])
def test_gradients_are_finite_at_the_ends(name: str, value: float, size: float) -> None:
    logits = torch.full((1, 1, 2, 2), size, requires_grad=True)
    student_loss(logits, torch.full((1, 1, 2, 2), value), LossSettings({name: 1.0})).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_an_empty_target_still_pulls_the_prediction_down() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    student_loss(logits, torch.zeros(1, 1, 2, 2), MIXED).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_a_small_unet_learns_one_soft_label_by_heart() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16)
    target = torch.zeros(1, 1, 16, 16)
    target[..., 4:9, 6:12] = 0.6
    model = UNet(width=4, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = student_loss(model(image), target, MIXED)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05


def weighted_example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.rand(3, 1, 5, 6, generator=generator) - 2
    targets = torch.rand(3, 1, 5, 6, generator=generator).round(decimals=1)
    weights = torch.rand(3, 1, 5, 6, generator=generator).round()
    weights[0] *= 0.5
    return logits, targets, weights


def test_weighted_losses_equal_their_formulas() -> None:
    logits, targets, weights = weighted_example()
    p, y, w = logits.sigmoid().double().numpy(), targets.double().numpy(), weights.double().numpy()
    divergence = rel_entr(y, p) + rel_entr(1 - y, 1 - p)
    assert float(binary_kl(logits, targets, weights)) == pytest.approx(
        np.average(divergence, weights=w), rel=1e-5
    )
    distance, total = (w * abs(p - y)).sum(), (w * (p + y)).sum()
    assert float(soft_jaccard(logits, targets, weights)) == pytest.approx(
        1 - (total - distance) / (total + distance), rel=1e-5
    )


@pytest.mark.parametrize("weight", [1.0, 0.5, 1 / 255])
def test_equal_weights_change_nothing(weight: float) -> None:
    logits, targets, weights = weighted_example()
    torch.testing.assert_close(
        student_loss(
            logits,
            targets,
            MIXED,
            torch.full_like(weights, weight),
        ),
        student_loss(logits, targets, MIXED),
    )


def test_pixels_without_weight_neither_count_nor_pull() -> None:
    logits, targets, weights = weighted_example()
    logits.requires_grad_()
    loss = student_loss(logits, targets, MIXED, weights)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[weights == 0].any()
    assert logits.grad[weights > 0].all()
    other = torch.where(weights == 0, 1 - targets, targets)
    torch.testing.assert_close(student_loss(logits, other, MIXED, weights), loss)


@pytest.mark.parametrize("value", [0.0, 0.7, 1.0])
def test_a_batch_without_any_weight_costs_nothing(value: float) -> None:
    logits = torch.linspace(-50, 50, 4).view(1, 1, 2, 2).requires_grad_()
    nothing = torch.zeros(1, 1, 2, 2)
    loss = student_loss(logits, nothing + value, MIXED, nothing)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.fixture
def pairs(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> Callable[..., SoftLabelPairs]:
    rng = np.random.default_rng(0)
    maps = {}
    for name, size_hw in {"a": (40, 30), "b": (17, 50)}.items():
        image = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
        write_image(tmp_path / "images" / f"{name}.png", image)
        maps[name] = image[..., 0] / 255  # the label follows the red channel
    label_set = write_label_set("labels", maps)
    paths = find_images(tmp_path / "images")

    def build(augmentation: Augmentation | None, **more: float) -> SoftLabelPairs:
        temperature = more.get("temperature", 1.0)
        seed = int(more.get("seed", 0))
        return SoftLabelPairs(["a", "b"], paths, label_set, temperature, augmentation, seed)

    return build


def test_without_augmentation_pairs_are_whole_images(pairs: Callable[..., SoftLabelPairs]) -> None:
    batch = pairs(None).batch([1])
    assert batch.images.shape == (1, 3, 17, 50)
    assert batch.images.dtype == torch.uint8
    torch.testing.assert_close(batch.images[:, :1] / 255, batch.targets, atol=1e-4, rtol=0)


def test_the_temperature_divides_the_soft_label(pairs: Callable[..., SoftLabelPairs]) -> None:
    warm, plain = (pairs(None, temperature=t).batch([0]).targets for t in (3.0, 1.0))
    torch.testing.assert_close(warm * 3, plain)


def correlation(image: Tensor, target: Tensor) -> float:
    """Of the red channel and the label that follows it."""
    return float(torch.corrcoef(torch.stack([image[0].flatten(), target.flatten()]))[0, 1])


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_geometry_changes_image_and_label_alike(
    pairs: Callable[..., SoftLabelPairs], zoom: float
) -> None:
    dataset = pairs(Augmentation(crop_size_px=24, zoom=zoom))
    seen = set()
    for epoch in range(12):
        for index in range(2):
            sample = dataset.sample(index, epoch)
            assert sample.image.shape == (3, 24, 24)
            assert sample.maps.shape == (1, 24, 24)
            # light and colour change the red channel smoothly, so its order of values stays
            assert correlation(sample.image.float(), sample.maps[0]) > 0.8
            seen.add(tuple(sample.maps.flatten()[:4].tolist()))
    assert len(seen) > 20


@pytest.mark.parametrize("value", [0.0, 0.35, 1.0])
def test_a_zoomed_soft_target_keeps_its_values(
    tmp_path: Path, write_label_set: Callable[..., LabelSet], value: float
) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((80, 80, 3), np.uint8))
    paths = find_images(tmp_path / "images")
    label_set = write_label_set("x", {"a": np.full((80, 80), value)})
    dataset = SoftLabelPairs(["a"], paths, label_set, 1.0, Augmentation(32, zoom=2.0))
    for epoch in range(20):
        target = dataset.sample(0, epoch).maps
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


@pytest.mark.parametrize("side", [24, 60])
def test_weights_and_logits_are_cropped_turned_and_padded_like_the_soft_label(
    tmp_path: Path, side: int, rng: np.random.Generator
) -> None:
    soft_label = rng.random((40, 50))
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", soft_label, "1", 0, weights=soft_label, logits=8 * soft_label)
        label_set = writer.finish(BoxSettings())
    write_image(tmp_path / "images" / "a.png", np.zeros((40, 50, 3), np.uint8))
    paths = find_images(tmp_path / "images")
    augmentation = Augmentation(crop_size_px=side, zoom=1.5)
    full = SoftLabelPairs(
        ["a"], paths, label_set, 1.0, augmentation, pixel_weights="label_set", has_logits=True
    )
    plain = SoftLabelPairs(["a"], paths, label_set, 1.0, augmentation)
    sure = SoftLabelPairs(["a"], paths, label_set, 1.0, augmentation, pixel_weights="confidence")
    for epoch in range(8):
        batch, without = full.batch([0], epoch), plain.batch([0], epoch)
        assert batch.weights is not None
        assert batch.weights.dtype == torch.float32
        torch.testing.assert_close(batch.weights, batch.targets, atol=0.6 / 255, rtol=0)
        torch.testing.assert_close(batch.teacher_logits, 8 * batch.targets, atol=0.01, rtol=0)
        assert torch.equal(batch.images, without.images)
        assert torch.equal(batch.targets, without.targets)
        assert without.weights is None
        assert without.teacher_logits is None
    whole = SoftLabelPairs(["a"], paths, label_set, 1.0, pixel_weights="confidence").batch([0])
    torch.testing.assert_close(whole.weights, abs(2 * whole.targets - 1))
    assert sure.batch([0], 3).weights is not None


def test_samples_with_logits_are_no_samples_without(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", rng.random((8, 9)), "1", 0, logits=rng.random((8, 9)))
        label_set = writer.finish(BoxSettings())
    write_image(tmp_path / "images" / "a.png", np.zeros((8, 9, 3), np.uint8))
    paths, memory = find_images(tmp_path / "images"), Memory(10**6)
    for has_logits in (False, True, False):
        pairs = SoftLabelPairs(["a"], paths, label_set, 1.0, has_logits=has_logits, memory=memory)
        assert (pairs.batch([0]).teacher_logits is not None) == has_logits


def test_samples_that_are_kept_in_memory_are_those_that_are_read_until_it_is_full(
    pairs: Callable[..., SoftLabelPairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    def read(path: Path) -> np.ndarray:
        reads.append(path.stem)
        return read_image(path)

    monkeypatch.setattr("student.data_loader_student.read_image", read)
    augmentation = Augmentation(crop_size_px=24)
    plain, keeping = pairs(augmentation), pairs(augmentation)
    keeping.memory = Memory(limit_bytes=17 * 50 * 7)  # room for b alone
    for epoch in range(3):
        for index in range(2):
            ours, theirs = (each.sample(index, epoch) for each in (keeping, plain))
            assert torch.equal(ours.image, theirs.image)
            assert torch.equal(ours.maps, theirs.maps)
    assert reads.count("a") == 6
    assert reads.count("b") == 4


@pytest.mark.parametrize("num_threads", [0, 1, 3])
def test_batches_are_the_same_however_many_threads_make_them(
    pairs: Callable[..., SoftLabelPairs], num_threads: int
) -> None:
    dataset = pairs(Augmentation(crop_size_px=24, zoom=1.5))
    indices = [[0, 1], [1], [0], [1, 0]] * 3
    made = list(dataset.batches(indices, 2, num_threads))
    for batch, each in zip(made, indices, strict=True):
        assert torch.equal(batch.images, dataset.batch(each, 2).images)
        assert torch.equal(batch.targets, dataset.batch(each, 2).targets)


def test_weights_that_are_lost_or_of_another_size_or_not_there_at_all_are_refused(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    ones = np.ones((4, 6))
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        for name, weights in {"a": ones, "b": ones.T, "c": None, "d": None}.items():
            writer.add(name, ones, source="1", seconds=0, weights=weights)
        label_set = writer.finish(BoxSettings())
    write_label_set("other", {"z": ones})
    check_weights(["a", "c"], label_set)  # pixels of c count all alike
    with pytest.raises(
        UserError, match=r"no image .* has weights .*combination\.pixel_weights true"
    ):
        check_weights(["c", "d"], label_set)
    with pytest.raises(UserError, match=r"b: \(4, 6\) and \(6, 4\)"):
        check_weights(["a", "b"], label_set)
    label_set.weights_path("a").unlink()
    for each in (label_set, open_label_set(tmp_path, "labels+other")):
        with pytest.raises(UserError, match=r"weights of 1 images .* are lost \(a\)"):
            check_weights(["a", "c"], each)


def test_samples_depend_on_seed_epoch_and_index_alone(
    pairs: Callable[..., SoftLabelPairs],
) -> None:
    augmentation = Augmentation(crop_size_px=24)
    torch.manual_seed(1)
    first = pairs(augmentation).sample(0, 0).image
    torch.manual_seed(2)
    assert torch.equal(pairs(augmentation).sample(0, 0).image, first)
    assert not torch.equal(pairs(augmentation).sample(0, 1).image, first)
    assert not torch.equal(pairs(augmentation, seed=1).sample(0, 0).image, first)


def test_missing_labels_and_other_sizes_are_all_named(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    for name in ("a", "b", "c"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((4, 6, 3), np.uint8))
    paths = find_images(tmp_path / "images")
    with pytest.raises(UserError, match=r"2 of 3 images have no soft label.*b, c"):
        check_pairs(["a", "b", "c"], paths, write_label_set("one", {"a": np.zeros((4, 6))}))
    label_set = write_label_set("two", {"a": np.zeros((4, 6)), "b": np.zeros((6, 4))})
    with pytest.raises(UserError, match=r"b: \(4, 6\) and \(6, 4\)"):
        check_pairs(["a", "b"], paths, label_set)


def content() -> dict[str, object]:
    return {"model": build_model(SMALL).state_dict(), "architecture": SMALL.as_dict()}


def test_a_checkpoint_gives_the_same_outputs(tmp_path: Path) -> None:
    model = build_model(SMALL).eval()
    path = tmp_path / "x.pt"
    save_checkpoint(path, {"model": model.state_dict(), "architecture": SMALL.as_dict()})
    loaded, temperature = load_model(read_checkpoint(path), path)
    images = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(loaded.eval()(images), model(images), rtol=0, atol=0)
    assert temperature == 1


def test_bad_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with pytest.raises(UserError, match="does not exist"):
        read_checkpoint(path)
    save_checkpoint(path, content())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="truncated"):
        read_checkpoint(path)
    save_checkpoint(path, {"weights": 1})
    with pytest.raises(UserError, match="lacks model"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    buffer = io.BytesIO()
    torch.save({"model": Evil(), "architecture": {}}, buffer)
    (tmp_path / "x.pt").write_bytes(buffer.getvalue())
    (tmp_path / "y.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("x.pt", "y.pt"):
        with pytest.raises(UserError, match="safely"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    for wrong in (
        {"architecture": {**SMALL.as_dict(), "width": 6}},
        {"architecture": {"name": "unet"}},
        {"temperature": "warm"},
    ):
        with pytest.raises(UserError, match="do not fit its architecture"):
            load_model(content() | wrong, tmp_path / "x.pt")


@pytest.mark.parametrize(("num_items", "batch_size"), [(6, 5), (9, 8), (16, 8), (1, 4), (5, 1)])
def test_batches_hold_every_item_once_and_none_is_left_alone(
    num_items: int, batch_size: int
) -> None:
    batches = shuffled_batches(num_items, batch_size, seed=0)
    assert sorted(index for batch in batches for index in batch) == list(range(num_items))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_is_one_sentence() -> None:
    with pytest.raises(UserError, match="set it to auto or cpu"):
        build_fabric("cuda")


def test_a_run_with_pixel_weights_is_another_run_and_notices_changed_weights(
    project: Path,
) -> None:
    images, label_set = find_images(project.parent / "images"), project.parent / "label_sets/x"

    def label(weights: np.ndarray | None) -> None:
        with LabelSetWriter(label_set, {"has_weights": weights is not None}, True) as writer:
            for image_id, path in images.items():
                soft_label = (read_image(path).min(axis=2) == 240).astype(float)
                given = None if weights is None else np.resize(weights, soft_label.shape)
                writer.add(image_id, soft_label, source="1", seconds=0, weights=given)
            writer.finish(BoxSettings())

    def train(*options: str) -> float:
        given = ["--student.label_set", "x", "--student.epochs", "1", *options]
        assert student.train.main(["--config", str(project), *given]) == 0
        metrics = project.parent / "runs" / "student" / "metrics.csv"
        return float(pd.read_csv(metrics)["train_loss"].item())

    weighted = ["--student.pixel_weights", "label_set"]
    label(None)
    plain = train()
    with pytest.raises(UserError, match=r"no image .* has weights .*pixel_weights true"):
        train(*weighted)
    label(np.ones(1))
    assert train(*weighted, "--overwrite") == pytest.approx(plain, rel=1e-4)
    path = LabelSet(label_set).weights_path(next(iter(images)))
    write_image(path, np.zeros((64, 64), np.uint8))
    with pytest.raises(UserError, match=r"weights: .* give --overwrite"):
        train(*weighted)
    assert abs(train(*weighted, "--overwrite") / plain - 1) > 1e-3


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_checkpoints(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = find_images(project.parent / "images")
    with LabelSetWriter(project.parent / "label_sets/x", {"producer": "test"}) as writer:
        for image_id, path in images.items():
            writer.add(image_id, (read_image(path).min(axis=2) == 240).astype(float), "1", 0)
        writer.finish(BoxSettings())
    given = ["--config", str(project), "--student.label_set", "x", "--student.gradient_clip", "1"]
    assert student.train.main([*given, "--student.epochs", "1", "--student.run", "one"]) == 0
    once = pd.read_csv(project.parent / "runs/one/metrics.csv")
    assert 0 <= once["val_jaccard"].item() <= 1
    steps = 0

    def fail_in_the_second_epoch(*given: Any) -> Tensor:
        nonlocal steps
        steps += 1
        loss = student_loss(*given)
        return loss * float("nan") if steps > 1 else loss

    monkeypatch.setattr("student.training.student_loss", fail_in_the_second_epoch)
    several = ["--student.epochs", "3", "--student.run", "three", "--student.batch_size", "100"]
    with pytest.raises(UserError, match=r"became nan in epoch 2, in the batch of .*gradient_clip"):
        student.train.main([*given, *several])
    run = project.parent / "runs/three"
    assert len(pd.read_csv(run / "metrics.csv")) == 1
    weights = read_checkpoint(run / "last.pt")["model"]
    assert all(torch.isfinite(values).all() for values in weights.values())


def learn(project: Path, maps: Callable[[np.ndarray], np.ndarray], *options: str) -> Path:
    """Label the images of a project, train a student on that, and return its run."""
    images = find_images(project.parent / "images")
    with LabelSetWriter(project.parent / "label_sets/x", {"producer": "test"}, True) as writer:
        for image_id, path in images.items():
            writer.add(image_id, maps(read_image(path)), "1", 0)
        writer.finish(BoxSettings())
    given = ["--config", str(project), "--student.label_set", "x", *options]
    assert student.train.main(given) == 0
    return project.parent / "runs" / "student"


def find_birds(image_rgb: np.ndarray) -> np.ndarray:
    return (image_rgb.min(axis=2) == 240).astype(float)


def keep_one_image(project: Path, split: str) -> None:
    path = project.parent / "splits" / f"{split}.txt"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


def test_one_training_image_is_enough(project: Path) -> None:
    keep_one_image(project, "Train")
    keep_one_image(project, "Validation")
    metrics = pd.read_csv(learn(project, find_birds) / "metrics.csv")
    assert np.isfinite(metrics["train_loss"]).all()
    small = ["--student.crop_size_px", "16", "--student.depth", "4", "--overwrite"]
    with pytest.raises(UserError, match="batches of at least 2 images here"):
        learn(project, find_birds, *small)


def test_without_any_positive_pixel_a_student_learns_that_there_is_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--student.epochs", "20", "--student.patience", "20"]
    options += ["--student.learning_rate", "0.03"]
    run = learn(project, lambda image: np.zeros(image.shape[:2]), *options)
    metrics = pd.read_csv(run / "metrics.csv")
    assert np.isfinite(metrics.to_numpy()).all()
    for column in ("train_loss", "val_loss"):
        assert metrics[column].iloc[-1] < 0.8 * metrics[column].iloc[0]
    assert metrics["val_jaccard"].iloc[-1] == 1  # nothing wanted, nothing found
    assert "It finds none of the boxes" in capsys.readouterr().out


def test_images_smaller_than_the_stride_of_the_network_are_padded(project: Path) -> None:
    for number, path in enumerate(find_images(project.parent / "images").values()):
        write_image(path, np.full((3 + number % 4, 5, 3), 100, np.uint8))
    run = learn(project, find_birds, "--student.depth", "5")
    assert np.isfinite(pd.read_csv(run / "metrics.csv").to_numpy()).all()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_learns_in_either_precision_and_twice_the_same(project: Path, precision: str) -> None:
    options = ["--student.precision", precision, "--student.epochs", "4", "--overwrite"]
    weights = []
    for _ in range(2):
        run = learn(project, find_birds, *options)
        weights.append(read_checkpoint(run / "last.pt")["model"])
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["train_loss"].iloc[-1] < metrics["train_loss"].iloc[0]
    for name, values in weights[0].items():
        assert values.dtype in (torch.float32, torch.int64)
        assert torch.equal(values, weights[1][name]), name
    assert json.loads((run / "run.json").read_text())["precision"] == precision
