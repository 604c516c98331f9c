"""The compression curve: costs counted by hand, scores against scikit-learn, one run end to end."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import jaccard_score

import analysis.compression_curve
from analysis.compression.costs import count_multiply_adds, measure_costs
from analysis.compression.measuring import count_overlaps
from analysis.compression.planning import without_logits
from student.losses import LossSettings
from tests.student.inference.test_label_sets import make_student
from tests.student.test_distill import arguments, taught
from tests.util.test_label_set_from_truth import write_truth
from util.config import LossName
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import read_image
from util.label_set import Content, LabelSet, LabelSetWriter
from util.learning.checkpoint import save_checkpoint
from util.learning.networks.models import Architecture, build_model
from util.metrics.scores import iou

__all__ = ["taught"]

pytestmark = pytest.mark.usefixtures("exported_once")

FAST = ["--student.epochs", "1", "--study.processes", "1", "--compression.training_seeds", "0"]

run = analysis.compression_curve.main


def test_multiply_adds_are_those_of_the_convolutions() -> None:
    model = build_model(Architecture("unet", width=4, depth=1, encoder="")).eval()
    at_full, at_half = 16 * 24, 8 * 12
    stem = at_full * 9 * (3 * 4 + 4 * 4)
    down = at_half * 9 * (4 * 8 + 8 * 8)
    up = at_full * 9 * (12 * 4 + 4 * 4)
    assert count_multiply_adds(model, (16, 24)) == stem + down + up + at_full * 4


def test_costs_are_measured_for_each_student(tmp_path: Path) -> None:
    paths = {}
    for width in (2, 8):
        architecture = Architecture("unet", width, 1, "")
        content = {"model": build_model(architecture).state_dict()}
        paths[f"{width}"] = tmp_path / f"{width}.pt"
        save_checkpoint(paths[f"{width}"], {**content, "architecture": architecture.as_dict()})
    costs = measure_costs(paths, (64, 64))
    small, large = costs["2"], costs["8"]
    model = build_model(Architecture("unet", 2, 1, ""))
    assert small.parameters == sum(values.numel() for values in model.parameters())
    assert large.multiply_adds > 8 * small.multiply_adds
    assert large.file_kb > small.file_kb > 4 * small.parameters / 1000
    assert small.cpu_ms > 0


def test_overlaps_equal_scikit_learns_and_ignore_what_does_not_count(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    maps = {name: rng.random((2, 9, 11)) for name in ("found", "truth")}
    weights = (rng.random((2, 9, 11)) < 0.7).astype(float)
    for name, (first, second) in maps.items():
        with LabelSetWriter(tmp_path / name, {"producer": name}) as writer:
            for image_id, index, soft_label in (("a", 0, first), ("b", 1, second)):
                given = weights[index] if name == "truth" else None
                writer.add(image_id, Content(soft_label, weights=given), "1", 0)
            writer.finish(BoxSettings(0.3 if name == "found" else 0.5))
    runs = {("x", "y"): [tmp_path / "found"]}
    (counts,) = count_overlaps(runs, LabelSet(tmp_path / "truth"), ["a", "b"])["x", "y"]
    counted = weights.astype(bool)
    masks = [(maps[name] > least)[counted] for name, least in (("truth", 0.5), ("found", 0.3))]
    assert iou(counts.sum(axis=0)) == pytest.approx(jaccard_score(*masks))
    assert iou(np.zeros((3, 2))).tolist() == [1, 1, 1]


def test_the_curve_has_a_row_a_student_and_training_and_is_kept(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_truth(taught) == 0
    options = [*FAST, "--compression.widths", "2", "--student.losses", "kd=1"]
    assert run(arguments(taught, *options, "--compression.labels", "truth")) == 0
    folder = taught.parent / "runs" / "compression"
    table = pd.read_csv(folder / "compression.csv")
    assert table[["training", "student"]].to_numpy().tolist() == [
        ["teacher", "teacher"],
        ["distilled", "unet 2"],
        ["labels", "unet 2"],
    ]
    teacher = table.iloc[0]
    assert teacher["iou_with_teacher"] == 1
    assert teacher["parameters"] == sum(v.numel() for v in make_student().parameters())
    scores = ("iou", "iou_with_teacher", "f1")
    for score in scores:
        ends = table[[f"{score}_low", score, f"{score}_high"]].to_numpy()
        assert (np.diff(ends, axis=1) >= -1e-9).all()
    assert read_image(folder / "compression.png").shape[1] > 1000
    differences = pd.read_csv(folder / "compression_differences.csv")
    student, learnt = "unet 2, distilled", "unet 2, labels"
    against_teacher = [[student, "teacher"], [learnt, "teacher"]]
    assert {
        key: rows[["a", "b"]].to_numpy().tolist()
        for key, rows in differences.groupby(["score", "family"])
    } == {
        **{(score, "distilled minus labels"): [[student, learnt]] for score in scores},
        **{(score, "student minus teacher"): against_teacher for score in ("iou", "f1")},
    }
    row = differences[(differences["score"] == "iou") & (differences["b"] == learnt)].iloc[0]
    assert row["difference"] == pytest.approx(table["iou"][1] - table["iou"][2])
    assert row["low"] <= row["difference"] <= row["high"]
    assert 0 < row["p"] <= row["p_holm"] <= 1
    out = capsys.readouterr().out
    assert "unet 2, distilled - unet 2, labels" in out
    assert "Intervals are 95 % bootstrap intervals over 3 images" in out
    told = json.loads((folder / "config.json").read_text())
    assert told["compression"]["labels"] == "truth"
    cells = {p: p.stat().st_mtime_ns for p in (taught.parent / "cells").rglob("*.pt")}
    assert len(cells) == 4  # best.pt and last.pt of two students
    capsys.readouterr()
    alone = [*options, "--data.ground_truth", "null"]  # judged by the teacher, and nothing is new
    assert run(arguments(taught, *alone)) == 0
    table = pd.read_csv(folder / "compression.csv")
    assert table["training"].tolist() == ["teacher", "distilled"]
    assert not {"iou", "f1"} & set(table)
    assert "iou_with_teacher" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in (taught.parent / "cells").rglob("*.pt")} == cells
    assert pd.read_csv(folder / "compression_differences.csv").empty


def test_a_test_image_that_cannot_be_read_is_left_out_and_said(
    taught: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = (taught.parent / "splits/Test.txt").read_text("utf-8").splitlines()
    (taught.parent / "images" / f"{tests[0]}.png").write_text("no image")
    content = json.loads(taught.read_text())
    content["compression"] = {"widths": [2], "training_seeds": [0]}
    taught.write_text(json.dumps(content))
    assert write_truth(taught) == 1
    options = [*FAST, "--student.losses", "kd=1", "--compression.labels", "truth"]
    assert run(arguments(taught, *options)) == 0
    assert f"Left out: 1 test image that cannot be read: {tests[0]}" in capsys.readouterr().out
    assert len(pd.read_csv(taught.parent / "runs/compression/compression.csv")) == 3
    for image_id in tests:
        (taught.parent / "images" / f"{image_id}.png").write_text("no image")
    with pytest.raises(UserError, match="no Test image can be read"):
        run(arguments(taught, *options))


def test_a_student_that_fails_is_named(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(taught.read_text())
    content["compression"] = {"widths": [], "architectures": ["Nonsense"]}
    taught.write_text(json.dumps(content))
    assert run(arguments(taught, *FAST)) == 1
    err = capsys.readouterr().err
    assert "1 of 2 cells failed: Nonsense, distilled, seed 0" in err
    assert "expected unet, encoder_unet or one of" in err


@pytest.mark.parametrize(
    ("losses", "left"),
    [
        ({"kd": 1, "kl": 0}, {"kl": 1}),
        ({"kd": 1, "gated_crf": 0.1}, {"gated_crf": 0.1, "kl": 1}),
        ({"kd": 1, "jaccard": 0.5}, {"jaccard": 0.5}),
    ],
)
def test_students_of_labels_learn_by_what_looks_at_labels(
    losses: dict[LossName, float], left: dict[LossName, float]
) -> None:
    assert without_logits(losses) == left
    LossSettings(left)  # refuses what looks at none


def test_bad_input_is_one_sentence(taught: Path) -> None:
    assert write_truth(taught, "--split", "Train", "--name", "few") == 0
    for options, message in (
        (["--compression.labels", "nowhere"], "nowhere does not exist"),
        (["--teacher.checkpoint", "x.pt"], "x.pt"),
        (["--teacher.checkpoint", "x.onnx"], r"give the \.pt"),
        (["--compression.labels", "few"], "few lacks 3 of 3 test images"),
        (["--data.groups", "photograph"], "finds no group in 3 of 3 image ids"),
        (["--student.architecture", "FPN"], r"compression.widths \[32, 16, 8, 4\] are of unet or"),
    ):
        with pytest.raises(UserError, match=message):
            run(arguments(taught, *FAST, *options))
    content = json.loads(taught.read_text())
    content["compression"] = {"widths": []}
    taught.write_text(json.dumps(content))
    with pytest.raises(UserError, match="name a student to train"):
        run(arguments(taught))
