"""Images with soft labels, and weights of pixels, for a student: cropped and augmented alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as VF

from util.errors import UserError, listed
from util.image_files import image_size_hw, read_image
from util.label_set import LabelSet


@dataclass(frozen=True)
class Augmentation:
    """How training pairs are changed.

    Attributes:
        crop_size_px: Side of the square crops; smaller images are padded with their border.
        enabled: Flips and quarter turns of both, changes of light and colour of the image.
        foreground_crops: Share of the crops that are laid over a pixel drawn by its soft label:
            anomalies are rare.
    """

    crop_size_px: int
    enabled: bool
    foreground_crops: float = 0.5


class SoftLabelPairs(Dataset[tuple[Tensor, ...]]):
    """Images with their soft labels, and with weights of the pixels where these are asked for.

    Args:
        image_ids: Which images.
        image_paths: Path of each image by its id.
        label_set: Has a soft label for each.
        temperature: Soft labels are divided by it.
        augmentation: For training; None gives whole images as they are.
        seed: With the epoch and the index it decides crop and augmentation, so that neither the
            number of workers nor a resumed run changes them.
        is_weighted: Whether items have the label set's weights too.

    Items are `image`, (3, H, W) float32 RGB in [0, 1], and `target`, (1, H, W) float32 in [0, 1];
    then, if asked for, `weight` like the target.
    """

    def __init__(
        self,
        image_ids: Sequence[str],
        image_paths: Mapping[str, Path],
        label_set: LabelSet,
        temperature: float,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        is_weighted: bool = False,
    ) -> None:
        self.image_ids = image_ids
        self.image_paths = image_paths
        self.label_set = label_set
        self.temperature = temperature
        self.augmentation = augmentation
        self.seed = seed
        self.is_weighted = is_weighted
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image_id = self.image_ids[index]
        image = image_to_tensor(read_image(self.image_paths[image_id]))
        target = torch.from_numpy(self.label_set.read(image_id))[None] / self.temperature
        layers: tuple[Tensor, ...] = (image, target)
        if self.is_weighted:
            layers += (torch.from_numpy(self.label_set.read_weights(image_id))[None],)
        if self.augmentation is None:
            return layers
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, self.epoch, index)))
            layers = _crop(layers, self.augmentation)
            return _change(layers) if self.augmentation.enabled else layers


def image_to_tensor(image_rgb: np.ndarray) -> Tensor:
    """Turn (H, W, 3) uint8 RGB into (3, H, W) float32 in [0, 1]."""
    return torch.tensor(image_rgb).permute(2, 0, 1).float() / 255


def check_pairs(
    image_ids: Sequence[str], image_paths: Mapping[str, Path], label_set: LabelSet
) -> list[str]:
    """Check that images have soft labels of their size; reads headers only.

    Returns:
        The ids that can be learnt from: those whose labelling failed are left out.

    Raises:
        UserError: Labels are missing or of another size; all are counted, the first ones named.
    """
    failed = label_set.failed
    usable = [image_id for image_id in image_ids if image_id not in failed]
    labelled = set(label_set.ids)
    if missing := [image_id for image_id in usable if image_id not in labelled]:
        raise UserError(
            f"{len(missing)} of {len(image_ids)} images have no soft label in {label_set.folder} "
            f"({listed(missing)}); label them first"
        )
    sizes = {i: (image_size_hw(image_paths[i]), image_size_hw(label_set.path(i))) for i in usable}
    if different := [f"{i}: {a} and {b}" for i, (a, b) in sizes.items() if a != b]:
        raise UserError(
            f"{len(different)} images and their soft labels in {label_set.folder} differ in "
            f"(height, width): {listed(different)}"
        )
    if not usable:
        raise UserError(f"no image of the split could be labelled in {label_set.folder}")
    return usable


def check_weights(image_ids: Sequence[str], label_set: LabelSet) -> None:
    """Check that images have weights of their size; reads headers only.

    Raises:
        UserError: Weights are missing or of another size; all are counted, the first ones named.
    """
    paths = {image_id: label_set.weights_path(image_id) for image_id in image_ids}
    if missing := [image_id for image_id, path in paths.items() if not path.exists()]:
        raise UserError(
            f"student.pixel_weights is 'label_set', but {len(missing)} of {len(image_ids)} images "
            f"have no weights in {label_set.folder} ({listed(missing)}); combine with "
            "combination.pixel_weights true"
        )
    sizes = {i: (image_size_hw(label_set.path(i)), image_size_hw(p)) for i, p in paths.items()}
    if different := [f"{i}: {a} and {b}" for i, (a, b) in sizes.items() if a != b]:
        raise UserError(
            f"{len(different)} soft labels in {label_set.folder} and their weights differ in "
            f"(height, width): {listed(different)}"
        )


def _crop(layers: tuple[Tensor, ...], augmentation: Augmentation) -> tuple[Tensor, ...]:
    """Cut the same square out of all layers, often over an anomaly; pads where they are too small.

    Args:
        layers: Image, target and perhaps weight.
        augmentation: Says how large the square is, and how often it is laid over an anomaly.
    """
    side = augmentation.crop_size_px
    height, width = layers[0].shape[-2:]
    if height < side or width < side:
        padding = [0, 0, max(side - width, 0), max(side - height, 0)]
        layers = tuple(VF.pad(layer, padding, padding_mode="edge") for layer in layers)
        height, width = layers[0].shape[-2:]
    target = layers[1]
    top = int(torch.randint(height - side + 1, ()))
    left = int(torch.randint(width - side + 1, ()))
    if torch.rand(()) < augmentation.foreground_crops and target.any():
        drawn = int(torch.searchsorted(target.flatten().cumsum(0), torch.rand(()) * target.sum()))
        row, column = divmod(min(drawn, height * width - 1), width)
        top = min(max(row - int(torch.randint(side, ())), 0), height - side)
        left = min(max(column - int(torch.randint(side, ())), 0), width - side)
    window = (..., slice(top, top + side), slice(left, left + side))
    return tuple(layer[window] for layer in layers)


_CHANGE_LIGHT = v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25, hue=0.03)


def _change(layers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Turn and flip all alike, without interpolation; change light and colour of the image."""
    quarters = int(torch.randint(4, ()))
    is_flipped = bool(torch.rand(()) < 0.5)
    layers = tuple(torch.rot90(layer, quarters, dims=(1, 2)) for layer in layers)
    if is_flipped:
        layers = tuple(layer.flip(2) for layer in layers)
    image, *others = layers
    return (_CHANGE_LIGHT(image), *others)
