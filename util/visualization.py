"""Pictures and plots. Matplotlib is imported inside the functions that plot."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES
from util.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUTH_RGB = (0, 158, 115)
PREDICTION_RGB = (230, 159, 0)
"""Green and orange of Okabe and Ito, told apart by colour-blind people too."""


def draw_overlay(
    image_rgb: np.ndarray,
    soft_label: np.ndarray,
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
) -> np.ndarray:
    """Draw true (green) and predicted boxes (orange) on an image, beside its soft label.

    Args:
        image_rgb: (H, W, 3) uint8.
        soft_label: (H, W) float32 in [0, 1].
        truths: Table of the image's true boxes.
        predictions: Table of its predicted boxes.

    Returns:
        (H', 2W', 3) uint8 RGB: the image with boxes, then its map in gray with boxes. Enlarged by a
        whole number where the image is small.
    """
    scale = max(1, 512 // max(image_rgb.shape[:2]))
    gray = np.repeat(np.round(soft_label * 255).astype(np.uint8)[..., None], 3, axis=2)
    panels = []
    for panel in (image_rgb, gray):
        enlarged = cv2.resize(panel, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        draw_boxes(enlarged, truths, TRUTH_RGB)
        draw_boxes(enlarged, predictions, PREDICTION_RGB)
        panels.append(enlarged)
    return np.hstack(panels)


def draw_boxes(
    image_rgb: np.ndarray, boxes: pd.DataFrame, colour_rgb: tuple[int, int, int]
) -> None:
    """Draw relative boxes into an (H, W, 3) uint8 image, just outside of what they hold."""
    height, width = image_rgb.shape[:2]
    corners = np.round(boxes[COORDINATES].to_numpy(float) * [width, height, width, height])
    for x0, y0, x1, y1 in corners.astype(int).tolist():
        cv2.rectangle(image_rgb, (x0 - 1, y0 - 1), (x1, y1), colour_rgb)


def draw_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Plot losses and validation F1 over the epochs of a run as PNG."""
    figure = new_figure(width_inch=8, height_inch=3.2)
    losses, scores = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    losses.plot(epochs, [row["train_loss"] for row in history], label="training", linestyle="--")
    losses.plot(epochs, [row["val_loss"] for row in history], label="validation")
    losses.set(xlabel="epoch", ylabel="loss", yscale="log")
    losses.legend()
    for name in ("val_precision", "val_recall", "val_f1"):
        scores.plot(epochs, [row[name] for row in history], label=name.removeprefix("val_"))
    scores.set(xlabel="epoch", ylabel="boxes, validation", ylim=(0, 1))
    scores.legend()
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
            axis.set(ylim=(0, 1), title=f"one-to-one, IoU {iou:g}")
    axes[1].legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    write_figure(path, figure)


@dataclass(frozen=True)
class OverviewRow:
    """One prompt or combination in an overview.

    Attributes:
        name: What to write beside it.
        teacher_f1: Box F1 of its soft labels.
        student_f1: Box F1 of its student.
        maps: For each image in turn the soft label and the student's map, (H, W) in [0, 1], each
            with the table of its boxes.
    """

    name: str
    teacher_f1: float
    student_f1: float
    maps: Sequence[tuple[np.ndarray, pd.DataFrame]]


def draw_overview(
    path: Path, images: Sequence[tuple[np.ndarray, pd.DataFrame]], rows: Sequence[OverviewRow]
) -> None:
    """Draw what teachers and students make of a few images as PNG.

    Args:
        path: Of the picture.
        images: (H, W, 3) uint8 RGB with the table of its true boxes, drawn on top.
        rows: Soft labels and students' maps of each prompt or combination, drawn below.
    """
    num_columns = 2 * len(images)
    figure = new_figure(1.7 * num_columns + 1, 1.7 * (len(rows) + 2))
    grid = figure.add_gridspec(len(rows) + 2, num_columns)
    for column, (image_rgb, truths) in enumerate(images):
        axis = figure.add_subplot(grid[0:2, 2 * column : 2 * column + 2])
        _show(axis, image_rgb, truths, TRUTH_RGB)
        axis.set_title("image, true boxes", fontsize=9)
    for index, row in enumerate(rows, start=2):
        for column, (soft_label, boxes) in enumerate(row.maps):
            axis = figure.add_subplot(grid[index, column])
            _show(axis, soft_label, boxes, PREDICTION_RGB)
            if index == 2:
                axis.set_title(("soft label", "student")[column % 2], fontsize=9)
            if column == 0:
                scores = f"F1 {row.teacher_f1:.2f} → {row.student_f1:.2f}"
                axis.set_ylabel(f"{row.name}\n{scores}", fontsize=9)
    write_figure(path, figure)


def _show(
    axis: "Axes", picture: np.ndarray, boxes: pd.DataFrame, colour_rgb: tuple[int, int, int]
) -> None:
    """Show an image, or a map on the fixed scale [0, 1], with boxes."""
    from matplotlib.patches import Rectangle

    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    height, width = picture.shape[:2]
    corners = boxes[COORDINATES].to_numpy(float) * [width, height, width, height] - 0.5
    for x0, y0, x1, y1 in corners:
        edge = [channel / 255 for channel in colour_rgb]
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=edge))


def new_figure(width_inch: float, height_inch: float) -> "Figure":
    """Make a figure that needs no screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inch, height_inch), layout="constrained")


def write_figure(path: Path, figure: "Figure", dpi: int = 110) -> None:
    """Write a figure as PNG, without a date in it, so that the same figure gives the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
