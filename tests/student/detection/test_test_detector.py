"""Testing detectors on painted cameras."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import student.detection.test_detector
from tests.student.detection.painted_cameras import paint_cameras, train
from tests.util.learning.stopping import StoppedError, stopping_at_write
from util.errors import UserError
from util.label_set import LabelSet


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained detector; each test has a split of its own to test it on."""
    config = paint_cameras(tmp_path_factory.mktemp("trained"))
    train(config, "--detector.epochs", "12")
    return config


def try_on(config: Path, split: str, *options: str) -> Path:
    """Test the detector on a split, the frames of the test split where it is new."""
    path = config.parent / "splits" / f"{split}.txt"
    if not path.exists():
        path.write_text(path.with_stem("Test").read_text())
    given = ["--config", str(config), "--data.test_split", split, *options]
    assert student.detection.test_detector.main(given) == 0
    return config.parent / "runs/detector" / split


def test_its_boxes_are_a_label_set_and_judged_camera_by_camera(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = try_on(trained, "Test")
    label_set = LabelSet(folder, needs_maps=False)
    assert len(label_set.ids) == 8
    made_by = label_set.manifest["settings"]
    assert (made_by["producer"], made_by["confidence"]) == ("detector", 0.01)
    boxes = pd.read_csv(folder / "prediction.csv", sep=";")
    assert set(boxes["obj_class"]) == {"boat", "gull"}
    table = pd.read_csv(f"{folder}_metrics.csv").set_index("camera")
    assert table.index.tolist() == ["cam1", "cam2", "all"]
    assert table["frames"].tolist() == table["truths"].tolist() == [4, 4, 8]
    assert table.loc["all", "mAP50"] > 0.5
    assert (table["mAP50-95"] <= table["mAP50"]).all()
    said = capsys.readouterr().out
    assert "8 images looked at" in said
    assert "groups of" in said
    assert re.search(r"^True boxes that count: \w+ [1-9].*\.$", said, re.MULTILINE)
    assert "cross_performance.py" in said


def test_without_ground_truth_it_finds_boxes_alone(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = try_on(trained, "Unknown", "--data.ground_truth", "null")
    assert len(LabelSet(folder, needs_maps=False).ids) == 8
    assert not Path(f"{folder}_metrics.csv").exists()
    said = capsys.readouterr().out
    assert "nothing to judge the boxes by" in said
    assert f"select_frames.py --streams.label_set {folder} " in said  # which needs no truth


def test_a_stopped_test_goes_on_and_other_settings_are_refused(trained: Path) -> None:
    whole = try_on(trained, "Whole")
    with stopping_at_write(3), pytest.raises(StoppedError):
        try_on(trained, "Stopped")
    stopped = try_on(trained, "Stopped")
    for name in ("/prediction.csv", "_metrics.csv"):
        assert Path(f"{whole}{name}").read_bytes() == Path(f"{stopped}{name}").read_bytes()
    with pytest.raises(UserError, match=r"confidence.*--overwrite"):
        try_on(trained, "Stopped", "--detector.confidence", "0.5")
    try_on(trained, "Stopped", "--detector.confidence", "0.5", "--overwrite")
    sure = pd.read_csv(stopped / "prediction.csv", sep=";")
    assert sure["confidence"].min() >= 0.5
    assert len(sure) < len(pd.read_csv(whole / "prediction.csv", sep=";"))


def test_the_most_boxes_of_an_image_are_the_surest(trained: Path) -> None:
    folder = try_on(trained, "One", "--detector.max_boxes", "1")
    boxes = pd.read_csv(folder / "prediction.csv", sep=";")
    assert boxes["image"].is_unique
    every = pd.read_csv(try_on(trained, "Every") / "prediction.csv", sep=";")
    surest = every.groupby("image")["confidence"].max()
    found = boxes.set_index("image")["confidence"].reindex(surest.index)
    np.testing.assert_allclose(found, surest)


def test_frames_that_it_has_learnt_from_are_told_where_it_is_judged_on_them(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    splits = trained.parent / "splits"
    known, new = ((splits / f"{n}.txt").read_text().splitlines() for n in ("Train", "Test"))
    (splits / "Known.txt").write_text("\n".join([*new, *known[:2]]))
    try_on(trained, "Known", "--data.ground_truth", "null")
    assert "has learnt from" not in caplog.text
    try_on(trained, "Known")
    assert (
        f"has learnt from 2 of {len(new) + 2} images of Known that it is judged on, so its "
        f"figures are too good: {known[0]}, {known[1]}\n"
    ) in caplog.text


def test_an_image_that_cannot_be_read_is_failed_and_judged_as_one_without_boxes(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (trained.parent / "images/cam1/bad.png").write_bytes(b"no image")
    split = trained.parent / "splits/Bad.txt"
    split.write_text(split.with_stem("Test").read_text() + "cam1/bad\n")
    given = ["--config", str(trained), "--data.test_split", "Bad"]
    assert student.detection.test_detector.main(given) == 1
    folder = trained.parent / "runs/detector/Bad"
    assert list(LabelSet(folder, needs_maps=False).failed) == ["cam1/bad"]
    assert "has failed on frames, which count as without boxes: cam1/bad\n" in caplog.text
    table = pd.read_csv(f"{folder}_metrics.csv").set_index("camera")
    assert table["frames"].tolist() == [5, 4, 9]


def test_bad_input_is_one_sentence(trained: Path) -> None:
    for options, message in (
        (["--detector.run", "nowhere"], r"does not exist; train first: .*train_detector\.py"),
        (["--detector.epochs", "3"], r"detector\.epochs"),
        (["--detector.checkpoint", str(trained.parent)], r"is a folder; give a file in it"),
        (["--data.test_split", "Nowhere"], "Nowhere"),
    ):
        with pytest.raises(UserError, match=message):
            student.detection.test_detector.main(["--config", str(trained), *options])


def test_frames_without_a_time_are_refused_before_the_work(trained: Path) -> None:
    with pytest.raises(UserError, match=r"streams\.time .* finds no number in"):
        try_on(trained, "Timeless", "--streams.time", "clock([0-9]+)")
    assert not (trained.parent / "runs/detector/Timeless").exists()


def test_a_checkpoint_of_something_else_is_no_detector(trained: Path) -> None:
    path = trained.parent / "runs/detector/run.json"
    with pytest.raises(UserError, match="no checkpoint that can be read safely"):
        try_on(trained, "Else", "--detector.checkpoint", str(path))
    assert "learnt_from" in json.loads(path.read_text())


def test_figures_of_other_boxes_do_not_stay_beside_new_ones(trained: Path) -> None:
    folder = try_on(trained, "Judged")
    metrics = Path(f"{folder}_metrics.csv")
    before = metrics.read_bytes()
    try_on(trained, "Judged", "--data.ground_truth", "null")
    assert metrics.read_bytes() == before  # the boxes are the same
    no_truth = ("--data.ground_truth", "null", "--overwrite")
    try_on(trained, "Judged", "--detector.confidence", "0.5", *no_truth)
    assert not metrics.exists()
