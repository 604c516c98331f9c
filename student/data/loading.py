"""Images with soft labels for a student: checked, kept in memory, cropped, batched."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from student.data.augmentation import Augmentation, Sample, augment, draw_corner
from util.config import PixelWeights
from util.errors import UserError, listed
from util.images.files import find_size_hw, read_image
from util.label_set import AnyLabelSet
from util.learning.batches import read_ahead
from util.learning.seeds import mix_seed
from util.running.ahead import map_ahead
from util.words import count_of


class Batch(NamedTuple):
    """What a student sees in a step; all (B, 1, H, W) float32 but the images.

    Attributes:
        images: (B, 3, H, W) uint8 RGB, channels last in memory.
        targets: In [0, 1].
        weights: How much each pixel counts, in [0, 1]; None = all alike.
        teacher_logits: What a teacher said before its sigmoid; None where no loss asks for it.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor | None = None
    teacher_logits: Tensor | None = None


@dataclass(frozen=True)
class Window:
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


class Memory:
    """Keeps samples that were decoded, until it is full; what comes first stays."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._samples: dict[Hashable, Sample] = {}
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], Sample]) -> Sample:
        """Return the sample of a key, read anew if it was not kept. Threads may share it."""
        if key in self._samples:
            return self._samples[key]
        sample = read()
        size = sample.image.nbytes + sample.maps.nbytes
        with self._lock:
            if size <= self._left and key not in self._samples:
                self._left -= size
                self._samples[key] = sample
        return sample


class SoftLabelPairs:
    """Images with their soft labels, and with weights and logits where these are asked for.

    Args:
        image_ids: Which images.
        image_paths: Path of each image by its id.
        label_set: Has a soft label for each.
        temperature: Soft labels are divided by it.
        augmentation: For training; None gives images as they are.
        seed: With the epoch and the index it decides crop and augmentation, so that neither
            threads, nor processes, nor a resumed run change them.
        pixel_weights: Where weights come from: `label_set` its files, `confidence` |2p - 1| of the
            soft label p, `none`.
        has_logits: Whether the label set's logits are read.
        memory: Where samples are kept; pairs that share it have all but `has_logits` in common.
            None = nowhere.
        largest_side_px: Without augmentation, of larger images there is a window of this side, the
            same each time; 0 = all of it.
    """

    def __init__(
        self,
        image_ids: Sequence[str],
        image_paths: Mapping[str, Path],
        label_set: AnyLabelSet,
        temperature: float,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        pixel_weights: PixelWeights = "none",
        has_logits: bool = False,
        memory: Memory | None = None,
        largest_side_px: int = 0,
    ) -> None:
        self.image_ids = image_ids
        self.image_paths = image_paths
        self.label_set = label_set
        self.temperature = temperature
        self.augmentation = augmentation
        self.seed = seed
        self.pixel_weights = pixel_weights
        self.has_logits = has_logits
        self.memory = memory or Memory(0)
        self.largest_side_px = largest_side_px

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def crops_per_image(self) -> int:
        """How many crops an image gives in an epoch; 1 where it is not cut."""
        return 1 if self.augmentation is None else self.augmentation.crops_per_image

    def read(self, index: int) -> Sample:
        """Read an image and its maps, or find them in memory."""
        image_id = self.image_ids[index]
        return self.memory.get((image_id, self.has_logits), lambda: self._decode(image_id))

    def _decode(self, image_id: str) -> Sample:
        image = torch.from_numpy(read_image(self.image_paths[image_id])).permute(2, 0, 1)
        soft_label = self.label_set.read(image_id)
        maps = [soft_label / np.float32(self.temperature)]
        if self.pixel_weights == "confidence":
            maps.append(abs(2 * soft_label - 1))
        elif self.pixel_weights == "label_set":
            maps.append(self.label_set.read_weights(image_id))
        if self.has_logits:
            maps.append(self.label_set.read_logits(image_id))
        return Sample(image, torch.from_numpy(np.stack(maps)))

    def crops(self, index: int, epoch: int) -> list[Sample]:
        """Read an image once, and cut out of it what the epoch has: itself, where nothing is cut.

        Args:
            index: Of the image.
            epoch: Counted from 0.
        """
        sample = self.read(index)
        if self.augmentation is None:
            rows, columns = self.window(index, sample).place
            return [Sample(sample.image[:, rows, columns], sample.maps[:, rows, columns])]
        crops = []
        for number in range(self.augmentation.crops_per_image):
            generator = torch.Generator().manual_seed(
                mix_seed("crop", self.seed, epoch, index, number)
            )
            crops.append(augment(sample, self.augmentation, generator))
        return crops

    def window(self, index: int, sample: Sample) -> Window:
        """Where the window of an image lies; as likely as not over a pixel of the foreground."""
        height, width = sample.image.shape[-2:]
        side = self.largest_side_px or max(height, width)
        if height <= side and width <= side:
            return Window(0, 0, height, width)
        generator = torch.Generator().manual_seed(mix_seed("window", self.image_ids[index]))
        top, left = draw_corner(sample, side, 0.5, generator)
        return Window(top, left, min(side, height), min(side, width))

    def batch(self, indices: Sequence[int], epoch: int = 0) -> Batch:
        """Make the first batch of some images, which are of one size if nothing is cut."""
        return next(self.batches([indices], epoch, num_threads=0))

    def _put_together(self, samples: Sequence[Sample]) -> Batch:
        # Put together as (B, H, W, 3), which is how a network with channels last wants them.
        images = torch.stack([sample.image.permute(1, 2, 0) for sample in samples])
        maps = torch.stack([sample.maps for sample in samples])
        layers = iter(maps.split(1, dim=1))
        return Batch(
            images.permute(0, 3, 1, 2),
            next(layers),
            None if self.pixel_weights == "none" else next(layers),
            next(layers) if self.has_logits else None,
        )

    def batches(
        self, indices: Sequence[Sequence[int]], epoch: int, num_threads: int
    ) -> Iterator[Batch]:
        """Make batches of an epoch, a few of them ahead of who asks.

        Args:
            indices: Of the images of each group; it gives as many batches as there are crops of an
                image, and in each of them one crop of each.
            epoch: Counted from 0.
            num_threads: That read and augment beside the caller; 0 = none.
        """
        return read_ahead(
            lambda index: self.crops(index, epoch), self._put_together, indices, num_threads
        )


def check_pairs(
    image_ids: Sequence[str], image_paths: Mapping[str, Path], label_set: AnyLabelSet
) -> dict[str, tuple[int, int] | None]:
    """Check that images have soft labels of their size; reads headers only.

    Returns:
        The ids that can be learnt from, those whose labelling failed are left out, with their
        (height, width); None where a header cannot be read.

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
    images = _read_sizes(image_paths[image_id] for image_id in usable)
    labels = _read_sizes(map(label_set.path, usable))
    if different := _find_different(usable, images, labels):
        raise UserError(
            f"soft labels in {label_set.folder} differ in (height, width) from "
            f"{count_of(len(different), 'image')}: {listed(different)}"
        )
    if not usable:
        raise UserError(f"no image of the split could be labelled in {label_set.folder}")
    sizes = (image and label for image, label in zip(images, labels, strict=True))
    return dict(zip(usable, sizes, strict=True))


def _read_sizes(paths: Iterable[Path]) -> list[tuple[int, int] | None]:
    """Read (height, width) of images from their headers; None where one cannot be read."""
    return list(map_ahead(find_size_hw, paths))


def _find_different(
    image_ids: Iterable[str],
    ones: Iterable[tuple[int, int] | None],
    others: Iterable[tuple[int, int] | None],
) -> list[str]:
    """Say which images differ in two sizes, as far as both are known."""
    sizes = zip(image_ids, ones, others, strict=True)
    return [f"{i}: {a} and {b}" for i, a, b in sizes if a and b and a != b]


def check_weights(image_ids: Sequence[str], label_set: AnyLabelSet) -> None:
    """Check that weights have their image's size; where an image has none, all pixels count alike.

    Reads headers only.

    Raises:
        UserError: There are none, or some are lost or of another size; all are counted, the first
            ones named.
    """
    paths = {i: label_set.weights_path(i) for i in image_ids if label_set.is_weighted(i)}
    if not paths:
        raise UserError(
            f"student.pixel_weights is 'label_set', but no image of the splits has weights in "
            f"{label_set.folder}; combine with combination.pixel_weights true, or set it to none"
        )
    if lost := [image_id for image_id, path in paths.items() if not path.exists()]:
        raise UserError(
            f"the weights of {count_of(len(lost), 'image')} in {label_set.folder} are lost "
            f"({listed(lost)}); "
            "run what made them again"
        )
    labels = _read_sizes(map(label_set.path, paths))
    if different := _find_different(paths, labels, _read_sizes(paths.values())):
        raise UserError(
            f"{len(different)} soft labels in {label_set.folder} and their weights differ in "
            f"(height, width): {listed(different)}"
        )


def check_logits(image_ids: Sequence[str], label_set: AnyLabelSet) -> None:
    """Check that images have logits of their size.

    Raises:
        UserError: Logits are missing or of another size; all are counted, the first ones named.
    """
    problems = []
    for image_id in image_ids:
        path = label_set.logits_path(image_id)
        try:
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        except (OSError, ValueError, EOFError):
            problems.append(f"{image_id}: none")
            continue
        if find_size_hw(label_set.path(image_id)) not in (None, shape):
            problems.append(f"{image_id}: {shape}")
    if problems:
        raise UserError(
            f"student.losses asks for kd, but {len(problems)} of {len(image_ids)} images have no "
            f"logits of their size in {label_set.folder} ({listed(problems)}); label with "
            "teacher.name student and teacher.logits true"
        )
