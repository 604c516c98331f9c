"""Label sets keep what labellers give: maps, a detector's own boxes, or both."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import analysis.bbox_evaluation
import analysis.pixel_evaluation
import student.train
import util.csv_from_soft_labels
import util.multi_teacher.combination_strategies
from tests.conftest import make_project
from util.bbox_csv import read_bbox_csv
from util.config import read_config
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.ground_truth.reading import read_truths
from util.images.files import find_images, image_size_hw
from util.label_set import Content, LabelSet, LabelSetWriter

SETTINGS = {"producer": "test"}
BOXES = BoxSettings(dilation_iterations=0, object_class="thing")


def detected(*rows: tuple[float, ...], classes: tuple[str, ...] | None = None) -> Boxes:
    table = np.array(rows, float).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4], classes)


def cars() -> Content:
    found = detected((1, 2, 5, 4, 0.9), (0, 0, 20, 10, 0.25), classes=("car", "road sign"))
    return Content(boxes=found, size_hw=(10, 20))


def test_boxes_of_a_detector_keep_places_classes_and_scores(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS, box_settings=BOXES) as writer:
        writer.add("a", cars(), source="1", seconds=0)
        writer.add("b", Content(boxes=detected(), size_hw=(10, 20)), source="1", seconds=0)
        label_set = writer.finish(BOXES)
    assert label_set.ids == ["a", "b"]
    assert label_set.manifest["holds"] == ["boxes"]
    assert label_set.manifest["counts"] == {"labelled": 1, "empty": 1, "failed": 0}
    assert not list(label_set.folder.rglob("*.png"))
    table = read_bbox_csv(label_set.folder / "prediction.csv")
    assert table["obj_class"].tolist() == ["car", "road sign"]
    assert table["confidence"].tolist() == [0.9, 0.25]
    assert table[["xmin", "ymin", "xmax", "ymax"]].to_numpy().tolist() == [
        [0.05, 0.2, 0.25, 0.4],
        [0, 0, 1, 1],
    ]


def test_boxes_of_a_detector_stay_when_the_set_is_gone_on_with_under_other_rules(
    tmp_path: Path,
) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS, box_settings=BOXES) as writer:
        writer.add("a", cars(), source="1", seconds=0)
        before = writer.finish(BOXES)
    csv = (before.folder / "prediction.csv").read_bytes()
    other = replace(BOXES, threshold=0.9, min_area_px=99)
    with LabelSetWriter(tmp_path / "set", SETTINGS, box_settings=other) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["b"]
        writer.add("b", Content(boxes=detected(), size_hw=(4, 4)), source="1", seconds=0)
        after = writer.finish(other)
    assert (after.folder / "prediction.csv").read_bytes() == csv
    assert after.content != before.content


def test_beside_a_map_a_detectors_boxes_are_not_found_anew(tmp_path: Path) -> None:
    soft_label = np.zeros((10, 20), np.float32)
    soft_label[6:8, 6:8] = 1
    with LabelSetWriter(tmp_path / "set", SETTINGS, box_settings=BOXES) as writer:
        writer.add("a", replace(cars(), soft_label=soft_label), source="1", seconds=0)
        writer.add("b", Content(soft_label), source="1", seconds=0)
        label_set = writer.finish(BOXES)
    assert label_set.has_maps
    np.testing.assert_array_equal(label_set.read("a"), soft_label)
    table = read_bbox_csv(label_set.folder / "prediction.csv")
    assert table["obj_class"].tolist() == ["car", "road sign", "thing"]


def test_an_older_map_goes_when_its_successor_is_boxes_alone(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(np.ones((10, 20))), source="1", seconds=0)
        writer.add("a", cars(), source="2", seconds=0)
        label_set = writer.finish(BOXES)
    assert not (label_set.folder / "a.png").exists()
    assert not label_set.has_maps


def test_content_without_map_and_boxes_is_refused() -> None:
    for boxes in (None, detected()):
        with pytest.raises(ValueError, match="expected a map, or boxes with the size"):
            Content(boxes=boxes)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose label set `detector` holds the true boxes alone."""
    config = read_config(make_project(tmp_path))
    images = find_images(config.data.images)
    truths = read_truths(config.data, images, list(images))
    with LabelSetWriter(tmp_path / "label_sets" / "detector", SETTINGS) as writer:
        for image_id, path in images.items():
            height, width = image_size_hw(path)
            mine = truths[truths["image"] == image_id]
            corners = mine[["xmin", "ymin", "xmax", "ymax"]].to_numpy()
            boxes = Boxes(corners * [width, height, width, height], np.ones(len(mine)))
            content = Content(boxes=boxes, size_hw=(height, width))
            writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BOXES)
    return tmp_path / "config.json"


def test_boxes_alone_are_judged_as_boxes(project: Path) -> None:
    named = ["--evaluation.predictions", "detector"]
    assert analysis.bbox_evaluation.main(["--config", str(project), *named]) == 0
    table = pd.read_csv(project.parent / "runs" / "bbox_evaluation.csv")
    assert (table.loc[table["metric"] != "chance", "f1"] == 1).all()


@pytest.mark.parametrize(
    ("script", "named"),
    [
        (analysis.pixel_evaluation, "--evaluation.predictions"),
        (util.csv_from_soft_labels, "--evaluation.soft_labels"),
        (student.train, "--student.label_set"),
        (util.multi_teacher.combination_strategies, "--combination.label_sets"),
    ],
    ids=["pixels", "csv", "training", "combination"],
)
def test_stages_that_need_maps_refuse_boxes_alone(
    script: ModuleType, named: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "holds the boxes of a detector and no maps"
    try:
        script.main(["--config", str(project), named, "detector"])
        said = capsys.readouterr().err
    except UserError as error:
        said = str(error)
    assert message in said
    assert LabelSet(project.parent / "label_sets" / "detector", needs_maps=False).ids
