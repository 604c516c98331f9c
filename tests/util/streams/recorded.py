"""Small streams of which the confidences are given."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from util.data_classes import Boxes, BoxSettings
from util.images.files import write_image
from util.label_set import Content, LabelSetWriter

Confidences = Sequence[Sequence[float]]
"""Of the boxes of each frame, in the order of time."""


def frame_id(camera: str, number: int) -> str:
    """Name a frame so that its place in a listing is not that in time."""
    return f"{camera}/frame_{number}"


def write_streams(
    folder: Path, cameras: Mapping[str, Confidences], failed: Sequence[str] = ()
) -> Path:
    """Write images and a label set of boxes, `detector`; returns the path of a config."""
    with LabelSetWriter(folder / "label_sets" / "detector", {"producer": "test"}) as writer:
        for camera, frames in cameras.items():
            for number, confidences in enumerate(frames):
                image_id = frame_id(camera, number)
                noise = np.random.default_rng(number).integers(0, 256, (10, 10, 3), np.uint8)
                write_image(folder / "images" / f"{image_id}.png", noise)
                if image_id in failed:
                    writer.fail(image_id, "it is truncated")
                    continue
                corners = np.array([[2, 2, 4, 4]] * len(confidences), float).reshape(-1, 4)
                content = Content(
                    boxes=Boxes(corners, np.array(confidences, float)), size_hw=(10, 10)
                )
                writer.add(image_id, content, source="1", seconds=0.0)
        writer.finish(BoxSettings())
    config = {
        "data": {"images": "images"},
        "streams": {"label_set": "detector", "validation_frames": 0, "warmup": 4},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def table_of(confidences: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Boxes of images, of which the confidences count alone."""
    rows = [(image, value) for image, values in confidences.items() for value in values]
    return pd.DataFrame(rows, columns=["image", "confidence"]).astype({"confidence": float})
