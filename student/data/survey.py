"""A look at all images and soft labels before a training: what can be read, and what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lightning_fabric import Fabric

from student.data.loading import SoftLabelPairs, Window
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError, listed
from util.learning.processes import gather_objects
from util.masks_to_bboxes import soft_label_to_boxes
from util.running.ahead import map_ahead
from util.running.progress import track


@dataclass(frozen=True)
class Seen:
    """What an image and its soft label are.

    Attributes:
        size_hw: Of the whole image.
        window: The part of it that is looked at.
        boxes: Of the soft label there, as if that were an image of its own.
        num_above: Pixels above the threshold of boxes there.
        num_pixels: Pixels there.
    """

    size_hw: tuple[int, int]
    window: Window
    boxes: Boxes
    num_above: int
    num_pixels: int


def survey(
    pairs: SoftLabelPairs, settings: BoxSettings, fabric: Fabric, num_threads: int
) -> dict[str, Seen | str]:
    """Read every image with its soft label, once; what fits into memory is kept there.

    Args:
        pairs: Of the images.
        settings: How soft labels become boxes.
        fabric: Its processes share the images.
        num_threads: That read, one at least.

    Returns:
        What each image shows, by its id and in the order of `pairs`; or why it cannot be read.
    """

    def look(index: int) -> tuple[int, Seen | str]:
        try:
            return index, _look(pairs, index, settings)
        except UserError as error:
            return index, str(error)

    mine = range(fabric.global_rank, len(pairs), fabric.world_size)
    threads = max(num_threads, 1)
    looked = map_ahead(look, mine, threads, threads)
    found = list(track(looked, "survey", len(mine), transient=True))
    return {pairs.image_ids[index]: seen for index, seen in gather_objects(found, fabric)}


def _look(pairs: SoftLabelPairs, index: int, settings: BoxSettings) -> Seen:
    sample = pairs.read(index)
    height, width = sample.image.shape[-2:]
    window = pairs.window(index, sample)
    soft_label = sample.maps[0].numpy()[window.place] * np.float32(pairs.temperature)
    num_above = int(np.count_nonzero(soft_label > settings.sure_threshold))
    boxes = soft_label_to_boxes(soft_label, settings)
    return Seen((height, width), window, boxes, num_above, soft_label.size)


@dataclass(frozen=True)
class LabelCounts:
    """How much soft labels show.

    Attributes:
        num_maps: How many there are.
        num_empty: Those without a pixel above the threshold, and so without a box.
        share_above: Share of all their pixels that are above it.
    """

    num_maps: int
    num_empty: int
    share_above: float


def count_labels(seen: Sequence[Seen]) -> LabelCounts:
    """Count how many soft labels are empty; at least one is expected."""
    num_above = sum(each.num_above for each in seen)
    num_empty = sum(not each.num_above for each in seen)
    return LabelCounts(len(seen), num_empty, num_above / sum(each.num_pixels for each in seen))


def leave_out(
    found: Mapping[str, Seen | str], split: str
) -> tuple[dict[str, Seen], dict[str, str]]:
    """Part the images that can be read from those that cannot, and why.

    Raises:
        UserError: None can.
    """
    seen = {image_id: each for image_id, each in found.items() if isinstance(each, Seen)}
    failed = {image_id: each for image_id, each in found.items() if isinstance(each, str)}
    if not seen:
        raise UserError(
            f"no image of the split {split} can be read: {listed(list(failed.values()))}"
        )
    return seen, failed
