"""The page of a review: pictures of each image, and marks that are kept in the browser."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import study
from analysis.pictures.scale import COLOURS_RGB, ColourScale
from analysis.reviewing.searching import (
    DIFFER,
    DISAGREE,
    EMPTY,
    FAILED,
    REASONS,
    Found,
    Source,
    Sources,
)
from analysis.study.report.gallery import Picture, show_boxes
from util.bbox_csv import boxes_to_table
from util.data_classes import BoxSettings
from util.disk.whole_files import whole_file
from util.errors import UserError
from util.images.files import read_image
from util.label_set.boxes import find_boxes
from util.page_templates import load_template
from util.running.progress import track
from util.settings import settings_hash
from util.visualization import PREDICTION_RGB

MOST_MAPS = 8
"""So many label sets of the prompts are drawn of an image, the first ones."""

SCALE = ColourScale(0, 1)
"""Of all maps, which are then told apart by their colours."""

TITLES = {
    DISAGREE: "Where prompts disagree most",
    DIFFER: "Where student and teacher differ most",
    EMPTY: "Where nothing was found",
    FAILED: "What has failed",
}


@dataclass(frozen=True)
class Card:
    """An image on the page.

    Attributes:
        image_id: Of the image.
        why: Why it is shown, a sentence each.
        pictures: The photo with the teacher's boxes, then maps with theirs.
        trouble: Why there is no photo; '' if there is one.
        held_out: The list that it is of, if it is validated or tested on; else ''.
    """

    image_id: str
    why: Sequence[str]
    pictures: Sequence[Picture]
    trouble: str
    held_out: str


@dataclass(frozen=True)
class Group:
    """The images that are shown for one reason.

    Attributes:
        title: Of the reason.
        num_shown: How many are shown here.
        count: How many there are for it, shown or not.
        cards: The images, drawn when they are asked for.
    """

    title: str
    num_shown: int
    count: int
    cards: Iterator[Card]


def write_review(
    path: Path,
    found: Found,
    sources: Sources,
    image_paths: Mapping[str, Path],
    held_out: Mapping[str, str],
    title: str,
) -> None:
    """Write the page; its images are drawn one after another, so that few are in memory.

    Args:
        path: Of the page.
        found: The images.
        sources: Their maps.
        image_paths: Path of each image by its id.
        held_out: The list of each image that is validated or tested on, by its id.
        title: Of the page.
    """
    shown = [image_id for reason in REASONS for image_id in found.images[reason]]
    bar = track(shown, "pictures")
    groups = [
        Group(
            TITLES[reason],
            len(found.images[reason]),
            found.counts[reason],
            (
                draw_card(image_id, found.why[image_id], sources, image_paths, held_out)
                for image_id, _ in zip(found.images[reason], bar, strict=False)
            ),
        )
        for reason in REASONS
        if found.images[reason]
    ]
    here = Path(__file__).parent
    template = load_template(here / "review.html.jinja", Path(study.__file__).parent / "report")
    maps = sources.teacher.label_set.fingerprint()
    stream = template.stream(
        title=title,
        groups=groups,
        num_shown=len(shown),
        num_seen=found.num_seen,
        num_held_out=len(held_out.keys() & {*shown}),
        # Marks of another choice of images, or of other maps, are none of these.
        key=settings_hash({"images": shown, "maps": maps}),
        maps=maps,
        teacher=sources.teacher.name,
        gradient=", ".join(f"rgb({r} {g} {b})" for r, g, b in COLOURS_RGB[::51].tolist()),
    )
    with whole_file(path) as file:
        stream.dump(file, encoding="utf-8", errors="replace")
    next(bar, None)  # which has not said that the last one is done


def draw_card(
    image_id: str,
    why: Sequence[str],
    sources: Sources,
    image_paths: Mapping[str, Path],
    held_out: Mapping[str, str],
) -> Card:
    """Draw an image and its maps, each with the boxes that are found in it."""
    of_maps: list[Picture] = []
    of_list = held_out.get(image_id, "")
    of_teacher = boxes_to_table([], "")
    for source in _drawn_sources(sources):
        try:
            soft_label = source.read(image_id)
        except UserError:  # the image is among what has failed, and says why
            continue
        if soft_label is None:
            continue
        boxes = _find_boxes(image_id, soft_label, source.label_set.box_settings)
        if source is sources.teacher:
            of_teacher = boxes
        title = f"{source.name}, up to {soft_label.max(initial=0):.2f}"
        of_maps.append(show_boxes(SCALE.paint(soft_label), boxes, PREDICTION_RGB, title))
    try:
        photo = read_image(image_paths[image_id])
    except UserError as error:
        return Card(image_id, why, of_maps, str(error), of_list)
    title = f"photo, boxes of {sources.teacher.name}"
    pictures = [show_boxes(photo, of_teacher, PREDICTION_RGB, title), *of_maps]
    return Card(image_id, why, pictures, trouble="", held_out=of_list)


def _drawn_sources(sources: Sources) -> list[Source]:
    """The label sets whose maps are drawn, the teacher first, each once."""
    students = [] if sources.student is None else [sources.student]
    every = [sources.teacher, *students, *sources.members[:MOST_MAPS]]
    return list({source.label_set.folder: source for source in reversed(every)}.values())[::-1]


def _find_boxes(image_id: str, soft_label: np.ndarray, settings: BoxSettings) -> pd.DataFrame:
    found = find_boxes(image_id, soft_label, settings)
    return boxes_to_table([(image_id, found.size_hw, found.boxes)], settings.object_class)
