"""The analyses that judge label sets: boxes and pixels, with intervals and paired differences."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

import analysis.bbox_evaluation
import analysis.pixel_evaluation
import teacher.soft_label_generation
import util.csv_from_soft_labels
from analysis.evaluation.found_label_sets import find_label_sets
from analysis.evaluation.pixels import move_to
from analysis.pixel_scores import (
    THRESHOLD_SCORES,
    threshold_scores,
)
from tests.analysis.evaluation.evaluation_projects import shelves_of
from tests.conftest import COLOUR_ALONE, make_project, read_gray
from util.bbox_csv import read_bbox_csv
from util.config.command_line import load_config
from util.errors import UserError
from util.images.files import write_image
from util.label_set import MANIFEST, LabelSet
from util.metrics.intervals import Interval, bootstrap

evaluate_boxes = analysis.bbox_evaluation.main

evaluate_pixels = analysis.pixel_evaluation.main


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose teacher has labelled its images; tests may read it."""
    project = make_project(tmp_path_factory.mktemp("labelled"), saa=COLOUR_ALONE)
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
    project: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels([*project, "--evaluation.baseline", "bird"]) == 0
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
        evaluate_pixels([*project, "--evaluation.baseline", "whale"])


def test_box_intervals_hold_the_estimate_and_differences_are_paired(
    project: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_boxes([*project, "--evaluation.baseline", "bird"]) == 0
    table = pd.read_csv(tmp_path / "bbox_evaluation.csv")
    assert table["metric"].unique().tolist() == ["thesis", "one_to_one", "image_level"]
    for score in ("precision", "recall", "f1"):
        has_interval = table[f"{score}_low"].notna()
        assert has_interval.all() == (score != "precision")  # white_crest predicts nothing
        rows = table[has_interval]
        assert (rows[f"{score}_low"] <= rows[score] + 1e-12).all()
        assert (rows[score] <= rows[f"{score}_high"] + 1e-12).all()
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


def test_another_split_leaves_the_rows_of_the_first_as_they_are(
    project: list[str], tmp_path: Path
) -> None:
    tables: list[dict[str, list[str]]] = []
    for more in ([], ["--data.test_split", "Validation"], []):
        assert evaluate_boxes([*project, *more]) == evaluate_pixels([*project, *more]) == 0
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


def test_one_image_has_values_and_no_intervals(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "Test.txt").write_text(f"{ids[0]}\n")
    arguments = [*project, "--data.splits", str(tmp_path / "splits")]
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        assert evaluate([*arguments, "--evaluation.baseline", "bird"]) == 0
        table = pd.read_csv(tmp_path / f"{name}_evaluation.csv")
        ends = [column for column in table if column.endswith(("_low", "_high"))]
        assert table[ends].isna().to_numpy().all()
        assert (pd.read_csv(tmp_path / f"{name}_differences.csv")["p"] == 1).all()
    assert "[nan" not in capsys.readouterr().out


def test_intervals_are_over_groups_of_images(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = ["--data.groups", "möwe_(.)", "--evaluation.baseline", "bird"]
    assert evaluate_pixels([*project, *groups]) == 0
    assert "over 2 groups of 3 images (data.groups)" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    images = pd.read_csv(tmp_path / "pixel_evaluation_images.csv")
    of_bird = images[images["label_set"] == "bird"].set_index("image")
    columns = ["true_positives", "false_positives", "false_negatives", "true_negatives"]
    first, *others = of_bird[columns].to_numpy()  # 09 alone, 10 and 11 together
    interval = bootstrap(np.array([first, np.sum(others, axis=0)]), threshold_scores)
    index = THRESHOLD_SCORES.index("iou")
    assert table.loc["bird", ["iou_low", "iou_high"]].tolist() == pytest.approx(
        [interval.low[index], interval.high[index]]
    )
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        assert evaluate([*project, *groups]) == 0
        p = pd.read_csv(tmp_path / f"{name}_differences.csv")["p"]
        assert p.between(0.5, 1).all()  # two groups cannot say more
        capsys.readouterr()
        one_group = ["--data.groups", "^(.*)/", "--evaluation.baseline", "bird"]
        assert evaluate([*project, *one_group]) == 0
        out = capsys.readouterr().out
        assert "No interval can be had: there is only 1 group of 3 images" in out
        assert "[nan" not in out
        table = pd.read_csv(tmp_path / f"{name}_evaluation.csv")
        ends = [column for column in table if column.endswith(("_low", "_high"))]
        assert table[ends].isna().to_numpy().all()
        assert (pd.read_csv(tmp_path / f"{name}_differences.csv")["p"] == 1).all()
        with pytest.raises(UserError, match="finds no group in 3 of 3 image ids"):
            evaluate([*project, "--data.groups", "photograph"])


def test_label_sets_in_deeper_folders_of_runs_are_not_judged(
    project: list[str], tmp_path: Path
) -> None:
    for folder in ("student/Test", "study/cells/student/Test", "student/Validation"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / MANIFEST).write_text("{}")
    config, _ = load_config("", project)
    assert [*find_label_sets(shelves_of(config), []).sets] == [
        "bird",
        "white_crest",
        "student/Test",
    ]


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
        write_image(masks / mask.relative_to(labelled.parent / "masks"), np.ones((5, 5), np.uint8))
    with pytest.raises(UserError, match=r"the soft label is \(64, 64\)|\(61, 83\)"):
        evaluate_pixels([*project, "--data.masks", str(masks)])
    next(masks.rglob("*_09.png")).unlink()
    with pytest.raises(UserError, match="1 image has no mask"):
        evaluate_pixels([*project, "--data.masks", str(masks)])


def test_masks_of_0_and_255_are_judged_as_those_of_0_and_1(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    for mask in (labelled.parent / "masks").rglob("*.png"):
        write_image(masks / mask.relative_to(labelled.parent / "masks"), 255 * read_gray(mask))
    tables = []
    for more in ([], ["--data.masks", str(masks)]):
        assert evaluate_pixels([*project, *more]) == 0
        tables.append((tmp_path / "pixel_evaluation.csv").read_text())
    assert tables[0] == tables[1]


def test_named_classes_say_what_is_marked_of_each(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels(project) == 0
    before = (tmp_path / "pixel_evaluation.csv").read_text()
    assert "by class" not in capsys.readouterr().out
    assert not (tmp_path / "pixel_evaluation_classes.csv").exists()
    masks = tmp_path / "masks"
    for path in (labelled.parent / "masks").rglob("*.png"):
        mask = read_gray(path)
        mask[:, : mask.shape[1] // 2] *= 2  # what lies on the left is of another class
        write_image(masks / path.relative_to(labelled.parent / "masks"), mask)
    (masks / "classes.json").write_text('{"0": "sea", "1": "bird", "2": ["boat", "ship"]}')
    assert evaluate_pixels([*project, "--data.masks", str(masks)]) == 0
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


def test_recall_of_each_true_class_is_told_and_goes_where_a_later_run_has_one_class(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = load_config("", [*project])
    assert config.data.ground_truth is not None
    truth = pd.read_csv(config.data.ground_truth, sep=";")
    truth["obj_class"] = np.where(truth["xmin"] < 0.5, "left", "right")
    path = tmp_path / "truth.csv"
    truth.to_csv(path, sep=";", index=False)
    named = ["--data.ground_truth", str(path), "--data.ground_truth_format", "csv"]
    assert evaluate_boxes([*project, *named, "--data.ground_truth_classes", "[]"]) == 0
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
    assert evaluate_boxes([*project, *named, "--data.ground_truth_classes", "left"]) == 0
    said = capsys.readouterr().out
    assert "by class" not in said
    assert f"True boxes that count: left {left} (data.ground_truth_classes left; predicted" in said
    assert not (tmp_path / "bbox_evaluation_classes.csv").exists()


def test_labels_of_images_say_where_there_is_a_box(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = (labelled.parent / "splits" / "Test.txt").read_text().split("\n")[:-1]
    path = tmp_path / "labels.csv"
    path.write_text(f"image;label\n{ids[0]}.png;gull\n{ids[0]}.png;sea\n{ids[1]};\n")
    assert evaluate_boxes([*project, "--data.image_labels", str(path)]) == 0
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
        evaluate_boxes([*project, "--data.image_labels", str(path)])


def test_masks_without_an_anomaly_are_refused(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    others = sorted((labelled.parent / "masks").rglob("*.png"))
    for mask in others[:9]:
        write_image(masks / mask.relative_to(labelled.parent / "masks"), read_gray(mask))
    for mask in others[9:]:  # those of the test split
        nothing = np.zeros_like(read_gray(mask))
        write_image(masks / mask.relative_to(labelled.parent / "masks"), nothing)
    with pytest.raises(UserError, match="no mask of the split has an anomalous pixel"):
        evaluate_pixels([*project, "--data.masks", str(masks)])
    for mask in masks.rglob("*.png"):
        write_image(mask, np.zeros_like(read_gray(mask)))
    with pytest.raises(UserError, match=r"no mask in .* has an anomalous pixel: they are read"):
        evaluate_pixels([*project, "--data.masks", str(masks)])


def of_folders(labelled: Path, name: str) -> list[str]:
    """Write a list of the images of a folder; gives the option that names it."""
    images = sorted((labelled.parent / "images" / name).glob("*.png"))
    lines = [f"{name}/{path.stem}\n" for path in images]
    (labelled.parent / "splits" / f"{name[-1]}.txt").write_text("".join(lines), encoding="utf-8")
    return ["--data.test_split", name[-1]]


@pytest.mark.parametrize("groups", ["null", "möwe_([0-9])"])
def test_boxes_of_each_folder_are_judged_as_if_there_were_no_others(
    project: list[str],
    labelled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    groups: str,
) -> None:
    project = [*project, "--data.groups", groups]
    every = ["--data.test_split", "Train+Validation+Test"]
    assert evaluate_boxes([*project, *every]) == 0
    assert "F1 (thesis) by folder" in capsys.readouterr().out
    parts = pd.read_csv(tmp_path / "bbox_evaluation_parts.csv")
    assert set(parts["part"]) == {"flight 0", "flight 1"}
    for name in ("flight 0", "flight 1"):
        assert evaluate_boxes([*project, *of_folders(labelled, name)]) == 0
        assert "by folder" not in capsys.readouterr().out  # but by group, where there are two
        alone = pd.read_csv(tmp_path / "bbox_evaluation.csv")
        alone = alone[alone["split"].astype(str) == name[-1]].reset_index(drop=True)
        of_part = parts[parts["part"] == name].reset_index(drop=True)
        same = [column for column in of_part if column in alone and column != "split"]
        assert {"f1", "f1_low", "f1_high", "empty_share", "images", "true_negatives"} < set(same)
        pd.testing.assert_frame_equal(of_part[same], alone[same])


def test_pixels_of_each_folder_are_judged_as_scikit_learn_does(
    project: list[str], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_pixels([*project, "--data.test_split", "Train+Validation+Test"]) == 0
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
    project: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_boxes([*project, "--data.groups", "_([0-9]+)$"]) == 0
    said = capsys.readouterr().out
    assert "F1 (thesis) by group" in said
    assert "09 (1)" in said
    parts = pd.read_csv(tmp_path / "bbox_evaluation_parts.csv", dtype={"part": str})
    assert set(parts["part"]) == {"09", "10", "11"}
    assert parts["f1_low"].isna().all()  # one image says nothing of the spread


def test_pixels_count_above_what_one_of_each_box_exceeds(
    project: list[str], labelled: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "sure"
    shutil.copytree(labelled.parent / "label_sets" / "bird", copied)
    thresholds = ["--evaluation.threshold", "0.1", "--evaluation.min_confidence", "0.6"]
    given = [*project, *thresholds, "--evaluation.soft_labels", str(copied)]
    assert util.csv_from_soft_labels.main(given) == 0
    for options, expected in (([], 0.6), (thresholds[:2], 0.1)):
        named = ["--evaluation.predictions", str(copied)]
        assert evaluate_pixels([*project, *named, *options]) == 0
        assert pd.read_csv(tmp_path / "pixel_evaluation.csv")["threshold"].item() == expected


def test_figures_of_parts_go_where_a_later_run_of_the_split_has_none(
    project: list[str], tmp_path: Path
) -> None:
    every = ["--data.test_split", "Train+Validation+Test"]
    for evaluate, name in ((evaluate_boxes, "bbox"), (evaluate_pixels, "pixel")):
        path = tmp_path / f"{name}_evaluation_parts.csv"
        by_group = ["--data.groups", "_([0-9]+)$"]
        for options in (every, by_group):
            assert evaluate([*project, *options]) == 0
        assert set(pd.read_csv(path)["split"]) == {every[1], "Test"}
        assert evaluate(project) == 0
        assert set(pd.read_csv(path)["split"]) == {every[1]}
        path.unlink()
        for options in (by_group, []):
            assert evaluate([*project, *options]) == 0
        assert not path.exists()
