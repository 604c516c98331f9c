"""Sheets that show why a prompt finds what it finds: boxes, masks, saliency, map."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from teacher.box_texts import write_texts
from teacher.findings import Finding, Scene, Teacher
from util.data_classes import Boxes
from util.errors import UserError
from util.images.ids import id_to_path
from util.images.reading_ahead import read_ahead
from util.label_set import Content
from util.running.progress import track
from util.visualization import PREDICTION_RGB, new_figure, write_figure
from util.words import count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_PX = 900
"""Larger images are drawn this wide."""

REJECTED_RGB = (204, 121, 167)
"""Reddish purple of Okabe and Ito: boxes that do not count."""

NAMED_BOXES = 25
"""How many boxes, of highest score, get their phrase and score written at them; as many
of those that do not count."""


def write_previews(
    teacher: Teacher,
    image_paths: Mapping[str, Path],
    prompts: Sequence[str],
    num_images: int,
    folder: Path,
) -> tuple[list[Path], dict[str, str]]:
    """Draw a sheet for some of the images, evenly spread over them.

    An image that cannot be read or labelled gets no sheet; the others go on.

    Args:
        teacher: Whose answers are drawn.
        image_paths: Path of each image by its id.
        prompts: A row of a sheet each.
        num_images: How many sheets; all images if there are fewer.
        folder: Where the sheets go, named by the ids of their images.

    Returns:
        The sheets' paths, and why each of the other images has none, by id.
    """
    ids = list(image_paths)
    count = min(num_images, len(ids))
    chosen = [ids[(2 * i + 1) * len(ids) // (2 * count)] for i in range(count)]
    written, failed = [], {}
    images = read_ahead({image_id: image_paths[image_id] for image_id in chosen})
    for image_id, image in track(images, "preview", total=count):
        try:
            if isinstance(image, UserError):
                raise image
            contents = dict(zip(prompts, teacher.label(image, prompts), strict=True))
        except UserError as error:
            failed[image_id] = str(error)
            continue
        path = id_to_path(folder, image_id)
        draw_sheet(path, image_id, image, contents)
        written.append(path)
    return written, failed


def draw_sheet(
    path: Path, title: str, image_rgb: np.ndarray, contents: Mapping[str, Content]
) -> None:
    """Draw what a teacher found in an image as PNG.

    Args:
        path: Of the picture.
        title: Name of the image.
        image_rgb: (H, W, 3) uint8.
        contents: What was found for each prompt, a row each; a `Finding` tells why.
    """
    shrink = max(1.0, image_rgb.shape[1] / WIDTH_PX)
    height, width = (max(1, round(side / shrink)) for side in image_rgb.shape[:2])
    image = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    row_inch = min(max(4 * height / width, 1), 8)
    figure = new_figure(12, row_inch * (len(contents) + 1) + 0.6)
    figure.suptitle(title)
    axes = figure.subplots(len(contents) + 1, 3, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")  # of what there is nothing to show
    first = next(iter(contents.values()))
    _show(axes[0, 0], image, "image")
    if isinstance(first, Finding):
        _show_map(axes[0, 1], first.saliency, (width, height), "saliency")
        _show_scene(axes[0, 2], image, first.scene, shrink)
    for row, (prompt, content) in zip(axes[1:], contents.items(), strict=True):
        _show(row[0], image, prompt)
        if isinstance(content, Finding):
            _show(row[0], image, _count_boxes(prompt, len(content.scores)))
            _draw_boxes(row[0], content, shrink)
            _show(row[1], _paint_masks(image, content, shrink), "masks")
        elif content.boxes is not None:
            _show(row[0], image, _count_boxes(prompt, len(content.boxes.confidences)))
            _draw_detected(row[0], content.boxes, shrink)
        if content.soft_label is not None:
            title = f"soft label, at most {content.soft_label.max():.2f}"
            _show_map(row[2], content.soft_label, (width, height), title)
    write_texts(figure)
    write_figure(path, figure)


def _count_boxes(prompt: str, count: int) -> str:
    """Say how many boxes a prompt has, and how many of them their score stands beside."""
    named = f", scores of the best {NAMED_BOXES}" if count > NAMED_BOXES else ""
    return f"{prompt}: {count_of(count, 'box', 'boxes')}{named}"


def _show_scene(axis: "Axes", image: np.ndarray, scene: Scene | None, shrink: float) -> None:
    """Show the objects of the normal scene, and dashed the boxes that are none."""
    if scene is None:
        return
    counts = f"object {scene.prompt!r}: areas are shares of {scene.area:.1%} of the image"
    _show(axis, image, "\n".join(textwrap.fill(line, 60) for line in (counts, *scene.remarks)))
    for box, score, is_object in zip(
        scene.boxes_xyxy / shrink, scene.scores, scene.is_object, strict=True
    ):
        colour, style = (PREDICTION_RGB, "solid") if is_object else (REJECTED_RGB, "dashed")
        _draw_box(axis, box, f"{scene.prompt} {score:.2f}", colour, style)


def _show(axis: "Axes", picture: np.ndarray, title: str) -> None:
    """Show a picture; maps on the fixed scale [0, 1]."""
    axis.axis("on")
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)


def _show_map(
    axis: "Axes", values: np.ndarray | None, size_wh: tuple[int, int], title: str
) -> None:
    """Show an (H, W) map in [0, 1]; nothing where there is none."""
    if values is not None:
        _show(axis, cv2.resize(values, size_wh, interpolation=cv2.INTER_AREA), title)


def _draw_boxes(axis: "Axes", finding: Finding, shrink: float) -> None:
    """Draw boxes, and dashed those that do not count; phrase and score of the best beside them."""
    best = np.argsort(-finding.scores, kind="stable").tolist()
    for rank, index in enumerate(best):
        text = f"{finding.phrases[index]} {finding.scores[index]:.2f}" * (rank < NAMED_BOXES)
        _draw_box(axis, finding.boxes_xyxy[index] / shrink, text, PREDICTION_RGB, "solid")
    rejections = sorted(finding.rejections, key=lambda each: -each.score)
    for rank, each in enumerate(rejections):
        text = f"{each.phrase} {each.score:.2f}: {each.reason}" * (rank < NAMED_BOXES)
        _draw_box(axis, each.box_xyxy / shrink, text, REJECTED_RGB, "dashed")


def _draw_detected(axis: "Axes", boxes: Boxes, shrink: float) -> None:
    """Draw the boxes of a detector; class and confidence of the best beside them, which lead."""
    names = boxes.classes or [""] * len(boxes.confidences)
    found = zip(boxes.boxes_xyxy / shrink, names, boxes.confidences, strict=True)
    for index, (box, name, confidence) in enumerate(found):
        text = f"{name} {confidence:.2f}" if index < NAMED_BOXES else ""
        _draw_box(axis, box, text, PREDICTION_RGB, "solid")


def _draw_box(
    axis: "Axes", box_xyxy: np.ndarray, text: str, colour_rgb: tuple[int, int, int], style: str
) -> None:
    """Draw a box, with a text for `write_texts`."""
    from matplotlib.patches import Rectangle

    edge = [channel / 255 for channel in colour_rgb]
    x0, y0, x1, y1 = (box_xyxy - 0.5).tolist()
    shape = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=edge, linestyle=style)
    shape.set_label(text)
    axis.add_patch(shape)


def _paint_masks(image: np.ndarray, finding: Finding, shrink: float) -> np.ndarray:
    """Lay the masks over a darkened image, the brighter the higher the score of the box."""
    height, width = finding.soft_label.shape
    strength = np.zeros((height, width), np.float32)
    for mask, score in zip(finding.masks, finding.scores, strict=True):
        covered = strength[mask.place]
        covered[mask.pixels] = np.maximum(covered[mask.pixels], 0.4 + 0.6 * score)
    small = cv2.resize(strength, image.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None]
    painted = image * 0.5 * (1 - small) + np.array(PREDICTION_RGB) * small
    return painted.round().astype(np.uint8)
