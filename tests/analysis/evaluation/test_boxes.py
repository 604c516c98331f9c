"""Boxes judged by the script: intervals, differences, and what is found of each class and label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.bbox_evaluation import main as evaluate_boxes
from util.bbox_csv import read_bbox_csv
from util.config.command_line import load_config
from util.errors import UserError


def test_box_intervals_hold_the_estimate_and_differences_are_paired(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_boxes([*arguments, "--evaluation.baseline", "bird"]) == 0
    table = pd.read_csv(tmp_path / "bbox_evaluation.csv")
    assert table["metric"].unique().tolist() == ["thesis", "one_to_one", "image_level"]
    for score in ("precision", "recall", "f1"):
        assert (table[f"{score}_low"] <= table[score] + 1e-12).all()
        assert (table[score] <= table[f"{score}_high"] + 1e-12).all()
    nothing = table.set_index("prediction").loc["white_crest"]  # which predicts nothing
    assert (nothing[["precision", "precision_low", "precision_high"]] == 0).all(axis=None)
    assert (tmp_path / "bbox_evaluation_Test.png").exists()
    coco = pd.read_csv(tmp_path / "bbox_average_precision.csv").set_index("prediction")
    assert (coco["AP50"] >= coco["AP50:95"] - 1e-12).all()
    assert (coco["AP50:95_low"] <= coco["AP50:95"] + 1e-12).all()
    assert (coco["AP50:95"] <= coco["AP50:95_high"] + 1e-12).all()
    assert set(coco.index) == {"bird", "white_crest"}
    differences = pd.read_csv(tmp_path / "bbox_differences.csv").set_index("metric")
    thesis = table[table["metric"] == "thesis"].set_index("prediction")["f1"]
    row = differences.loc["f1, thesis"]
    assert row["difference"] == pytest.approx(thesis["white_crest"] - thesis["bird"])
    assert 0 < row["p"] <= row["p_holm"] <= 1
    ap50 = coco.loc["white_crest", "AP50"] - coco.loc["bird", "AP50"]
    assert differences.loc["AP50", "difference"] == pytest.approx(ap50)
    assert "f1, image level" in differences.index
    out = capsys.readouterr().out
    assert "Minus bird" in out
    assert "95 %" in out


def test_recall_of_each_true_class_is_told_and_goes_where_a_later_run_has_one_class(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = load_config("", [*arguments])
    assert config.data.ground_truth is not None
    truth = pd.read_csv(config.data.ground_truth, sep=";")
    truth["obj_class"] = np.where(truth["xmin"] < 0.5, "left", "right")
    path = tmp_path / "truth.csv"
    truth.to_csv(path, sep=";", index=False)
    named = ["--data.ground_truth", str(path), "--data.ground_truth_format", "csv"]
    assert evaluate_boxes([*arguments, *named, "--data.ground_truth_classes", "[]"]) == 0
    said = capsys.readouterr().out
    table = pd.read_csv(tmp_path / "bbox_evaluation_classes.csv")
    left, right = table["boxes"][:2]
    assert f"(thesis), by class:\n prediction  left ({left})  right ({right})\n" in said
    assert f"True boxes that count: left {left}, right {right} (all classes).\n" in said
    whole = pd.read_csv(tmp_path / "bbox_evaluation.csv")
    for name, rows in table[table["metric"] == "thesis"].groupby("prediction"):
        assert rows["class"].tolist() == ["left", "right"]
        (of_all,) = whole[
            (whole["prediction"] == name) & (whole["metric"] == "thesis")
        ].itertuples()
        assert rows["found_boxes"].sum() == of_all.true_positives
        assert rows["boxes"].sum() == of_all.true_positives + of_all.false_negatives
    assert evaluate_boxes([*arguments, *named, "--data.ground_truth_classes", "left"]) == 0
    said = capsys.readouterr().out
    assert "by class" not in said
    assert f"True boxes that count: left {left} (data.ground_truth_classes left; predicted" in said
    assert not (tmp_path / "bbox_evaluation_classes.csv").exists()


def test_labels_of_images_say_where_there_is_a_box(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")[:-1]
    path = tmp_path / "labels.csv"
    path.write_text(f"image;label\n{ids[0]}.png;gull\n{ids[0]}.png;sea\n{ids[1]};\n")
    assert evaluate_boxes([*arguments, "--data.image_labels", str(path)]) == 0
    out = capsys.readouterr().out
    assert "by label:\n prediction  gull   sea  (none)\n" in out
    assert f"{len(ids) - 2} of {len(ids)} images are not in {path}." in out
    table = pd.read_csv(tmp_path / "bbox_image_labels.csv", keep_default_na=False)
    for name, rows in table.groupby("prediction"):
        boxes = read_bbox_csv(labelled.parent / "label_sets" / str(name) / "prediction.csv")
        sure = boxes[boxes["confidence"] > 0.1]
        having = [int((sure["image"] == image_id).any()) for image_id in ids[:2]]
        assert rows[["label", "images", "found_images"]].to_numpy().tolist() == [
            ["gull", 1, having[0]],
            ["sea", 1, having[0]],
            ["(none)", 1, having[1]],
        ]
    path.write_text("image;label\n../x;gull\n")
    with pytest.raises(UserError, match=r"has 1 bad rows: line 2: '\.\./x' is no name"):
        evaluate_boxes([*arguments, "--data.image_labels", str(path)])
