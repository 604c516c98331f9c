"""Training detectors on painted cameras."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import ROOT
from tests.student.detection.painted_cameras import COLOURS, paint_cameras, train, write_boxes
from tests.student.test_parallel import launch
from tests.util.learning.stopping import StoppedError, stopping_at_write
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint
from util.streams.writing import MANIFEST

SHORT = ["--detector.epochs", "2"]


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    return paint_cameras(tmp_path)


def weights(run: Path, name: str = "best.pt") -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(run / name)["model"])


def refused(cameras: Path, *options: str) -> str:
    with pytest.raises(UserError) as error:
        train(cameras, *options)
    return str(error.value)


def facts(run: Path) -> dict[str, object]:
    return dict(json.loads((run / "run.json").read_text()))


def test_it_learns_what_there_is_to_find(cameras: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(cameras)
    curve = pd.read_csv(run / "metrics.csv")
    assert len(curve) == 16
    assert curve["val_ap50"].iloc[-1] > 0.5 > 0.1 > curve["val_ap50"].iloc[0]
    assert curve["val_loss"].iloc[-1] < curve["val_loss"].iloc[0] / 2
    told = facts(run)
    assert told["learnt_from"] == {"cameras": ["cam1", "cam2"], "frames": 24, "selection": None}
    assert told["labels"] == str(cameras.parent / "truth.csv")
    assert read_checkpoint(run / "best.pt")["detector"]["classes"] == sorted(COLOURS)
    assert (run / "curves.png").stat().st_size > 5_000
    said = capsys.readouterr().out
    assert f"average precision {curve['val_ap50'].iloc[-1]:.3f} (IoU 0.5)" in said
    assert "test_detector.py --detector.run detector" in said
    assert "24 training images with 12 boat, 12 gull of " in (run / "train.log").read_text()


def test_a_seed_decides_all_and_threads_decide_nothing(cameras: Path) -> None:
    runs = [
        train(cameras, *SHORT, "--detector.run", name, *more)
        for name, *more in (
            ["one"],
            ["again", "--detector.num_workers", "0"],
            ["other", "--detector.seed", "1"],
        )
    ]
    one, again, other = map(weights, runs)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["locate.weight"], other["locate.weight"])


def test_a_stopped_run_goes_on_to_the_bit(cameras: Path) -> None:
    given = ["--detector.epochs", "3", "--detector.run"]
    whole = train(cameras, *given, "whole")
    with stopping_at_write(9), pytest.raises(StoppedError):
        train(cameras, *given, "stopped")
    stopped = cameras.parent / "runs/stopped"
    assert 0 < len(pd.read_csv(stopped / "metrics.csv")) < 3
    train(cameras, *given, "stopped")
    for name in ("best.pt", "last.pt"):
        one, other = weights(whole, name), weights(stopped, name)
        assert all(torch.equal(one[key], other[key]) for key in one)
    columns = ["epoch", "learning_rate", "train_loss", "val_loss", "val_ap50", "val_ap"]
    curves = [pd.read_csv(run / "metrics.csv")[columns] for run in (whole, stopped)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(cameras: Path) -> None:
    curves, slow = {}, ["--detector.learning_rate", "2e-4"]  # at which rounding hardly grows
    for count, batch_size in ((1, 4), (2, 2)):
        told = ["--detector.run", f"{count}", "--detector.batch_size", str(batch_size)]
        options = [*told, *SHORT, *slow]
        script = str(ROOT / "student/detection/train_detector.py")
        launch(count, script, "--config", str(cameras), *options)
        curves[count] = pd.read_csv(cameras.parent / f"runs/{count}/metrics.csv")
    # Without synchronised normalisation they are 0.2 and 2 % apart.
    for column in ("train_loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(curves[2][column], curves[1][column], rtol=1e-3, err_msg=column)
    np.testing.assert_allclose(curves[2]["val_ap50"], curves[1]["val_ap50"], atol=0.01)


def test_it_goes_on_from_another_run_of_the_same_classes_and_shape(cameras: Path) -> None:
    first = train(cameras, *SHORT, "--detector.run", "first")
    slow = ["--detector.epochs", "1", "--detector.learning_rate", "1e-9"]
    start = [*slow, "--detector.start", "first", "--detector.run", "second"]
    second = train(cameras, *start, "--detector.weight_decay", "0")
    one, other = weights(first), weights(second)
    for name in ("classify.weight", "locate.bias"):
        torch.testing.assert_close(one[name], other[name], atol=1e-6, rtol=0)
    told = facts(second)
    assert isinstance(told["settings"], dict)
    assert len(told["settings"]["start"]) >= 16
    message = refused(cameras, *start, "--overwrite", "--detector.width", "6")
    assert message.endswith(
        "best.pt has width 4, where width 6 is asked for; set them alike, or start with another run"
    )
    message = refused(cameras, *start, "--overwrite", "--detector.classes", "gull")
    assert "has classes ['boat', 'gull'], where classes ['gull'] is asked for" in message
    assert "nowhere" in refused(cameras, "--detector.start", "nowhere")


def test_boxes_of_a_label_set_are_learnt_in_place_of_the_truth(cameras: Path) -> None:
    write_boxes(cameras, "teacher")
    given = ["--detector.label_set", "teacher", "--data.ground_truth", "null", *SHORT]
    run = train(cameras, *given)
    assert facts(run)["labels"] == "teacher"
    truth = train(cameras, *SHORT, "--detector.run", "truth")
    one, other = weights(run), weights(truth)
    # Corners of the label set are rounded elsewhere than those of the truth.
    torch.testing.assert_close(one["locate.bias"], other["locate.bias"], atol=0.02, rtol=0)
    message = refused(cameras, *given, "--overwrite", "--detector.min_confidence", "0.95")
    assert "teacher, split Train: no frame has a box, so there is nothing to learn" in message
    assert "lower detector.min_confidence" in message


def test_frames_without_labels_and_unknown_classes_are_one_sentence(cameras: Path) -> None:
    write_boxes(cameras, "few", without=["cam1/frame_0", "cam2/frame_12"])
    message = refused(cameras, "--detector.label_set", "few")
    assert "2 of 32 images are not in the label set few: cam1/frame_0, cam2/frame_12" in message
    assert message.endswith("label them first")
    message = refused(cameras, "--detector.classes", '["gull", "whale", "crab"]')
    assert (
        "split Train: there is no box of whale, crab (detector.classes), but of: boat, gull"
        in message
    )
    assert not (cameras.parent / "runs").exists()


def test_other_classes_count_as_nothing(cameras: Path) -> None:
    run = train(cameras, *SHORT, "--detector.classes", "boat")
    assert read_checkpoint(run / "best.pt")["detector"]["classes"] == ["boat"]
    assert "24 training images with 12 boat of " in (run / "train.log").read_text()


def test_the_epoch_that_is_kept_is_the_last_or_the_best_on_validation(cameras: Path) -> None:
    for best_epoch in ("average_precision", "last"):
        options = ["--detector.best_epoch", best_epoch, "--detector.run", best_epoch]
        run = train(cameras, *options, "--detector.epochs", "10")
        curve = pd.read_csv(run / "metrics.csv")
        best = facts(run)["best"]
        assert isinstance(best, dict)
        by_precision = curve.sort_values(["val_ap50", "val_loss"], ascending=[False, True])
        wanted = by_precision if best_epoch == "average_precision" else curve[::-1]
        assert best["epoch"] == wanted["epoch"].iloc[0]


def test_a_run_of_other_settings_or_boxes_is_refused(cameras: Path) -> None:
    run = train(cameras, *SHORT)
    before = (run / "best.pt").read_bytes()
    assert "give --overwrite" in refused(cameras, *SHORT, "--detector.width", "6")
    path = cameras.parent / "truth.csv"
    path.write_text(path.read_text().replace(";boat;", ";ship;"))
    assert "labels" in refused(cameras, *SHORT)
    assert (run / "best.pt").read_bytes() == before


def test_what_the_choice_of_frames_says_is_kept_with_the_run(cameras: Path) -> None:
    splits = cameras.parent / "splits"
    settings = {"strategy": "n_first", "splits": ["Train", "Validation"]}
    (splits / MANIFEST).write_text(json.dumps({"settings": settings}))
    (splits / "Train.txt").write_text("".join(f"cam2/frame_{n}\n" for n in range(12)))
    run = train(cameras, *SHORT)
    assert facts(run)["learnt_from"] == {
        "cameras": ["cam2"],
        "frames": 12,
        "selection": settings,
    }


def test_a_class_that_is_named_twice_is_refused(cameras: Path) -> None:
    with pytest.raises(UserError, match="each class once"):
        train(cameras, "--detector.classes", '["gull", "gull"]')
