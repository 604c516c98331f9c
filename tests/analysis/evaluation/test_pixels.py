"""Pixels judged by the script, beside scikit-learn, and the masks that say what is true."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

import util.csv_from_soft_labels
from analysis.bbox_evaluation import main as evaluate_boxes
from analysis.evaluation.pixels import move_to
from analysis.pixel_evaluation import main as evaluate_pixels
from tests.conftest import read_gray
from util.errors import UserError
from util.images.files import write_image
from util.label_set import LabelSet
from util.metrics.intervals import Interval


def test_pixel_values_are_those_of_scikit_learn(
    arguments: list[str], labelled: Path, tmp_path: Path
) -> None:
    assert evaluate_pixels(arguments) == 0
    table = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    assert set(table.index) == {"bird", "white_crest"}
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")[:-1]
    bird = LabelSet(labelled.parent / "label_sets" / "bird")
    maps = np.concatenate([bird.read(i).ravel() for i in ids])
    truths = np.concatenate(
        [read_gray(labelled.parent / "masks" / f"{i}.png").ravel() for i in ids]
    )
    row = table.loc["bird"]
    assert row["average_precision"] == pytest.approx(average_precision_score(truths, maps))
    assert row["roc_auc"] == pytest.approx(roc_auc_score(truths, maps))
    assert row["iou"] == pytest.approx(jaccard_score(truths, maps > 0.5))
    assert row["iou_low"] <= row["iou"] <= row["iou_high"]
    assert row["average_precision_low"] < row["average_precision"] < row["average_precision_high"]
    assert row["obstacle_num_true"] > 0  # birds of 49 pixels, of which at least 10 count
    assert row["anomaly_num_true"] == 0  # at least 100 count
    with_intervals = [c.removesuffix("_low") for c in table if c.endswith("_low")]
    assert {"best_f1", "average_precision_trapezoid", "brier_score", "calibration_error"} <= set(
        with_intervals
    )
    assert {f"obstacle_{s}" for s in ("mean_siou", "mean_ppv", "mean_f1")} <= set(with_intervals)
    for name in with_intervals:
        columns = [name, f"{name}_low", f"{name}_high"]
        assert table.columns[table.columns.get_loc(name) :][:3].tolist() == columns
        values, low, high = table[columns].dropna().to_numpy().T
        assert (low <= values + 1e-12).all(), name
        assert (values <= high + 1e-12).all(), name
    images = pd.read_csv(tmp_path / "pixel_evaluation_images.csv")
    assert len(images) == 2 * len(ids)
    of_bird = images[images["label_set"] == "bird"]
    assert of_bird["true_positives"].sum() == row["true_positives"]


def test_an_interval_moves_with_its_estimate_and_stays_in_range() -> None:
    ends = np.array([0.4, 0.9]), np.array([0.5, 0.97]), np.array([[0.4, 0.9], [0.5, 1.0]])
    moved = move_to([0.5, 0.98], Interval(np.array([0.45, 0.95]), *ends))
    np.testing.assert_allclose(moved.estimate, [0.5, 0.98])
    np.testing.assert_allclose([moved.low, moved.high], [[0.45, 0.93], [0.55, 1]])
    np.testing.assert_allclose(moved.resampled, [[0.45, 0.93], [0.55, 1]])


def test_pixel_differences_are_paired_and_told(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels([*arguments, "--evaluation.baseline", "bird"]) == 0
    table = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    differences = pd.read_csv(tmp_path / "pixel_differences.csv").set_index("metric")
    for name in ("average_precision", "roc_auc", "fpr_at_95_tpr", "iou", "dice", "brier_score"):
        row = differences.loc[name]
        expected = table.loc["white_crest", name] - table.loc["bird", name]
        assert row["difference"] == pytest.approx(expected, abs=1e-12)
        assert 0 < row["p"] <= row["p_holm"] <= 1
    out = capsys.readouterr().out
    assert "Minus bird" in out
    assert "dice white_crest" in out
    with pytest.raises(UserError, match="there are: bird, white_crest"):
        evaluate_pixels([*arguments, "--evaluation.baseline", "whale"])


def test_bad_input_is_one_clear_sentence(
    arguments: list[str], labelled: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="there are: bird, white_crest"):
        evaluate_boxes([*arguments, "--evaluation.baseline", "whale"])
    boxes = labelled.parent / "label_sets" / "bird" / "prediction.csv"
    with pytest.raises(UserError, match="holds no maps"):
        evaluate_pixels([*arguments, "--evaluation.predictions", str(boxes)])
    with pytest.raises(UserError, match=r"set data\.masks"):
        evaluate_pixels([*arguments, "--data.masks", "null"])
    masks = tmp_path / "masks"
    for mask in (labelled.parent / "masks").rglob("*.png"):
        write_image(masks / mask.relative_to(labelled.parent / "masks"), np.ones((5, 5), np.uint8))
    with pytest.raises(UserError, match=r"the soft label is \(64, 64\)|\(61, 83\)"):
        evaluate_pixels([*arguments, "--data.masks", str(masks)])
    next(masks.rglob("*_09.png")).unlink()
    with pytest.raises(UserError, match="1 image has no mask"):
        evaluate_pixels([*arguments, "--data.masks", str(masks)])


def test_masks_of_0_and_255_are_judged_as_those_of_0_and_1(
    arguments: list[str], labelled: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    for mask in (labelled.parent / "masks").rglob("*.png"):
        write_image(masks / mask.relative_to(labelled.parent / "masks"), 255 * read_gray(mask))
    tables = []
    for more in ([], ["--data.masks", str(masks)]):
        assert evaluate_pixels([*arguments, *more]) == 0
        tables.append((tmp_path / "pixel_evaluation.csv").read_text())
    assert tables[0] == tables[1]


def test_named_classes_say_what_is_marked_of_each(
    arguments: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels(arguments) == 0
    before = (tmp_path / "pixel_evaluation.csv").read_text()
    assert "by class" not in capsys.readouterr().out
    assert not (tmp_path / "pixel_evaluation_classes.csv").exists()
    masks = tmp_path / "masks"
    for path in (labelled.parent / "masks").rglob("*.png"):
        mask = read_gray(path)
        mask[:, : mask.shape[1] // 2] *= 2  # what lies on the left is of another class
        write_image(masks / path.relative_to(labelled.parent / "masks"), mask)
    (masks / "classes.json").write_text('{"0": "sea", "1": "bird", "2": ["boat", "ship"]}')
    assert evaluate_pixels([*arguments, "--data.masks", str(masks)]) == 0
    assert "by class:\n  label_set   sea  bird  boat\n" in capsys.readouterr().out
    assert (tmp_path / "pixel_evaluation.csv").read_text() == before
    table = pd.read_csv(tmp_path / "pixel_evaluation_classes.csv")
    assert table["class"].tolist() == ["sea", "bird", "boat"] * 2
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")[:-1]
    for name, rows in table.groupby("label_set"):
        label_set = LabelSet(labelled.parent / "label_sets" / str(name))
        found = np.concatenate([label_set.read(i).ravel() > 0.5 for i in ids])
        truth = np.concatenate([read_gray(masks / f"{i}.png").ravel() for i in ids])
        expected = [[(truth == n).sum(), (found & (truth == n)).sum()] for n in range(3)]
        assert rows[["pixels", "found_pixels"]].to_numpy().tolist() == expected


def test_masks_without_an_anomaly_are_refused(
    arguments: list[str], labelled: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    others = sorted((labelled.parent / "masks").rglob("*.png"))
    for mask in others[:9]:
        write_image(masks / mask.relative_to(labelled.parent / "masks"), read_gray(mask))
    for mask in others[9:]:  # those of the test split
        nothing = np.zeros_like(read_gray(mask))
        write_image(masks / mask.relative_to(labelled.parent / "masks"), nothing)
    with pytest.raises(UserError, match="no mask of the split has an anomalous pixel"):
        evaluate_pixels([*arguments, "--data.masks", str(masks)])
    for mask in masks.rglob("*.png"):
        write_image(mask, np.zeros_like(read_gray(mask)))
    with pytest.raises(UserError, match=r"no mask in .* has an anomalous pixel: they are read"):
        evaluate_pixels([*arguments, "--data.masks", str(masks)])


def test_pixels_count_above_what_one_of_each_box_exceeds(
    arguments: list[str], labelled: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "sure"
    shutil.copytree(labelled.parent / "label_sets" / "bird", copied)
    thresholds = ["--evaluation.threshold", "0.1", "--evaluation.min_confidence", "0.6"]
    given = [*arguments, *thresholds, "--evaluation.soft_labels", str(copied)]
    assert util.csv_from_soft_labels.main(given) == 0
    for options, expected in (([], 0.6), (thresholds[:2], 0.1)):
        named = ["--evaluation.predictions", str(copied)]
        assert evaluate_pixels([*arguments, *named, *options]) == 0
        assert pd.read_csv(tmp_path / "pixel_evaluation.csv")["threshold"].item() == expected
