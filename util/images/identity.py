"""Which images some are: images of two folders may have the same ids, `000` and `001`."""

from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

from util.disk.fingerprints import fingerprint


class ImageIdentity(NamedTuple):
    """What tells an image from others.

    Attributes:
        id: Its path below its folder, without the suffix.
        fingerprint: Of its file; '' where it is not known, which is any image of this id.
    """

    id: str
    fingerprint: str


def identify(image_ids: Iterable[str], paths: Mapping[str, Path]) -> frozenset[ImageIdentity]:
    """Say which images some are.

    Args:
        image_ids: Of these images.
        paths: Of all images, by id.
    """
    return frozenset(
        ImageIdentity(image_id, fingerprint([paths[image_id]])) for image_id in image_ids
    )


def count_among(
    image_ids: Iterable[str], paths: Mapping[str, Path], images: Set[ImageIdentity]
) -> int:
    """Count which of some images are among others; reads only files whose ids are.

    Args:
        image_ids: Of these images.
        paths: Of all images, by id.
        images: The others.
    """
    ids = {image.id for image in images}
    shared = identify((image_id for image_id in image_ids if image_id in ids), paths)
    return sum(image in images or ImageIdentity(image.id, "") in images for image in shared)


def parse_images(told: Any) -> frozenset[ImageIdentity]:
    """Read a list in JSON, in which an image is its id and fingerprint, or its id alone.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(told, list):
        raise ValueError("expected a list of images")
    return frozenset(_parse_image(each) for each in told)


def _parse_image(told: Any) -> ImageIdentity:
    match told:
        case str():
            return ImageIdentity(told, "")
        case [str(image_id), str(known)]:
            return ImageIdentity(image_id, known)
    raise ValueError(f"expected the id of an image, or its id and fingerprint, not {told!r}")
