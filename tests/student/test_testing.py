"""How the boxes of a student's predictions are judged and written."""

from pathlib import Path

import pandas as pd
import pytest

from student.testing import judge
from tests.conftest import make_project
from tests.student.student_runs import label
from util.config import Config
from util.config.reading import read_config
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import LabelSet


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose truth has two classes: what lies on the left and what on the right."""
    project = make_project(tmp_path)
    path = read_config(project).data.ground_truth
    assert path is not None
    truth = pd.read_csv(path, sep=";")
    is_left = truth["xmin"] < 0.5
    truth["obj_class"] = is_left.map({True: "left", False: "right"})
    truth.to_csv(path, sep=";", index=False)
    return project


def judge_as(config: Config, predicted: LabelSet, *classes: str) -> None:
    """Judge a label set by some classes of the truth."""
    data = config.data.model_copy(update={"ground_truth_classes": list(classes)})
    paths = find_images(data.images)
    ids = read_split(data.splits, "Train+Validation+Test", paths)
    judge(data, config.evaluation, predicted, paths, ids)


def test_figures_of_folders_and_of_true_classes_are_written_and_go_where_there_are_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, predicted = read_config(project), label(project)
    judge_as(config, predicted)
    said = capsys.readouterr().out
    assert "True boxes that count: left 18, right 6 (all classes).\n" in said
    assert "F1 (thesis) by folder" in said
    assert "any box finds (thesis), by class:\nsplit  left (18)  right (6)\n" in said
    stem = str(predicted.folder)
    whole = pd.read_csv(f"{stem}_metrics.csv")
    parts = pd.read_csv(f"{stem}_metrics_parts.csv")
    classes = pd.read_csv(f"{stem}_metrics_classes.csv")
    for counts, columns in ((parts, ["true_positives"]), (classes, ["found_boxes"])):
        summed = counts.groupby(["metric", "iou"], sort=False, dropna=False)[columns].sum()
        expected = whole["true_positives"].head(len(summed)).tolist()
        assert summed[columns[0]].tolist() == expected
    assert (classes["found_boxes"] > 0).all()
    judge_as(config, predicted, "left")
    assert "by class" not in capsys.readouterr().out
    assert not Path(f"{stem}_metrics_classes.csv").exists()
