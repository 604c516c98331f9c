"""Crops of images in the batches of an epoch: how many there are, and how many there must be."""

import math
from collections.abc import Mapping

from util.config import StudentSection
from util.errors import UserError

COVERED = 1 / 4
"""Share of the mean image that an epoch's crops of it cover, if nothing else is asked for."""


def count_crops(settings: StudentSection, sizes_hw: Mapping[str, tuple[int, int] | None]) -> int:
    """Count the crops of an image in an epoch: as many as asked for, or as its size suggests.

    Args:
        settings: With `crops_per_image`; null = as many as cover a quarter of the mean image, so
            that large images, which take long to decode, are seen as much as small ones.
        sizes_hw: (height, width) of the training images by their ids, as far as known.
    """
    if settings.crops_per_image is not None:
        return settings.crops_per_image
    areas = [math.prod(size_hw) for size_hw in sizes_hw.values() if size_hw]
    mean_area = sum(areas) / max(len(areas), 1)
    return max(int(COVERED * mean_area / settings.crop_size_px**2), 1)


def check_batches(settings: StudentSection, num_images: int) -> None:
    """Make sure that batch normalisation has more than one value to normalise.

    Raises:
        UserError: A batch has one image, which the network reduces to one pixel.
    """
    # The poolings of other architectures reduce any image to one pixel.
    is_one_pixel = settings.architecture != "unet" or settings.crop_size_px <= 2**settings.depth
    if _smallest(num_images, settings.batch_size) < 2 and is_one_pixel:
        sizes = range(max(settings.batch_size, 2), num_images + 1)
        good = [size for size in sizes if _smallest(num_images, size) > 1]
        remedy = f"set student.batch_size to {good[0]}" if good else "name more in data.train_split"
        raise UserError(
            f"{settings.architecture} needs batches of at least 2 images here, but "
            f"student.batch_size is {settings.batch_size} and the training split has {num_images}, "
            f"which leaves a batch of one; {remedy}"
        )


def _smallest(num_images: int, batch_size: int) -> int:
    """Count the images of the smallest batch, into which images are dealt evenly."""
    return num_images // -(-num_images // batch_size)
