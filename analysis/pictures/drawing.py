"""The pictures of one image: photo, truth, heat maps, overlays, and the row of them on a sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.pictures.scale import ColourScale
from analysis.pictures.truth import draw_truth
from util.errors import UserError
from util.images.files import fingerprint, id_to_path, read_image, write_image
from util.images.masks import TrueMasks
from util.label_set import LabelSet
from util.settings import settings_hash
from util.visualization import LARGEST_PX, fit_long_side

DRAWN_BY = 1
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
    """

    name: str
    label_set: LabelSet
    scale: ColourScale
    folder: str


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
        masks: True masks, not of every image; None = the truth is not drawn.
        columns: The label sets.
    """

    image_paths: Mapping[str, Path]
    masks: TrueMasks | None
    columns: Sequence[Column]

    def has_truth(self, image_id: str) -> bool:
        """Tell whether an image has a mask."""
        return self.masks is not None and image_id in self.masks.paths

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
        masked = [image_id for image_id in self.image_paths if self.has_truth(image_id)]
        truth = self.masks.of(masked).fingerprint() if self.masks else None
        maps = [
            fingerprint(column.label_set.path(image_id) for image_id in self.image_paths)
            for column in self.columns
        ]
        content = {"photos": fingerprint(self.image_paths.values()), "truth": truth, "maps": maps}
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
        if material.masks is not None:
            cells.append(None)
        if material.masks is not None and places.truth is not None:
            truth = material.masks.read(image_id, image.shape[:2])
            write_image(places.truth, draw_truth(image, truth, size))
            cells[-1] = draw_truth(image, truth, CELL_PX)
        for column, of_map, of_overlay in zip(
            material.columns, places.maps, places.overlays, strict=True
        ):
            soft_label = column.label_set.read(image_id)
            small = fit_long_side(soft_label, size)
            write_image(of_map, column.scale.paint(small))
            write_image(of_overlay, column.scale.blend(photo, small))
            cells.append(column.scale.paint(fit_long_side(soft_label, CELL_PX)))
    except UserError as error:
        return str(error)
    write_image(places.row, lay_out_row(cells))
    return None


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
