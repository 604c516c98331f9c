"""A view as JSON for the page: maps as small gray pictures, which the page paints, and boxes."""

import base64
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from analysis.explorer.exploring import Panel, View
from teacher.saa.algorithm import SHOWN_REJECTIONS
from util.running.ahead import map_ahead
from util.visualization import fit_long_side

SHOWN_PX = 640
"""Long side of a map on the page, if it is larger."""

SHOWN_BOXES = 200
"""So many boxes of a map are drawn, those of the highest scores."""


def view_to_json(view: View) -> dict[str, Any]:
    """Turn a view into JSON values; boxes are in pixels of the image."""
    height, width = view.size_hw
    return {
        "size": [width, height],
        "panels": list(map_ahead(panel_to_json, view.panels)),  # large maps take a while
        "remarks": view.remarks,
        "has_asked": view.has_asked,
        "milliseconds": round(view.seconds * 1000, 1),
    }


def panel_to_json(panel: Panel) -> dict[str, Any]:
    """Turn a panel into JSON values."""
    soft_label = panel.soft_label
    return {
        "title": panel.title,
        "note": panel.note,
        "map": None if soft_label is None else encode_map(soft_label),
        "peak": None if soft_label is None else round(float(soft_label.max(initial=0)), 3),
        "count": len(panel.scores) if panel.is_boxed else None,
        "boxes": list(_best_boxes(panel)),
        "dropped_title": _name_dropped(len(panel.dropped)),
        "dropped": [
            {**_box(each.box_xyxy, each.score, each.phrase), "reason": each.reason}
            for each in panel.dropped
        ],
    }


def _name_dropped(count: int) -> str:
    """Say how many dropped boxes are listed; there may be more where the list is full."""
    is_full = count >= SHOWN_REJECTIONS
    return f"the best {count} that were dropped" if is_full else f"{count} dropped"


def _best_boxes(panel: Panel) -> Iterator[dict[str, Any]]:
    for i in np.argsort(-panel.scores, kind="stable")[:SHOWN_BOXES]:
        yield _box(panel.boxes_xyxy[i], float(panel.scores[i]), panel.labels[i])


def _box(box_xyxy: np.ndarray, score: float, label: str) -> dict[str, Any]:
    return {"box": np.round(box_xyxy, 1).tolist(), "score": round(score, 3), "label": label}


def encode_map(soft_label: np.ndarray) -> str:
    """Write an (H, W) map in [0, 1] as a gray PNG of 8 bits, a data URI; large ones are reduced."""
    small = soft_label
    if max(soft_label.shape) > SHOWN_PX:
        small = fit_long_side(soft_label.astype(np.float32, copy=False), SHOWN_PX)
    levels = np.rint(small * 255).astype(np.uint8)
    _, data = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


def encode_photo(image_rgb: np.ndarray) -> bytes:
    """Write a photo, (H, W, 3) uint8, as JPEG; large ones are reduced."""
    small = image_rgb
    if max(image_rgb.shape[:2]) > SHOWN_PX:
        small = fit_long_side(image_rgb, SHOWN_PX)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes()
