"""The pictures of one image: photo, truth, heat maps, overlays, and the row of them on a sheet."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.pictures.boxes import BoxesOfImages, draw_found_and_true
from analysis.pictures.scale import ColourScale
from analysis.pictures.truth import draw_truth, line_px
from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import read_image, write_image
from util.images.ids import id_to_path
from util.images.masks import TrueMasks
from util.label_set import LabelSet
from util.settings import settings_hash
from util.visualization import LARGEST_PX, TRUTH_RGB, draw_boxes, fit_long_side

DRAWN_BY = 2
"""Counts up whenever the same material gives other pictures than before."""

CELL_PX = 240
"""Long side of a picture on a sheet, and the width of a column."""

GAP_PX = 8
BLANK = 255
"""Gray of the paper."""

SHOWN_NAME = 60
"""How much of a label set's name is in that of the folder of its pictures, from the end."""


@dataclass(frozen=True, eq=False)
class Column:
    """A label set that is drawn.

    Attributes:
        name: To show.
        label_set: Has a map of each image.
        scale: Of all of its pictures.
        folder: Name of the folder of its pictures.
        boxes: Of every image.
    """

    name: str
    label_set: LabelSet
    scale: ColourScale
    folder: str
    boxes: BoxesOfImages


@dataclass(frozen=True)
class Places:
    """Where the pictures of an image lie.

    Attributes:
        photo: Of the photo.
        truth: Of the truth; None where there is none.
        maps: Of the heat map of each label set.
        overlays: Of the overlay of each label set.
        row: Of the row of a sheet. It is written last.
    """

    photo: Path
    truth: Path | None
    maps: Sequence[Path]
    overlays: Sequence[Path]
    row: Path

    @property
    def every(self) -> list[Path]:
        """All of them."""
        truth = [] if self.truth is None else [self.truth]
        return [self.photo, *truth, *self.maps, *self.overlays, self.row]


@dataclass(frozen=True, eq=False)
class Material:
    """What pictures are made from.

    Attributes:
        image_paths: Path of each image by its id.
        masks: True masks, not of every image; None = there are none.
        true_boxes: Not of every image; None = there are none.
        columns: The label sets.
    """

    image_paths: Mapping[str, Path]
    masks: TrueMasks | None
    true_boxes: BoxesOfImages | None
    columns: Sequence[Column]

    @property
    def is_judged(self) -> bool:
        """Whether there is any truth."""
        return self.masks is not None or self.true_boxes is not None

    def has_truth(self, image_id: str) -> bool:
        """Tell whether an image has a mask, or is known to have these true boxes."""
        is_masked = self.masks is not None and image_id in self.masks.paths
        return is_masked or (self.true_boxes is not None and image_id in self.true_boxes)

    def places(self, folder: Path, image_id: str) -> Places:
        """Say where the pictures of an image lie below a folder."""
        folders = [folder / column.folder for column in self.columns]
        return Places(
            photo=id_to_path(folder / "photo", image_id, ".jpg"),
            truth=id_to_path(folder / "truth", image_id, ".jpg")
            if self.has_truth(image_id)
            else None,
            maps=[id_to_path(each / "map", image_id) for each in folders],
            overlays=[id_to_path(each / "overlay", image_id) for each in folders],
            row=id_to_path(folder / "row", image_id),
        )

    def facts(self) -> dict[str, Any]:
        """Tell this material from any that gives other pictures, as JSON values."""
        truth = None
        if self.masks is not None:
            masked = [image_id for image_id in self.image_paths if image_id in self.masks.paths]
            truth = self.masks.of(masked).fingerprint()
        maps = [
            fingerprint(column.label_set.path(image_id) for image_id in self.image_paths)
            for column in self.columns
        ]
        boxes = [self.true_boxes, *(column.boxes for column in self.columns)]
        content = {
            "photos": fingerprint(self.image_paths.values()),
            "truth": truth,
            "maps": maps,
            "boxes": [None if one is None else self._hash(one) for one in boxes],
        }
        return {
            "drawn_by": DRAWN_BY,
            "content": settings_hash(content),
            "images": list(self.image_paths),
            "label_sets": {
                column.name: {
                    "folder": column.folder,
                    "low": column.scale.low,
                    "high": column.scale.high,
                }
                for column in self.columns
            },
        }

    def _hash(self, boxes: BoxesOfImages) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for image_id in self.image_paths:
            edges = boxes.get(image_id)
            digest.update(b"unknown" if edges is None else edges.tobytes())
            digest.update(b"\0")
        return digest.hexdigest()


def name_folder(number: int, name: str) -> str:
    """Name the folder of a label set's pictures by its number, and its name, which may be a path.

    Example:
        >>> name_folder(2, "student/Test")
        '2_student--Test'
    """
    return f"{number}_{'--'.join(Path(name).parts)[-SHOWN_NAME:]}"


def draw_image(material: Material, folder: Path, image_id: str) -> str | None:
    """Draw the pictures of an image; they are reduced to `LARGEST_PX` where it is larger.

    Returns:
        Why it cannot be drawn; None if it was.
    """
    places = material.places(folder, image_id)
    try:
        image = read_image(material.image_paths[image_id])
        size = min(max(image.shape[:2]), LARGEST_PX)
        photo = fit_long_side(image, size)
        write_image(places.photo, photo)
        cells: list[np.ndarray | None] = [fit_long_side(image, CELL_PX)]
        if material.is_judged:
            cells.append(None)
        if places.truth is not None:
            write_image(places.truth, draw_all_truth(material, image_id, image, size))
            cells[-1] = draw_all_truth(material, image_id, image, CELL_PX)
        true = None if material.true_boxes is None else material.true_boxes.get(image_id)
        for column, of_map, of_overlay in zip(
            material.columns, places.maps, places.overlays, strict=True
        ):
            soft_label, found = column.label_set.read(image_id), column.boxes[image_id]
            small = fit_long_side(soft_label, size)
            write_image(of_map, column.scale.paint(small))
            overlay = column.scale.blend(photo, small)
            cell = column.scale.paint(fit_long_side(soft_label, CELL_PX))
            for picture in (overlay, cell):
                draw_found_and_true(picture, found, true)
            write_image(of_overlay, overlay)
            cells.append(cell)
    except UserError as error:
        return str(error)
    write_image(places.row, lay_out_row(cells))
    return None


def draw_all_truth(
    material: Material, image_id: str, image_rgb: np.ndarray, long_side_px: int
) -> np.ndarray:
    """Draw what is known of an image into it, its mask and its boxes; see `draw_truth`.

    Raises:
        UserError: Its mask cannot be read.
    """
    truth = np.zeros(image_rgb.shape[:2], np.uint8)
    if material.masks is not None and image_id in material.masks.paths:
        truth = material.masks.read(image_id, image_rgb.shape[:2])
    picture = draw_truth(image_rgb, truth, long_side_px)
    if material.true_boxes is not None and image_id in material.true_boxes:
        draw_boxes(picture, material.true_boxes[image_id], TRUTH_RGB, line_px(picture))
    return picture


def lay_out_row(cells: Sequence[np.ndarray | None]) -> np.ndarray:
    """Lay pictures of one image side by side, in columns of `CELL_PX`, `GAP_PX` apart.

    Args:
        cells: (H, W, 3) uint8 each, at most `CELL_PX` wide. None, which the first is not, stays
            blank.

    Returns:
        (H, W', 3) uint8.
    """
    first = cells[0]
    assert first is not None
    height, width = first.shape[:2]
    row = np.full((height, row_width(len(cells)), 3), BLANK, np.uint8)
    for number, cell in enumerate(cells):
        left = column_left(number) + (CELL_PX - width) // 2
        if cell is not None:
            row[:, left : left + width] = cell
    return row


def column_left(number: int) -> int:
    """Where a column begins, in pixels."""
    return number * (CELL_PX + GAP_PX)


def row_width(num_columns: int) -> int:
    """How wide columns are together, in pixels."""
    return column_left(num_columns) - GAP_PX
