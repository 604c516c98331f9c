"""A label set to be exported, and the script that does it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.util.exporting.ring import SETTINGS, SIZE_HW, paint_maps
from util.export_label_set import main
from util.images.files import write_image
from util.label_set import Content, LabelSet, LabelSetWriter


@pytest.fixture
def label_set(tmp_path: Path) -> LabelSet:
    """A label set of the maps of `paint_maps`, and of an image that failed."""
    with LabelSetWriter(tmp_path / "label_sets" / "bird", {"producer": "test"}) as writer:
        for image_id, soft_label in paint_maps().items():
            writer.add(image_id, Content(soft_label), source="1", seconds=0.0)
            write_image(tmp_path / f"images/{image_id}.jpg", np.zeros((*SIZE_HW, 3), np.uint8))
        writer.fail("damaged", "it is truncated")
        return writer.finish(SETTINGS)


@pytest.fixture
def export(tmp_path: Path, label_set: LabelSet) -> Callable[..., Path]:
    """Run the script: `export(format, option, ...)` gives the folder that it wrote."""
    path = tmp_path / "config.json"
    told = {"label_set": label_set.name, "output": "out", "polygon_tolerance_px": 0}
    path.write_text(json.dumps({"data": {"images": "images"}, "export_label_set": told}))

    def run(kind: str, *options: str) -> Path:
        assert main(["--config", str(path), "--format", kind, *options]) == 0
        return tmp_path / "out"

    return run
