"""A small project whose label sets are judged, boxes and pixels alike."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis.bbox_evaluation
import analysis.pixel_evaluation
from analysis.evaluation.shelves import Shelves
from tests.conftest import make_project
from util.config import Config
from util.data_classes import BoxSettings
from util.images.files import read_soft_label
from util.label_set import Content, LabelSetWriter

Evaluation = Callable[..., int]

SCRIPTS = [
    pytest.param(analysis.bbox_evaluation.main, "bbox_evaluation", id="boxes"),
    pytest.param(analysis.pixel_evaluation.main, "pixel_evaluation", id="pixels"),
]

NOTHING: Mapping[str, str] = {}


def write_maps(
    folder: Path,
    maps: Mapping[str, np.ndarray],
    failed: Mapping[str, str] = NOTHING,
    boxes: BoxSettings = BoxSettings(),  # noqa: B008  # frozen
) -> None:
    with LabelSetWriter(folder, {"producer": "test"}, box_settings=boxes) as writer:
        writer.pending({image_id: "1" for image_id in [*maps, *failed]})
        for image_id, soft_label in maps.items():
            writer.add(image_id, Content(soft_label), "1", 0.0)
        for image_id, reason in failed.items():
            writer.fail(image_id, reason)
        writer.finish(boxes)


def shelves_of(config: Config) -> Shelves:
    """Where an analysis of a config finds label sets."""
    return Shelves(config.paths.label_sets, config.paths.runs, config.data.test_split)


class Project:
    """A project with perfect maps as the label set `good`."""

    def __init__(self, folder: Path) -> None:
        self.config = make_project(folder)
        self.folder = folder
        self.maps = {
            split: {i: self.perfect_map(i) for i in self.ids(split)}
            for split in ("Train", "Validation", "Test")
        }
        self.test = self.maps["Test"]
        write_maps(folder / "label_sets" / "good", self.test | self.maps["Validation"])

    def ids(self, split: str) -> list[str]:
        return (self.folder / "splits" / f"{split}.txt").read_text("utf-8").splitlines()

    def perfect_map(self, image_id: str) -> np.ndarray:
        levels = read_soft_label(self.folder / "masks" / f"{image_id}.png")
        return (levels > 0).astype(np.float32)

    def run(self, evaluate: Evaluation, *arguments: str) -> int:
        return evaluate(["--config", str(self.config), *arguments])

    def table(self, name: str) -> pd.DataFrame:
        table = pd.read_csv(self.folder / "runs" / f"{name}.csv")
        return table.set_index(table.columns[0])


def score(table: pd.DataFrame, name: str) -> float:
    """The score that is 1 for perfect maps: F1 at IoU 0.5, or pixel average precision."""
    if "iou_low" in table:  # of pixels
        return float(table.loc[name, "average_precision"])
    rows = table.loc[[name]]
    return float(rows.loc[rows["iou"] == 0.5, "f1"].iloc[0])
