"""A classifier from labelled pictures to a run."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import teacher.cam.learning.training
import teacher.cam.train_classifier
from teacher.cam.judging import find_logit, resize_to_area
from teacher.cam.network import TrainedClassifier
from tests.conftest import ROOT
from tests.student.test_parallel import launch
from tests.teacher.cam.conftest import paint
from util.config.command_line import load_config
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")

train = teacher.cam.train_classifier.main


def test_it_learns_which_pictures_show_a_cloud(clouds: Path) -> None:
    run = clouds.parent / "runs/classifier"
    metrics = pd.read_csv(run / "metrics.csv")
    assert len(metrics) == 8
    assert metrics["val_auc"].max() > 0.9
    trained = TrainedClassifier.load(run / "best.pt")
    for number in range(40, 52):  # that it has never seen
        logit = find_logit(trained.network, paint(number, number % 3 == 0)[0])
        assert (1 / (1 + np.exp(-logit)) >= trained.threshold) == (number % 3 == 0)


def test_a_run_holds_what_others_hold_and_the_best_epoch_with_its_threshold(clouds: Path) -> None:
    run = clouds.parent / "runs/classifier"
    names = {"best.pt", "last.pt", "config.json", "run.json", "metrics.csv", "curves.png"}
    assert names <= {path.name for path in run.iterdir()}
    metrics = pd.read_csv(run / "metrics.csv")
    ranked = metrics.sort_values(["val_auc", "val_loss"], ascending=[False, True])
    best, facts = read_checkpoint(run / "best.pt"), json.loads((run / "run.json").read_text())
    assert best["epoch"] == facts["best"]["epoch"] == ranked["epoch"].iloc[0]
    assert best["val_threshold"] == facts["best"]["val_threshold"]
    assert best["val_threshold"] == pytest.approx(ranked["val_threshold"].iloc[0], abs=1e-5)
    assert [image_id for image_id, _ in facts["chosen_on"]] == [f"{n}" for n in range(24, 36)]


def test_both_kinds_count_alike_in_the_loss_unless_a_weight_is_given(
    cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    plain = teacher.cam.learning.training.measure

    def measure(pos_weight: float, *given: object) -> object:
        seen.add(pos_weight)
        return plain(pos_weight, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.cam.learning.training, "measure", measure)
    short = ["--config", str(cloud), "--classifier.epochs", "1", "--classifier.run"]
    assert train([*short, "balanced"]) == 0
    assert seen == {2.0}  # 16 pictures show none and 8 show one
    assert train([*short, "weighted", "--classifier.pos_weight", "5"]) == 0
    assert seen == {2.0, 5.0}


def test_a_stopped_training_ends_as_if_it_had_not_been(
    cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    plain = teacher.cam.learning.training.measure

    def measure(*given: object) -> object:
        seen.append(given)
        if len(seen) == 11:  # of 4 batches an epoch
            raise KeyboardInterrupt
        return plain(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.cam.learning.training, "measure", measure)
    arguments = ["--config", str(cloud), "--classifier.run", "stopped"]
    with pytest.raises(KeyboardInterrupt):
        train(arguments)
    runs = cloud.parent / "runs"
    assert read_checkpoint(runs / "stopped/last.pt")["epoch"] == 2
    assert train(arguments) == 0
    assert len(seen) == 11 + 6 * 4
    for name in ("best.pt", "last.pt"):
        straight, resumed = (
            read_checkpoint(runs / run / name) for run in ("classifier", "stopped")
        )
        assert straight["epoch"] == resumed["epoch"]
        assert straight["val_threshold"] == resumed["val_threshold"]
        for key, weights in straight["model"].items():
            assert torch.equal(resumed["model"][key], weights), key


def test_a_finished_run_is_left_alone_and_other_labels_are_another_training(cloud: Path) -> None:
    checkpoint = cloud.parent / "runs/classifier/best.pt"
    before = checkpoint.stat().st_mtime_ns
    assert train(["--config", str(cloud)]) == 0
    assert checkpoint.stat().st_mtime_ns == before
    table = cloud.parent / "labels.csv"
    table.write_text(table.read_text().replace("01.png;chimney", "01.png;smoke"))
    with pytest.raises(UserError, match=r"was made with other settings .*labels"):
        train(["--config", str(cloud)])


def test_two_processes_train_as_one_would(cloud: Path) -> None:
    script = str(ROOT / "teacher/cam/train_classifier.py")
    told = ["--config", str(cloud), "--classifier.epochs", "1"]
    launch(2, script, *told, "--classifier.batch_size", "3", "--classifier.run", "two")
    assert train([*told, "--classifier.run", "one"]) == 0
    two, one = (
        pd.read_csv(cloud.parent / f"runs/{run}/metrics.csv").iloc[0] for run in ("two", "one")
    )
    for name in ("train_loss", "val_loss", "val_auc"):
        assert two[name] == pytest.approx(one[name], rel=1e-3), name


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("network", "test_vit_relpos", "cannot say where it sees what it finds"),
        ("network", "resnet5", "'resnet5', which timm has not"),
        ("weights", "efficientnet-lite0", r"classifier\.weights is 'efficientnet-lite0', which"),
        ("positive_labels", "fog", "no image of the split Train has a label of classifier"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_run(
    cloud: Path, key: str, value: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        train(["--config", str(cloud), "--classifier.run", "new", f"--classifier.{key}", value])
    assert not (cloud.parent / "runs/new").exists()


def test_layers_are_listed_without_training_or_images(
    cloud: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cloud.parent / "labels.csv").unlink()
    told = ["--config", str(cloud), "--classifier.network", "test_vit", "--classifier.run", "new"]
    assert train([*told, "--layers"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("test_vit at 64 x 64 pixels: layers for cam.layer")
    assert "  blocks.5.norm1                          64 x 4 x 4  (the default)" in lines
    assert not (cloud.parent / "runs/new").exists()
    with pytest.raises(UserError, match="'resnet5', which timm has not"):
        train(["--config", str(cloud), "--layers", "--classifier.network", "resnet5"])


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [((100, 100), (64, 64)), ((50, 200), (32, 128)), ((1, 4096), (1, 4096)), ((3, 1), (111, 37))],
)
def test_images_are_judged_at_one_area_in_their_own_proportions(
    size_hw: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert resize_to_area(np.zeros((*size_hw, 3), np.uint8), 64).shape == (*expected, 3)


@pytest.mark.parametrize(("given", "is_stride"), [("8", True), ("null", True), ("12", False)])
def test_the_command_line_knows_strides(given: str, is_stride: bool) -> None:
    arguments = ["--classifier.output_stride", given]
    if is_stride:
        config, _ = load_config("", arguments, reads={"classifier.output_stride"})
        assert config.classifier.output_stride == (None if given == "null" else 8)
    else:
        with pytest.raises(UserError, match="expected 8, 16, 32 or null"):
            load_config("", arguments, reads={"classifier.output_stride"})
