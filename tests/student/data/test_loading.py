"""Images with their soft labels: checked, kept, cropped, batched."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from student.data.augmentation import Augmentation
from student.data.foreground import Foreground, find_foreground
from student.data.loading import Memory, SoftLabelPairs, check_pairs, check_weights
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.label_set import Content, LabelSet, LabelSetWriter, open_label_set


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
        hits = sum(bool(dataset.crops(0, epoch)[0].maps.any()) for epoch in range(60))
        shares[asked] = hits / 60
    assert shares[0.0] < 0.1
    assert 0.3 < shares[0.5] < 0.7
    assert shares[1.0] == 1


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
            sample = dataset.crops(index, epoch)[0]
            assert sample.image.shape == (3, 24, 24)
            assert sample.maps.shape == (1, 24, 24)
            # light and colour change the red channel smoothly, so its order of values stays
            assert correlation(sample.image.float(), sample.maps[0]) > 0.8
            seen.add(tuple(sample.maps.flatten()[:4].tolist()))
    assert len(seen) > 20


@pytest.mark.parametrize("side", [24, 60])
def test_weights_and_logits_are_cropped_turned_and_padded_like_the_soft_label(
    tmp_path: Path, side: int, rng: np.random.Generator
) -> None:
    soft_label = rng.random((40, 50))
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", Content(soft_label, weights=soft_label, logits=8 * soft_label), "1", 0)
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
        writer.add("a", Content(rng.random((8, 9)), logits=rng.random((8, 9))), "1", 0)
        label_set = writer.finish(BoxSettings())
    write_image(tmp_path / "images" / "a.png", np.zeros((8, 9, 3), np.uint8))
    paths, memory = find_images(tmp_path / "images"), Memory(10**6)
    for has_logits in (False, True, False):
        pairs = SoftLabelPairs(["a"], paths, label_set, 1.0, has_logits=has_logits, memory=memory)
        assert (pairs.batch([0]).teacher_logits is not None) == has_logits


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that have been decoded so far."""
    names: list[str] = []

    def read(path: Path) -> np.ndarray:
        names.append(path.stem)
        return read_image(path)

    monkeypatch.setattr("student.data.loading.read_image", read)
    return names


def test_samples_that_are_kept_in_memory_are_those_that_are_read_until_it_is_full(
    pairs: Callable[..., SoftLabelPairs], reads: list[str]
) -> None:
    augmentation = Augmentation(crop_size_px=24)
    plain, keeping = pairs(augmentation), pairs(augmentation)
    keeping.memory = Memory(limit_bytes=17 * 50 * 7)  # room for b alone
    for epoch in range(3):
        for index in range(2):
            ours, theirs = (each.crops(index, epoch)[0] for each in (keeping, plain))
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


@pytest.mark.parametrize("num_threads", [0, 2])
def test_several_crops_of_an_image_are_cut_from_one_decoding(
    pairs: Callable[..., SoftLabelPairs], reads: list[str], num_threads: int
) -> None:
    dataset = pairs(Augmentation(crop_size_px=16, crops_per_image=5))
    batches = list(dataset.batches([[0, 1], [1]], 0, num_threads))
    assert reads == ["a", "b", "b"]
    assert [len(batch.images) for batch in batches] == [2] * 5 + [1] * 5
    first = [batch.images[0] for batch in batches[:5]]
    assert len({tuple(image.flatten().tolist()) for image in first}) == 5
    for number, crop in enumerate(dataset.crops(0, 0)):
        assert torch.equal(batches[number].images[0], crop.image)
    alone = pairs(Augmentation(crop_size_px=16)).crops(0, 0)[0]
    assert torch.equal(dataset.crops(0, 0)[0].image, alone.image)


def test_components_of_an_image_that_is_kept_are_found_once(
    pairs: Callable[..., SoftLabelPairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def find(target: np.ndarray) -> Foreground:
        found.append(target.shape)
        return find_foreground(target)

    monkeypatch.setattr("student.data.augmentation.find_foreground", find)
    dataset = pairs(Augmentation(16, crops_per_image=4, foreground_crops=1.0))
    dataset.memory = Memory(10**6)
    for epoch in range(3):
        dataset.crops(0, epoch)
    assert found == [(40, 30)]


def test_a_crop_does_not_hold_the_image_that_it_is_cut_from(
    pairs: Callable[..., SoftLabelPairs],
) -> None:
    (crop,) = pairs(Augmentation(crop_size_px=16, strength=0.0)).crops(0, 0)
    for layers in (crop.image, crop.maps):
        assert layers.untyped_storage().nbytes() == layers.nbytes


def test_a_window_is_the_same_each_time_and_small_images_are_whole(
    pairs: Callable[..., SoftLabelPairs],
) -> None:
    whole, dataset = pairs(None), pairs(None)
    dataset.largest_side_px = 20
    for index, size_hw in enumerate([(20, 20), (17, 20)]):
        window = dataset.window(index, dataset.read(index))
        assert (window.height, window.width) == size_hw
        (seen,), (again,) = dataset.crops(index, 0), dataset.crops(index, 5)
        assert torch.equal(seen.image, again.image)
        assert torch.equal(seen.image, whole.read(index).image[:, *window.place])
        assert torch.equal(seen.maps, whole.read(index).maps[:, *window.place])
    dataset.largest_side_px = 50
    assert dataset.crops(1, 0)[0].image.shape == (3, 17, 50)


def test_weights_that_are_lost_or_of_another_size_or_not_there_at_all_are_refused(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    ones = np.ones((4, 6))
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        for name, weights in {"a": ones, "b": ones.T, "c": None, "d": None}.items():
            writer.add(name, Content(ones, weights=weights), source="1", seconds=0)
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
        with pytest.raises(UserError, match=r"weights of 1 image .* are lost \(a\)"):
            check_weights(["a", "c"], each)


def test_samples_depend_on_seed_epoch_and_index_alone(
    pairs: Callable[..., SoftLabelPairs],
) -> None:
    augmentation = Augmentation(crop_size_px=24)
    torch.manual_seed(1)
    first = pairs(augmentation).crops(0, 0)[0].image
    torch.manual_seed(2)
    assert torch.equal(pairs(augmentation).crops(0, 0)[0].image, first)
    assert not torch.equal(pairs(augmentation).crops(0, 1)[0].image, first)
    assert not torch.equal(pairs(augmentation, seed=1).crops(0, 0)[0].image, first)
    of_seed_1 = [pairs(augmentation, seed=1).crops(0, epoch)[0].image for epoch in (0, 1)]
    of_seed_0 = [pairs(augmentation).crops(0, epoch)[0].image for epoch in (1, 2)]
    assert not any(map(torch.equal, of_seed_1, of_seed_0))  # no epoch is one of another seed


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
