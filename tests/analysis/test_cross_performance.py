"""Every student on every camera: painted cameras, two detectors and a label set."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis.cluster_cameras
import analysis.cross_performance
import student.detection.test_detector
from analysis.streams import cross_testing
from tests.student.detection.painted_cameras import paint_cameras, train, write_boxes
from util.errors import UserError
from util.running.locks import BusyError


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Painted cameras and the student of each, trained on its own frames alone."""
    config = paint_cameras(tmp_path_factory.mktemp("cross"))
    splits = config.parent / "splits"
    for camera in ("cam1", "cam2"):
        for split in ("Train", "Validation"):
            ids = [i for i in (splits / f"{split}.txt").read_text().split() if i[:4] == camera]
            (splits / f"{split}_{camera}.txt").write_text("\n".join(ids) + "\n")
        options = ["--data.train_split", f"Train_{camera}"]
        options += ["--data.validation_split", f"Validation_{camera}"]
        train(config, *options, "--detector.run", f"of_{camera}")
    write_boxes(config, "teacher")
    return config


def compare(project: Path, *options: str) -> pd.DataFrame:
    given = ["--config", str(project), *(f"--cross_performance.{each}" for each in options)]
    assert analysis.cross_performance.main(given) == 0
    return pd.read_csv(project.parent / "runs/cross_performance/inference_results.csv")


def test_each_student_has_a_row_a_camera_beside_the_teacher_and_none_is_tested_twice(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = compare(project, "baselines=teacher", "dataset=painted")
    assert sorted(zip(table["run_id"], table["target_domain"], strict=True)) == [
        (run, camera) for run in ("of_cam1", "of_cam2", "teacher") for camera in ("cam1", "cam2")
    ]
    student = table[table["run_id"] == "of_cam1"].iloc[0]
    told = ["source_dataset", "source_domain", "student", "strategy", "samples"]
    assert student[told].tolist() == ["painted", "cam1", "plain-4", "given", 12]
    assert student["teacher"] == str(project.parent / "truth.csv")
    assert student[["epochs", "best/epoch", "epochs_asked"]].tolist() == [16, 16, 16]
    teacher = table[table["run_id"] == "teacher"]
    assert (teacher["mAP50"] == 1).all()  # its boxes are the truth
    assert (teacher["samples"] == 0).all()
    own = table[
        [
            run[-4:] == camera
            for run, camera in zip(table["run_id"], table["target_domain"], strict=True)
        ]
    ]
    assert (own["mAP50"] > 0.3).all()
    folder = project.parent / "runs/cross_performance"
    for metric in ("mAP50", "mAP50-95", "precision", "recall"):
        assert (folder / f"cross_{metric}.png").stat().st_size > 5_000
    assert "6 rows; 2 students tested" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr("student.detection.predicting.open_detector", None)
        again = compare(project, "baselines=teacher", "dataset=painted")
    pd.testing.assert_frame_equal(
        again.sort_values(["run_id", "target_domain"], ignore_index=True),
        table.sort_values(["run_id", "target_domain"], ignore_index=True),
    )
    assert "6 rows; 0 students tested" in capsys.readouterr().out


def test_a_detector_may_be_a_baseline_and_is_no_student_then(project: Path) -> None:
    given = ["--config", str(project), "--cross_performance.name", "other"]
    assert (
        analysis.cross_performance.main([*given, "--cross_performance.baselines", "of_cam2"]) == 0
    )
    table = pd.read_csv(project.parent / "runs/other/inference_results.csv")
    strategies = table.groupby("run_id")["strategy"].unique().map(list).to_dict()
    assert strategies == {"of_cam1": ["given"], "of_cam2": ["of_cam2"]}


def test_cameras_are_clustered_by_the_table(project: Path) -> None:
    compare(project, "baselines=teacher")
    assert analysis.cluster_cameras.main(["--config", str(project), "--clusters.count", "2"]) == 0
    folder = project.parent / "runs/clusters"
    assert json.loads((folder / "clusters.json").read_text())["clusters"] == {
        "1": ["cam1"],
        "2": ["cam2"],
    }
    scores = pd.read_csv(folder / "cross_performance.csv")
    assert len(scores) == 2


def test_what_cannot_be_compared_is_one_sentence(project: Path) -> None:
    with pytest.raises(UserError, match=r"no finished detector nobody, but: of_cam1, of_cam2;"):
        compare(project, "students=nobody")
    with pytest.raises(UserError, match="nothing to test students by"):
        analysis.cross_performance.main(["--config", str(project), "--data.ground_truth", "null"])
    write_boxes(project, "few", without=["cam1/frame_0", "cam1/frame_17"])
    with pytest.raises(UserError, match=r"1 of 8 frames of the split Test are not in .*few"):
        compare(project, "baselines=few")
    with pytest.raises(UserError, match="nowhere"):
        compare(project, "baselines=nowhere")
    twins = "baselines=of_cam1/Test", "baselines=of_cam2/Test"
    with pytest.raises(UserError, match="one row: of_cam1/Test = of_cam2/Test; give one"):
        compare(project, *twins)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--detector.confidence=0.5", "confidence: 0.01 -> 0.5"),
        ("--data.test_split=Validation", "split: 'Test' -> 'Validation', other frames than then"),
        ("--data.ground_truth=others.csv", "other truths than then"),
        ("--streams.block=1", "block: 10 -> 1"),
    ],
)
def test_rows_of_another_test_are_not_taken_for_those_of_this_one(
    project: Path, option: str, told: str
) -> None:
    table = compare(project)
    truth = (project.parent / "truth.csv").read_text()
    (project.parent / "others.csv").write_text(truth.replace("gull", "boat"))
    key, _, value = option.partition("=")
    value = str(project.parent / value) if value.endswith(".csv") else value
    kept = f"made with other settings .*{told}.*--overwrite .*another cross_performance.name$"
    with pytest.raises(UserError, match=kept):
        analysis.cross_performance.main(["--config", str(project), key, value])
    pd.testing.assert_frame_equal(compare(project), table)


def test_a_student_that_is_trained_anew_is_tested_anew_with_overwrite(tmp_path: Path) -> None:
    config = paint_cameras(tmp_path)
    path = tmp_path / "runs/cross_performance/inference_results.csv"
    for width in ("2", "3"):
        train(config, "--detector.epochs", "1", "--detector.width", width, "--overwrite")
        if width == "3":
            with pytest.raises(UserError, match=r"other detector/best.pt than then.*--overwrite"):
                analysis.cross_performance.main(["--config", str(config)])
        given = ["--config", str(config), "--cross_performance.baselines", "nowhere"]
        with pytest.raises(UserError, match="nowhere"):
            analysis.cross_performance.main([*given, "--overwrite"])
        assert path.exists() == (width == "3")  # what could not begin has cost nothing
        assert analysis.cross_performance.main([*given[:2], "--overwrite"]) == 0
        assert pd.read_csv(path)["student"].tolist() == [f"plain-{width}"] * 2


def test_a_baseline_may_become_a_student_and_the_other_way_round(project: Path) -> None:
    for baselines, strategy in ([], "given"), (["of_cam2"], "of_cam2"), ([], "given"):
        given = ["--config", str(project), "--cross_performance.name", "roles"]
        given += [w for name in baselines for w in ("--cross_performance.baselines", name)]
        assert analysis.cross_performance.main(given) == 0
        table = pd.read_csv(project.parent / "runs/roles/inference_results.csv")
        of_run = table[table["run_id"] == "of_cam2"]
        assert of_run["strategy"].tolist() == [strategy] * 2
        assert len(table) == 4


def test_a_table_stays_until_all_that_replaces_it_is_there(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = compare(project)
    path = project.parent / "runs/cross_performance/inference_results.csv"
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise UserError("the disk is full")

    given = ["--config", str(project), "--overwrite"]
    with monkeypatch.context() as patch:
        patch.setattr("analysis.streams.cross_testing.result_row", fail)
        with pytest.raises(UserError, match="the disk is full"):
            analysis.cross_performance.main(given)
    assert path.read_bytes() == before
    pd.testing.assert_frame_equal(compare(project), table)


def test_two_at_once_do_not_lose_rows_of_each_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--config", str(project), "--cross_performance.name", "at_once"]
    judge = cross_testing.judge_students
    meanwhile: list[str] = []

    def judge_while_another_begins(*told: Any) -> list[dict[str, Any]]:
        with monkeypatch.context() as patch:
            patch.setattr(cross_testing, "judge_students", judge)
            with pytest.raises(BusyError, match=r"is at work on .*at_once; wait until"):
                analysis.cross_performance.main([*given, "--cross_performance.students", "of_cam2"])
        meanwhile.append("of_cam2")
        return judge(*told)

    monkeypatch.setattr(cross_testing, "judge_students", judge_while_another_begins)
    assert analysis.cross_performance.main([*given, "--cross_performance.students", "of_cam1"]) == 0
    assert meanwhile == ["of_cam2"]
    monkeypatch.undo()
    assert analysis.cross_performance.main([*given, "--cross_performance.students", "of_cam2"]) == 0
    table = pd.read_csv(project.parent / "runs/at_once/inference_results.csv")
    assert set(table["run_id"]) == {"of_cam1", "of_cam2"}


def test_a_frame_that_cannot_be_read_counts_as_where_a_detector_is_tested_alone(
    project: Path,
) -> None:
    folder = project.parent
    (folder / "images/cam1/bad.png").write_bytes(b"no image")
    test_ids = (folder / "splits/Test.txt").read_text()
    (folder / "splits/Bad.txt").write_text(f"{test_ids}cam1/bad\n")
    truth = (folder / "truth.csv").read_text()
    (folder / "more.csv").write_text(f"{truth}cam1/bad.png;0.1;0.1;0.4;0.4;0;gull;1.0\n")
    given = ["--config", str(project), "--data.test_split", "Bad"]
    given += ["--data.ground_truth", str(folder / "more.csv")]
    assert student.detection.test_detector.main([*given, "--detector.run", "of_cam1"]) == 1
    given += ["--cross_performance.name", "bad", "--cross_performance.students", "of_cam1"]
    assert analysis.cross_performance.main(given) == 0
    alone = pd.read_csv(folder / "runs/of_cam1/Bad_metrics.csv").set_index("camera")
    compared = pd.read_csv(folder / "runs/bad/inference_results.csv").set_index("target_domain")
    metrics = ["precision", "recall", "mAP50", "mAP50_low", "mAP50-95"]
    pd.testing.assert_frame_equal(
        alone.loc[["cam1", "cam2"], metrics], compared[metrics], check_names=False
    )
