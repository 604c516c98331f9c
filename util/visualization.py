"""Pictures and plots. Matplotlib is imported inside the functions that plot."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES, split_ignored
from util.disk.walking import note_pictures
from util.disk.whole_files import write_bytes
from util.images.scaling import scale_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUTH_RGB = (0, 158, 115)
PREDICTION_RGB = (230, 159, 0)
"""Green and orange of Okabe and Ito, told apart by colour-blind people too."""

LARGEST_PX = 1600
"""Longest side of an image in a picture."""


def draw_overlay(
    image_rgb: np.ndarray,
    soft_label: np.ndarray,
    predictions: pd.DataFrame,
    truths: pd.DataFrame | None = None,
) -> np.ndarray:
    """Draw true (green) and predicted boxes (orange) on an image, beside its soft label.

    Args:
        image_rgb: (H, W, 3) uint8.
        soft_label: (H, W) float32 in [0, 1].
        predictions: Table of its predicted boxes.
        truths: Table of the image's true boxes; None where nobody knows them. Regions to ignore are
            not drawn.

    Returns:
        (H', 2W', 3) uint8 RGB: the image with boxes, then its map in gray with boxes. Enlarged by a
        whole number where the image is small, reduced to `LARGEST_PX` where it is larger.
    """
    longest = max(image_rgb.shape[:2])
    scale = max(1, 512 // longest) if longest <= LARGEST_PX else LARGEST_PX / longest
    how = cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA
    gray = np.repeat(np.round(soft_label * 255).astype(np.uint8)[..., None], 3, axis=2)
    size_wh = scale_size(image_rgb.shape[:2], scale)[::-1]
    panels = []
    for panel in (image_rgb, gray):
        scaled = cv2.resize(panel, size_wh, interpolation=how)
        if truths is not None:
            draw_boxes(scaled, split_ignored(truths)[0][COORDINATES].to_numpy(float), TRUTH_RGB)
        draw_boxes(scaled, predictions[COORDINATES].to_numpy(float), PREDICTION_RGB)
        panels.append(scaled)
    return np.hstack(panels)


def fit_long_side(picture: np.ndarray, long_side_px: int) -> np.ndarray:
    """Reduce a picture to a long side, or enlarge it by the largest whole number that fits.

    Args:
        picture: (H, W) or (H, W, 3), uint8 or float32.
        long_side_px: Longest side, in pixels.

    Returns:
        The same with (H', W'), at least one pixel each.
    """
    long_side = max(picture.shape[:2])
    if long_side > long_side_px:
        scale, how = long_side_px / long_side, cv2.INTER_AREA
    else:
        scale, how = float(long_side_px // long_side), cv2.INTER_NEAREST
    return cv2.resize(picture, scale_size(picture.shape[:2], scale)[::-1], interpolation=how)


def draw_boxes(
    image_rgb: np.ndarray,
    edges: np.ndarray,
    colour_rgb: tuple[int, int, int],
    thickness_px: int = 1,
    gap_px: int = 0,
) -> None:
    """Draw boxes into an (H, W, 3) uint8 image, outside of what they hold.

    Where the image ends, so does that: lines are drawn along its border.

    Args:
        image_rgb: To draw into.
        edges: (N, 4) relative x0, y0, x1, y1.
        colour_rgb: Of the lines.
        thickness_px: Of the lines.
        gap_px: Between what a box holds and its line.
    """
    height, width = image_rgb.shape[:2]
    corners = np.round(edges * [width, height, width, height]).astype(int).tolist()
    for step in range(gap_px, gap_px + thickness_px):
        for x0, y0, x1, y1 in corners:
            first = max(x0 - 1 - step, 0), max(y0 - 1 - step, 0)
            last = min(x1 + step, width - 1), min(y1 + step, height - 1)
            cv2.rectangle(image_rgb, first, last, colour_rgb)


def draw_curves(
    path: Path,
    history: Sequence[Mapping[str, float]],
    panels: Mapping[str, Mapping[str, str]],
) -> None:
    """Plot losses and scores over the epochs of a run as PNG.

    Args:
        path: Of the picture.
        history: Figures of each epoch, `epoch` among them; not all have been validated.
        panels: Columns of the history, with their names in the legend, by the title of their axis;
            the first panel has losses, the others what lies between 0 and 1. What is measured in
            training, `train_...`, is dashed.
    """
    from matplotlib.ticker import LogFormatter

    class PlainLogFormatter(LogFormatter):
        """Labels the ticks that its parent would, but as they are."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    figure = new_figure(width_inch=11, height_inch=3.2)
    axes = figure.subplots(1, len(panels))
    for axis, (title, columns) in zip(axes, panels.items(), strict=True):
        for column, label in columns.items():
            style = "--" if column.startswith("train_") else "-"
            points = [(row["epoch"], row[column]) for row in history if column in row]
            axis.plot(*zip(*points, strict=True), style, label=label)
        axis.set(xlabel="epoch", ylabel=title, ylim=(0, 1) if axis is not axes[0] else None)
        axis.legend()
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter(PlainLogFormatter())
    axes[0].yaxis.set_minor_formatter(PlainLogFormatter())
    write_figure(path, figure)


def draw_precision_recall(path: Path, curves: Mapping[str, pd.DataFrame], iou: float) -> None:
    """Plot precision and recall over the confidence that a box must have, as PNG.

    Args:
        path: Of the picture.
        curves: Of `BoxMatcher.confidence_curve`, by name.
        iou: Threshold of the one-to-one metric, for the title.
    """
    figure = new_figure(width_inch=10, height_inch=4)
    axes = figure.subplots(1, 2)
    for name, curve in curves.items():
        for axis, column in zip(axes, ("precision", "recall"), strict=True):
            axis.plot(curve["confidence"], curve[column], label=name, drawstyle="steps-post")
            axis.set(xlabel="confidence of a box, at least", ylabel=column, xlim=(0, 1))
            axis.set(ylim=(0, 1.02), title=f"one-to-one, IoU {iou:g}")
    axes[1].legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    write_figure(path, figure)


def new_figure(width_inch: float, height_inch: float) -> "Figure":
    """Make a figure that needs no screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inch, height_inch), layout="constrained")


@contextmanager
def plain_text(figure: "Figure") -> Iterator[None]:
    """Take all text in a figure for what it is while that is measured or drawn.

    Names with dollars are no formulas: nothing in the figure is, so a logarithmic axis needs a
    formatter of plain text. Names that are no text are drawn with their bytes escaped.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text(text.get_text().encode(errors="backslashreplace").decode())
    with warnings.catch_warnings():
        # A script that the font lacks is boxes in a PNG; browsers have it for an SVG.
        warnings.filterwarnings("ignore", "Glyph")
        yield


def write_figure(path: Path, figure: "Figure", dpi: int = 110) -> None:
    """Write a figure as PNG or SVG, by the suffix of the path.

    There is no date in it, and ids in an SVG are no random ones, so the same figure gives the same
    file. Text in an SVG stays text, which can be searched and copied. Of all text see `plain_text`.
    """
    from matplotlib import rc_context

    suffix = path.suffix.removeprefix(".")
    facts = {"png": ["Software"], "svg": ["Date", "Creator", "Format", "Type"]}[suffix]
    buffer = io.BytesIO()
    style = rc_context({"svg.fonttype": "none", "svg.hashsalt": "murmuration"})
    with style, plain_text(figure):
        figure.savefig(buffer, format=suffix, dpi=dpi, metadata=dict.fromkeys(facts))
    if suffix == "png":
        note_pictures([path])
    write_bytes(path, buffer.getvalue())
