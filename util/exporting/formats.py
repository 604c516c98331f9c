"""The formats of label sets that are exported, by their names."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from util.errors import UserError
from util.exporting.coco import describe_image, write_coco
from util.exporting.collecting import Lines
from util.exporting.label_studio import describe_task, write_tasks
from util.exporting.labelme import write_shapes
from util.exporting.mask_files import encode_mask
from util.exporting.objects import LabelledImage
from util.exporting.voc import write_xml
from util.exporting.yolo import write_polygons
from util.images.files import count_channels


@dataclass(frozen=True)
class Wishes:
    """How files shall be, as the section export_label_set says.

    Attributes:
        classes: At the places of their numbers.
        images: Folder of all images.
        name: Of the label set, or of several.
        has_confidence: Whether VOC's files have the confidences of boxes.
        tolerance_px: How far a polygon may leave its mask.
        image_url: What stands before the name of an image's file for Label Studio.
    """

    classes: Sequence[str]
    images: Path
    name: str
    has_confidence: bool
    tolerance_px: float
    image_url: str

    def file_name(self, image: LabelledImage) -> str:
        """Name the file of an image below the folder of all images."""
        assert image.path is not None, "formats that name files need the images"
        return image.path.relative_to(self.images).as_posix()


@dataclass(frozen=True)
class ImageFormat:
    """A file an image.

    Attributes:
        suffix: Of the files.
        encode: Makes what the file of an image holds; is told where that lies, too.
        needs_masks: Whether it has the pixels of objects.
        needs_maps: Whether it is nothing without them.
        needs_images: Whether it names the files of images.
    """

    suffix: str
    encode: Callable[[LabelledImage, Wishes, Path], bytes]
    needs_masks: bool = True
    needs_maps: bool = False
    needs_images: bool = True


@dataclass(frozen=True)
class SetFormat:
    """One file of all images, which names theirs and has the pixels of objects.

    Attributes:
        file_name: Of the file.
        describe: Says what is known of an image, JSON values.
        write: Makes the text of the file of that.
    """

    file_name: str
    describe: Callable[[LabelledImage, Wishes], dict[str, Any]]
    write: Callable[[Lines, Wishes], Iterable[str]]


def _encode_yolo(image: LabelledImage, wishes: Wishes, _path: Path) -> bytes:
    return write_polygons(image, wishes.classes, wishes.tolerance_px).encode()


def _encode_voc(image: LabelledImage, wishes: Wishes, _path: Path) -> bytes:
    assert image.path is not None, "it tells the depth"
    folder, _, name = wishes.file_name(image).rpartition("/")
    try:
        depth = count_channels(image.path)
    except UserError:  # maps say all else of a damaged photograph
        depth = 3
    text = write_xml(image, folder, name, depth, wishes.has_confidence)
    return text.encode(errors="backslashreplace")


def _encode_labelme(image: LabelledImage, wishes: Wishes, path: Path) -> bytes:
    assert image.path is not None, "it names the file"
    way = Path(os.path.relpath(image.path, path.parent)).as_posix()
    return write_shapes(image, way, wishes.tolerance_px).encode(errors="backslashreplace")


def _encode_mask(image: LabelledImage, wishes: Wishes, _path: Path) -> bytes:
    return encode_mask(image, wishes.classes)


def _describe_coco(image: LabelledImage, wishes: Wishes) -> dict[str, Any]:
    return describe_image(image, wishes.file_name(image), wishes.classes)


def _write_coco(lines: Lines, wishes: Wishes) -> Iterable[str]:
    return write_coco(lines, wishes.classes, f"label set {wishes.name}")


def _describe_task(image: LabelledImage, wishes: Wishes) -> dict[str, Any]:
    url = wishes.image_url + quote(wishes.file_name(image), errors="surrogateescape")
    return describe_task(image, url, wishes.name, wishes.tolerance_px)


def _write_tasks(lines: Lines, _wishes: Wishes) -> Iterable[str]:
    return write_tasks(lines)


IMAGE_FORMATS = {
    "yolo-seg": ImageFormat(".txt", _encode_yolo, needs_maps=True, needs_images=False),
    "voc": ImageFormat(".xml", _encode_voc, needs_masks=False),
    "masks": ImageFormat(".png", _encode_mask, needs_maps=True, needs_images=False),
    "labelme": ImageFormat(".json", _encode_labelme),
}
SET_FORMATS = {
    "coco": SetFormat("annotations.json", _describe_coco, _write_coco),
    "label-studio": SetFormat("tasks.json", _describe_task, _write_tasks),
}
FORMATS = ("coco", "yolo", *IMAGE_FORMATS, "label-studio")
"""YOLO's boxes need neither maps nor images."""

_KEPT_TOGETHER = "coco and labelme keep the pieces of a thing together"

PIECES = {
    "masks": "Boxes are not in masks: who finds things in these, as data.ground_truth_format masks"
    " does, finds each piece that hangs together, and one thing where two touch; " + _KEPT_TOGETHER,
    "label-studio": "A thing of several pieces is a polygon for each of them, which Label Studio"
    " shows as several; " + _KEPT_TOGETHER,
}
"""What becomes of things of several pieces in formats that cannot tell which belong together."""
