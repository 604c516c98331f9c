"""What intervals are over: images or groups of them, of which one alone gives none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.bbox_evaluation import main as evaluate_boxes
from analysis.pixel_evaluation import main as evaluate_pixels
from util.errors import UserError
from util.metrics.intervals import bootstrap
from util.metrics.pixelwise.pixel_scores import THRESHOLD_SCORES, threshold_scores


def test_one_image_has_values_and_no_intervals(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "Test.txt").write_text(f"{ids[0]}\n")
    arguments = [*arguments, "--data.splits", str(tmp_path / "splits")]
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        assert evaluate([*arguments, "--evaluation.baseline", "bird"]) == 0
        table = pd.read_csv(tmp_path / f"{name}_evaluation.csv")
        ends = [column for column in table if column.endswith(("_low", "_high"))]
        assert table[ends].isna().to_numpy().all()
        differences = pd.read_csv(tmp_path / f"{name}_differences.csv")
        assert differences[["p", "p_holm"]].isna().all(axis=None)
        out = capsys.readouterr().out
        assert "nan" not in out
        assert "No interval can be had: there is only 1 image.\n" in out
        told = out.partition("Minus bird:\n")[2].splitlines()[1:]
        assert told[0].endswith(" none   none")


def test_intervals_are_over_groups_of_images(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = ["--data.groups", "möwe_(.)", "--evaluation.baseline", "bird"]
    assert evaluate_pixels([*arguments, *groups]) == 0
    assert "over 2 groups of 3 images (data.groups)" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    images = pd.read_csv(tmp_path / "pixel_evaluation_images.csv")
    of_bird = images[images["label_set"] == "bird"].set_index("image")
    columns = ["true_positives", "false_positives", "false_negatives", "true_negatives"]
    first, *others = of_bird[columns].to_numpy()  # 09 alone, 10 and 11 together
    interval = bootstrap(np.array([first, np.sum(others, axis=0)]), threshold_scores)
    index = list(THRESHOLD_SCORES).index("iou")
    assert table.loc["bird", ["iou_low", "iou_high"]].tolist() == pytest.approx(
        [interval.low[index], interval.high[index]]
    )
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        assert evaluate([*arguments, *groups]) == 0
        differences = pd.read_csv(tmp_path / f"{name}_differences.csv")
        has_interval = differences["low"].notna()
        assert differences.loc[has_interval, "p"].between(0.5, 1).all()  # two groups say no more
        assert differences.loc[~has_interval, "p"].isna().all()
        capsys.readouterr()
        one_group = ["--data.groups", "^(.*)/", "--evaluation.baseline", "bird"]
        assert evaluate([*arguments, *one_group]) == 0
        out = capsys.readouterr().out
        assert "No interval can be had: there is only 1 group of 3 images" in out
        assert "[nan" not in out
        table = pd.read_csv(tmp_path / f"{name}_evaluation.csv")
        ends = [column for column in table if column.endswith(("_low", "_high"))]
        assert table[ends].isna().to_numpy().all()
        differences = pd.read_csv(tmp_path / f"{name}_differences.csv")
        assert differences[["p", "p_holm"]].isna().all(axis=None)
        with pytest.raises(UserError, match="finds no group in 3 of 3 image ids"):
            evaluate([*arguments, "--data.groups", "photograph"])
