"""A page that shows the pictures of a folder, and needs nothing from outside of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from analysis import study
from analysis.pictures.drawing import Material
from analysis.pictures.scale import COLOURS_RGB
from util.images.files import image_size_hw
from util.page_templates import load_template, write_page

STOPS = 9
"""Of the gradient that shows the colour scale."""


@dataclass(frozen=True)
class Shown:
    """A picture on the page.

    Attributes:
        url: Relative to the page.
        title: Shown below.
        alt: Says what is in it to who cannot see it.
        size_hw: In pixels.
    """

    url: str
    title: str
    alt: str
    size_hw: tuple[int, int]


def write_index(
    folder: Path, title: str, material: Material, image_ids: Sequence[str], sheets: Sequence[Path]
) -> None:
    """Write `index.html` into a folder of pictures.

    Args:
        folder: Has the pictures.
        title: Of the page.
        material: What they were drawn from.
        image_ids: The images that were drawn.
        sheets: In the folder, too.
    """
    here = Path(__file__).parent
    css = Path(study.__file__).parent / "report"
    shades = COLOURS_RGB[[round(n * 255 / (STOPS - 1)) for n in range(STOPS)]].tolist()
    page = load_template(here / "index.html.jinja", css).render(
        title=title,
        columns=material.columns,
        images={image_id: show_image(material, folder, image_id) for image_id in image_ids},
        sheets=[to_url(folder, sheet) for sheet in sheets],
        has_truth=material.masks is not None,
        gradient=", ".join(f"rgb({r} {g} {b})" for r, g, b in shades),
    )
    write_page(folder / "index.html", page)


def show_image(material: Material, folder: Path, image_id: str) -> list[list[Shown]]:
    """List the pictures of an image: photo and truth, then map and overlay of each label set."""
    places = material.places(folder, image_id)
    size_hw = image_size_hw(places.photo)

    def show(path: Path, shown: str, alt: str) -> Shown:
        return Shown(to_url(folder, path), shown, alt, size_hw)

    first = [show(places.photo, "photo", f"Photo {image_id}")]
    if places.truth is not None:
        first.append(show(places.truth, "truth", f"Photo {image_id}, true anomalies outlined"))
    sources = [first]
    for column, of_map, of_overlay in zip(
        material.columns, places.maps, places.overlays, strict=True
    ):
        low, high = column.scale.ends()
        alt = f"Heat map of {column.name} for {image_id}"
        map_shown = show(of_map, f"{column.name}, {low} to {high}", alt)
        overlay = show(of_overlay, f"{column.name} over the photo", f"{alt}, over the photo")
        sources.append([map_shown, overlay])
    return sources


def to_url(folder: Path, path: Path) -> str:
    """Write the way from a folder to a file as a URL."""
    return quote(os.fsencode(path.relative_to(folder).as_posix()))
