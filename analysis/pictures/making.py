"""Makes a folder of pictures: those of each image, the sheets and the page."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from analysis.pictures.drawing import Material, draw_image
from analysis.pictures.page import write_pages
from analysis.pictures.placing import drawing
from analysis.pictures.scale import ColourScale
from analysis.pictures.sheet import write_sheet
from util.disk.walking import note_pictures
from util.errors import UserError, listed
from util.images.files import count_pixels, read_image
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track

ROWS_A_SHEET = 24
BYTES_A_PIXEL = 16
"""Memory that a pixel of an image takes while that is drawn, about."""


def make_pictures(material: Material, place: Path, title: str) -> dict[str, str]:
    """Draw all pictures, and put them into their place when all are there.

    Images that were drawn from the same material before, by whoever was stopped, are kept. One that
    cannot be drawn is left out.

    Args:
        material: Of one image or more.
        place: The folder.
        title: Of sheets and page.

    Returns:
        Why images could not be drawn, by id.

    Raises:
        UserError: No image can be drawn, something else lies at the place, or another process
            draws there.
        KeyboardInterrupt: A stop was asked for; what is drawn is kept beside the place.
    """
    with drawing(place, material.facts()) as folder:
        failed = draw_images(material, folder)
        drawn = [image_id for image_id in material.image_paths if image_id not in failed]
        if not drawn:
            raise UserError(f"no image can be drawn: {listed([*failed.values()])}")
        sheets = write_sheets(material, folder, title, drawn)
        write_pages(folder, title, material, drawn, sheets)
    return failed


def draw_images(material: Material, folder: Path) -> dict[str, str]:
    """Draw the images that are not drawn yet, in threads; says why others cannot be, by id."""
    places = {image_id: material.places(folder, image_id) for image_id in material.image_paths}
    pending = [i for i, each in places.items() if not all(path.exists() for path in each.every)]
    note_pictures(path for image_id in pending for path in places[image_id].every)
    results = map_ahead(
        partial(draw_image, material, folder),
        pending,
        cost_bytes=lambda i: count_pixels(material.image_paths[i]) * BYTES_A_PIXEL,
    )
    failed = {}
    with stop_between_items("image") as should_stop:
        bar = track(results, "heat maps", len(pending))
        for reason, image_id in zip(bar, pending, strict=True):
            if reason is not None:
                failed[image_id] = reason
            if should_stop():
                break
    return failed


def write_sheets(
    material: Material, folder: Path, title: str, image_ids: Sequence[str]
) -> list[Path]:
    """Write sheets of so many rows as can be looked at: `sheet_1.png` and so on.

    Returns:
        Their paths.
    """
    columns: list[tuple[str, ColourScale | None]] = [("photo", None)]
    how = "one colour scale a column, from the lowest to the highest value in its maps here"
    if material.is_judged:
        columns.append(("truth", None))
        how += "; truth: masks outlined, ignored striped"
    how += "; boxes: found orange" + ", true green" * material.is_judged
    columns += [(column.name, column.scale) for column in material.columns]
    sheets: list[Path] = []
    for start in range(0, len(image_ids), ROWS_A_SHEET):
        rows = {
            image_id: read_image(material.places(folder, image_id).row)
            for image_id in image_ids[start : start + ROWS_A_SHEET]
        }
        path = folder / f"sheet_{len(sheets) + 1}.png"
        write_sheet(path, f"{title}: {how}", columns, rows)
        sheets.append(path)
    return sheets
