"""Texts beside the boxes of a sheet, none over another."""

from typing import TYPE_CHECKING

import numpy as np

from util.visualization import plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.text import Text

FONT_PT = 6

REACH = 8
"""How far from its box a text may stand, in heights of a line."""

MOST_STEPS = 12
"""Places along a side of a box, so that the texts of many large ones do not take long."""

_GAP_PX = 1.0
"""Between texts."""

_SLACK = 1.04
"""A text is so much wider in one resolution than in another, by the rounding of its letters."""

_COVERED_COST = 4.0
"""Of a text that hides a box: as much as that many lines away from its own."""

_OVERLAP_COST = 1000.0
"""Of a text that hides another: it does only where there is no other place within reach."""


def write_texts(figure: "Figure") -> None:
    """Write the label of each rectangle beside it, in its colour, in the pictures of a sheet.

    A text that stands away from its rectangle has a thin line to it. Rectangles that were drawn
    first have the first choice.
    """
    texts = {axis: _add_texts(axis) for axis in figure.axes}
    with plain_text(figure):
        figure.draw_without_rendering()  # so that it is known where the pictures are
        for axis in figure.axes:
            if texts[axis]:
                _move_texts(axis, texts[axis])


def place_texts(boxes: np.ndarray, sizes_wh: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Find places for texts, one after another: near its box, over no text and few boxes.

    Args:
        boxes: (N, 4) float x0, y0, x1, y1, y upwards.
        sizes_wh: (N, 2) float, of the text of each.
        within: (4,) float likewise, of the picture; no text leaves it that is smaller.

    Returns:
        (N, 4) float, the places.
    """
    placed = np.empty((0, 4))
    for box, size_wh in zip(boxes, sizes_wh, strict=True):
        places = _list_places(box, size_wh, within)
        covered = (_overlap(places, boxes) / np.maximum(_area(boxes), 1)).sum(axis=1)
        hidden = (_overlap(places, placed) > 0).sum(axis=1)
        away = _gap(places, box) / size_wh[1]
        cost = away + _COVERED_COST * covered + _OVERLAP_COST * hidden
        placed = np.vstack([placed, places[cost.argmin()]])
    return placed


def _add_texts(axis: "Axes") -> "dict[Text, Patch]":
    """Write the label of each rectangle of a picture somewhere."""
    ground = {"facecolor": "black", "alpha": 0.5, "linewidth": 0, "pad": 0.5}
    texts = {}
    for patch in axis.patches:
        if label := str(patch.get_label()):
            text = axis.text(0, 0, label, fontsize=FONT_PT, color=patch.get_edgecolor())
            text.set(va="bottom", clip_on=True, in_layout=False, bbox=ground)
            texts[text] = patch
    return texts


def _move_texts(axis: "Axes", texts: "dict[Text, Patch]") -> None:
    """Move the texts of a picture to their places."""
    boxes = np.array([patch.get_window_extent().extents for patch in texts.values()])
    sizes = np.array([text.get_window_extent().size for text in texts])
    places = place_texts(boxes, sizes * [_SLACK, 1] + 2 * _GAP_PX, np.array(axis.bbox.extents))
    to_data = axis.transData.inverted()
    for text, box, place in zip(texts, boxes, places, strict=True):
        x, y = to_data.transform(place[:2] + _GAP_PX).tolist()
        text.set_position((x, y))
        if _gap(place[None], box)[0] > 0.5 * (place[3] - place[1]):
            line = to_data.transform(_connect(place, box))
            axis.plot(*line.T, color=text.get_color(), linewidth=0.6, scalex=False, scaley=False)


def _list_places(box: np.ndarray, size_wh: np.ndarray, within: np.ndarray) -> np.ndarray:
    """List places for a text, (P, 4): above its box first, then all round within reach."""
    (x0, y0, x1, y1), (width, height) = box, size_wh
    reach = REACH * height
    steps = np.arange(0, reach + 1e-9, height / 2)
    above, below = y1 + steps, y0 - height - steps
    step_wh = np.maximum([width / 4, height / 2], [(x1 - x0) / MOST_STEPS, (y1 - y0) / MOST_STEPS])
    beside = np.arange(y0, max(y1 - height, y0) + 1e-9, step_wh[1])
    columns = np.arange(x0, x1 + reach, step_wh[0])
    columns = np.concatenate([columns, np.arange(x0, x0 - width - reach, -width / 4), [x1]])
    y, x = np.meshgrid(np.concatenate([above, below, beside]), columns, indexing="ij")
    corners = np.stack([x.ravel(), y.ravel()], axis=1)
    corners = np.maximum(np.minimum(corners, within[2:] - size_wh), within[:2])
    return np.hstack([corners, corners + size_wh])


def _overlap(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Areas that (P, 4) and (N, 4) rectangles share, (P, N)."""
    low = np.maximum(places[:, None, :2], others[None, :, :2])
    high = np.minimum(places[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2))


def _area(boxes: np.ndarray) -> np.ndarray:
    """Areas of (N, 4) rectangles, (N,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def _gap(places: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How far (P, 4) rectangles are from one, (P,); 0 where they touch."""
    apart = np.maximum(places[:, :2] - box[2:], box[:2] - places[:, 2:])
    return np.asarray(np.hypot(*np.maximum(apart, 0).T))


def _connect(place: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Find the ends of the shortest line from one rectangle to another, (2, 2)."""
    low, high = np.maximum(place[:2], box[:2]), np.minimum(place[2:], box[2:])
    middle = (low + high) / 2  # where both have the same x, or y
    return np.stack([np.clip(middle, each[:2], each[2:]) for each in (place, box)])
