"""Rows of a split, and of the folders or groups in it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from analysis.bbox_evaluation import main as evaluate_boxes
from analysis.pixel_evaluation import main as evaluate_pixels
from tests.conftest import read_gray
from util.errors import UserError
from util.label_set import LabelSet


def test_another_split_leaves_the_rows_of_the_first_as_they_are(
    arguments: list[str], tmp_path: Path
) -> None:
    tables: list[dict[str, list[str]]] = []
    for more in ([], ["--data.test_split", "Validation"], []):
        assert evaluate_boxes([*arguments, *more]) == evaluate_pixels([*arguments, *more]) == 0
        tables.append({path.name: path.read_text().splitlines() for path in tmp_path.glob("*.csv")})
    assert len(tables[0]) == 4
    for name, (header, *of_test) in tables[0].items():
        assert {line.split(",")[1] for line in of_test} == {"Test"}
        both = tables[1][name]
        of_validation = both[1 : -len(of_test)]
        assert both == [header, *of_validation, *of_test]
        assert {line.split(",")[1] for line in of_validation} == {"Validation"}
        assert tables[2][name] == [header, *of_test, *of_validation]
    assert (tmp_path / "bbox_evaluation_Validation.png").exists()


def of_folders(labelled: Path, name: str) -> list[str]:
    """Write a list of the images of a folder; gives the option that names it."""
    images = sorted((labelled.parent / "images" / name).glob("*.png"))
    lines = [f"{name}/{path.stem}\n" for path in images]
    (labelled.parent / "splits" / f"{name[-1]}.txt").write_text("".join(lines), encoding="utf-8")
    return ["--data.test_split", name[-1]]


@pytest.mark.parametrize("groups", ["null", "möwe_([0-9])"])
def test_boxes_of_each_folder_are_judged_as_if_there_were_no_others(
    arguments: list[str],
    labelled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    groups: str,
) -> None:
    arguments = [*arguments, "--data.groups", groups]
    every = ["--data.test_split", "Train+Validation+Test"]
    assert evaluate_boxes([*arguments, *every]) == 0
    assert "F1 (thesis) by folder" in capsys.readouterr().out
    parts = pd.read_csv(tmp_path / "bbox_evaluation_parts.csv")
    assert set(parts["part"]) == {"flight 0", "flight 1"}
    for name in ("flight 0", "flight 1"):
        assert evaluate_boxes([*arguments, *of_folders(labelled, name)]) == 0
        assert "by folder" not in capsys.readouterr().out  # but by group, where there are two
        alone = pd.read_csv(tmp_path / "bbox_evaluation.csv")
        alone = alone[alone["split"].astype(str) == name[-1]].reset_index(drop=True)
        of_part = parts[parts["part"] == name].reset_index(drop=True)
        same = [column for column in of_part if column in alone and column != "split"]
        assert {"f1", "f1_low", "f1_high", "empty_share", "images", "true_negatives"} < set(same)
        pd.testing.assert_frame_equal(of_part[same], alone[same])


def test_pixels_of_each_folder_are_judged_as_scikit_learn_does(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels([*arguments, "--data.test_split", "Train+Validation+Test"]) == 0
    assert "Average precision by folder" in capsys.readouterr().out
    parts = pd.read_csv(tmp_path / "pixel_evaluation_parts.csv").set_index(["label_set", "part"])
    bird = LabelSet(labelled.parent / "label_sets" / "bird")
    for name in ("flight 0", "flight 1"):
        ids = [image_id for image_id in bird.ids if image_id.startswith(name)]
        maps = np.concatenate([bird.read(i).ravel() for i in ids])
        masks = [read_gray(labelled.parent / "masks" / f"{i}.png").ravel() for i in ids]
        row = parts.loc[("bird", name)]
        expected = average_precision_score(np.concatenate(masks), maps)
        assert row["average_precision"] == pytest.approx(expected)
        assert row["images"] == 6


def test_without_folders_groups_are_the_parts(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_boxes([*arguments, "--data.groups", "_([0-9]+)$"]) == 0
    said = capsys.readouterr().out
    assert "F1 (thesis) by group" in said
    assert "09 (1)" in said
    parts = pd.read_csv(tmp_path / "bbox_evaluation_parts.csv", dtype={"part": str})
    assert set(parts["part"]) == {"09", "10", "11"}
    assert parts["f1_low"].isna().all()  # one image says nothing of the spread


def test_figures_of_parts_go_where_a_later_run_of_the_split_has_none(
    arguments: list[str], tmp_path: Path
) -> None:
    every = ["--data.test_split", "Train+Validation+Test"]
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        path = tmp_path / f"{name}_evaluation_parts.csv"
        by_group = ["--data.groups", "_([0-9]+)$"]
        for options in (every, by_group):
            assert evaluate([*arguments, *options]) == 0
        assert set(pd.read_csv(path)["split"]) == {every[1], "Test"}
        assert evaluate(arguments) == 0
        assert set(pd.read_csv(path)["split"]) == {every[1]}
        path.unlink()
        for options in (by_group, []):
            assert evaluate([*arguments, *options]) == 0
        assert not path.exists()


def test_tables_of_what_is_no_longer_asked_go_and_those_of_other_splits_stay(
    arguments: list[str], tmp_path: Path
) -> None:
    asked = ["--evaluation.baseline", "bird", "--evaluation.benchmark", "2023"]
    other = ["--data.test_split", "Validation"]
    for more in (other, []):
        assert evaluate_pixels([*arguments, *asked, *more]) == 0
        assert evaluate_boxes([*arguments, *asked[:2], *more]) == 0
    assert evaluate_pixels(arguments) == evaluate_boxes(arguments) == 0
    for name in ("pixel_differences", "road_anomaly", "bbox_differences"):
        assert set(pd.read_csv(tmp_path / f"{name}.csv")["split"]) == {"Validation"}
    assert evaluate_pixels([*arguments, *other]) == evaluate_boxes([*arguments, *other]) == 0
    for name in ("pixel_differences", "road_anomaly", "bbox_differences"):
        assert not (tmp_path / f"{name}.csv").exists()


@pytest.mark.parametrize("evaluate", [evaluate_boxes, evaluate_pixels])
def test_a_table_that_a_spreadsheet_has_saved_otherwise_is_not_lost(
    evaluate: Callable[[list[str]], int],
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert evaluate(arguments) == 0
    for path in tmp_path.glob("*_evaluation.csv"):
        path.write_text(path.read_text("utf-8").replace(",", ";"), "utf-8")
    saved = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    monkeypatch.setattr(f"{evaluate.__module__}.open_compared", pytest.fail)  # nothing is measured
    with pytest.raises(UserError, match=r"_evaluation\.csv cannot be read"):
        evaluate([*arguments, "--data.test_split", "Validation"])
    assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == saved
