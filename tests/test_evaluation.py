"""The analyses that judge label sets: boxes and pixels, with intervals and paired differences."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

import analysis.bbox_evaluation
import analysis.pixel_evaluation
import teacher.soft_label_generation
from analysis.pixel_evaluation import BIN_STARTS, curve_scores, read_truth
from tests.conftest import make_project
from util.errors import UserError
from util.image_files import write_image
from util.label_set import LabelSet
from util.pixel_metrics import PixelCurve, PixelHistogram

evaluate_boxes = analysis.bbox_evaluation.main
evaluate_pixels = analysis.pixel_evaluation.main


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose teacher has labelled its images; tests may read it."""
    project = make_project(tmp_path_factory.mktemp("labelled"))
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    return project


@pytest.fixture
def project(labelled: Path, tmp_path: Path) -> Iterator[list[str]]:
    """Arguments that write results into a folder of the test's own."""
    return ["--config", str(labelled), "--paths.runs", str(tmp_path)]  # type: ignore[return-value]


def test_pixel_values_are_those_of_scikit_learn(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    assert evaluate_pixels(project) == 0
    table = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    assert set(table.index) == {"bird", "white_crest"}
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")[:-1]
    bird = LabelSet(labelled.parent / "label_sets" / "bird")
    maps = np.concatenate([bird.read(i).ravel() for i in ids])
    truths = np.concatenate(
        [read_truth(labelled.parent / "masks" / f"{i}.png").ravel() for i in ids]
    )
    row = table.loc["bird"]
    assert row["average_precision"] == pytest.approx(average_precision_score(truths, maps))
    assert row["roc_auc"] == pytest.approx(roc_auc_score(truths, maps))
    assert row["iou"] == pytest.approx(jaccard_score(truths, maps > 0.5))
    assert row["iou_low"] <= row["iou"] <= row["iou_high"]
    assert row["average_precision_low"] < row["average_precision"] < row["average_precision_high"]
    assert row["obstacle_num_true"] > 0  # birds of 49 pixels, of which at least 10 count
    assert row["anomaly_num_true"] == 0  # at least 100 count
    images = pd.read_csv(tmp_path / "pixel_evaluation_images.csv")
    assert len(images) == 2 * len(ids)
    of_bird = images[images["label_set"] == "bird"]
    assert of_bird["true_positives"].sum() == row["true_positives"]


def test_scores_in_bins_are_close_to_the_exact_ones() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((200, 200)) < 0.05).astype(np.uint8)
    soft_label = np.clip(
        rng.beta(0.2, 3, truth.shape) + 0.4 * truth * rng.random(truth.shape), 0, 1
    )
    soft_label[rng.random(truth.shape) < 0.6] = 0
    histogram = PixelHistogram()
    histogram.add(soft_label, truth)
    sums = np.stack([histogram.positives, histogram.negatives]).astype(float)
    binned = np.add.reduceat(sums, BIN_STARTS, axis=1)
    assert BIN_STARTS[0] == 0
    assert binned.sum() == truth.size
    curve = PixelCurve.of(histogram)
    exact = curve.average_precision(), curve.roc_auc(), curve.false_positive_rate_at(0.95)
    np.testing.assert_allclose(curve_scores(binned.reshape(-1)), exact, atol=2e-3)
    unseen = curve_scores(np.append(0 * binned[0], binned[1]))
    assert np.isnan(unseen).all()


def test_box_intervals_hold_the_estimate_and_differences_are_paired(
    project: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_boxes([*project, "--evaluation.baseline", "bird"]) == 0
    table = pd.read_csv(tmp_path / "bbox_evaluation.csv")
    thesis = table[table["metric"] == "thesis"]
    for score in ("precision", "recall", "f1"):
        assert (thesis[f"{score}_low"] <= thesis[score] + 1e-12).all()
        assert (thesis[score] <= thesis[f"{score}_high"] + 1e-12).all()
    coco = pd.read_csv(tmp_path / "bbox_average_precision.csv").set_index("prediction")
    assert (coco["AP50"] >= coco["AP50:95"]).all()
    assert set(coco.index) == {"bird", "white_crest"}
    differences = pd.read_csv(tmp_path / "bbox_differences.csv").set_index("metric")
    f1 = thesis.set_index("prediction")["f1"]
    row = differences.loc["thesis"]
    assert row["difference"] == pytest.approx(f1["white_crest"] - f1["bird"])
    assert 0 < row["p"] <= row["p_holm"] <= 1
    out = capsys.readouterr().out
    assert "F1 minus that of bird" in out
    assert "95 %" in out


def test_bad_input_is_one_clear_sentence(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="there are: bird, white_crest"):
        evaluate_boxes([*project, "--evaluation.baseline", "whale"])
    boxes = labelled.parent / "label_sets" / "bird" / "prediction.csv"
    with pytest.raises(UserError, match="holds no maps"):
        evaluate_pixels([*project, "--evaluation.predictions", str(boxes)])
    with pytest.raises(UserError, match=r"set data\.masks"):
        evaluate_pixels([*project, "--data.masks", "null"])
    masks = tmp_path / "masks"
    for mask in (labelled.parent / "masks").rglob("*.png"):
        write_image(masks / mask.relative_to(labelled.parent / "masks"), np.zeros((5, 5), np.uint8))
    with pytest.raises(UserError, match=r"the soft label is \(64, 64\)|\(61, 83\)"):
        evaluate_pixels([*project, "--data.masks", str(masks)])
    next(masks.rglob("*_09.png")).unlink()
    with pytest.raises(UserError, match="1 images have no mask"):
        evaluate_pixels([*project, "--data.masks", str(masks)])


def test_masks_of_0_and_255_alone_are_refused(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    for mask in (labelled.parent / "masks").rglob("*.png"):
        truth = read_truth(mask)
        write_image(masks / mask.relative_to(labelled.parent / "masks"), 255 * truth)
    with pytest.raises(UserError, match="255 is ignored"):
        evaluate_pixels([*project, "--data.masks", str(masks)])
