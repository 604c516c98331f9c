"""Pages that show the pictures of a folder, and need nothing from outside of it."""

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
from util.words import count_of

STOPS = 9
"""Of the gradient that shows the colour scale."""

IMAGES_A_PAGE = 60
"""So that a page of many label sets opens at once."""

NEAR = 5
"""Pages before and after one that it leads to, beside the first and the last: not to all, of which
there may be thousands."""


@dataclass(frozen=True)
class Page:
    """A page of images.

    Attributes:
        name: Of its file.
        first: Image on it.
        last: Image on it.
    """

    name: str
    first: str
    last: str


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


def write_pages(
    folder: Path, title: str, material: Material, image_ids: Sequence[str], sheets: Sequence[Path]
) -> None:
    """Write `index.html` and, where there are many images, `page_2.html` and so on.

    The first leads to the sheets.

    Args:
        folder: Has the pictures.
        title: Of the pages.
        material: What they were drawn from.
        image_ids: The images that were drawn.
        sheets: In the folder, too.
    """
    here = Path(__file__).parent
    css = Path(study.__file__).parent / "report"
    shades = COLOURS_RGB[[round(n * 255 / (STOPS - 1)) for n in range(STOPS)]].tolist()
    template = load_template(here / "index.html.jinja", css)
    parts = [
        image_ids[start : start + IMAGES_A_PAGE]
        for start in range(0, len(image_ids), IMAGES_A_PAGE)
    ]
    pages = [Page(name_page(n), part[0], part[-1]) for n, part in enumerate(parts, start=1)]
    for number, part in enumerate(parts):
        page = template.render(
            title=title,
            columns=material.columns,
            images={image_id: show_image(material, folder, image_id) for image_id in part},
            sheets=[to_url(folder, sheet) for sheet in sheets],
            is_judged=material.is_judged,
            gradient=", ".join(f"rgb({r} {g} {b})" for r, g, b in shades),
            pages=pages,
            number=number,
            near=[
                at
                for at in range(len(pages))
                if at in (0, len(pages) - 1) or abs(at - number) <= NEAR
            ],
        )
        write_page(folder / pages[number].name, page)


def name_page(number: int) -> str:
    """Name the file of a page, from 1."""
    return "index.html" if number == 1 else f"page_{number}.html"


def show_image(material: Material, folder: Path, image_id: str) -> list[list[Shown]]:
    """List the pictures of an image: photo and truth, then map and overlay of each label set."""
    places = material.places(folder, image_id)
    size_hw = image_size_hw(places.photo)

    def show(path: Path, shown: str, alt: str) -> Shown:
        return Shown(to_url(folder, path), shown, alt, size_hw)

    first = [show(places.photo, "photo", f"Photo {image_id}")]
    if places.truth is not None:
        alt = f"Photo {image_id}, what is true of it outlined"
        true = None if material.true_boxes is None else material.true_boxes.get(image_id)
        told = "truth" if true is None else f"truth, {count_of(len(true), 'box', 'boxes')}"
        first.append(show(places.truth, told, alt))
    sources = [first]
    for column, of_map, of_overlay in zip(
        material.columns, places.maps, places.overlays, strict=True
    ):
        low, high = column.scale.ends()
        alt = f"Heat map of {column.name} for {image_id}"
        map_shown = show(of_map, f"{column.name}, {low} to {high}", alt)
        found = count_of(len(column.boxes[image_id]), "box", "boxes")
        title = f"{column.name} over the photo, {found}"
        overlay = show(of_overlay, title, f"{alt}, over the photo, with {found}")
        sources.append([map_shown, overlay])
    return sources


def to_url(folder: Path, path: Path) -> str:
    """Write the way from a folder to a file as a URL."""
    return quote(os.fsencode(path.relative_to(folder).as_posix()))
