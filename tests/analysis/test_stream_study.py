"""The stream study: a grid on painted cameras, resumed, shared, planned, and refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.choosing.grid import Point, find_detectors
from analysis.clusters.reading import read_clusters
from analysis.stream_study import main
from analysis.streams.cross_matrix import read_matrix
from analysis.streams.results import read_results
from analysis.work.plan import Plan
from analysis.work.running import Outcomes
from tests.conftest import box_table, paint_scene
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import read_image, write_image
from util.label_set import Content, LabelSetWriter

SIDE = 64
BANK, TEST = 14, 6
STUDY = {"strategies": ["n-first", "uniform-random"], "budgets": [4]}


def write_cameras(folder: Path, cameras: Sequence[str] = ("cam1", "cam2")) -> Path:
    """Write cameras that see a bird in each frame, what a teacher says, and a config."""
    rng = np.random.default_rng(3)
    rows, splits = [], {"Bank": [], "Test": []}
    with LabelSetWriter(folder / "label_sets" / "teacher", {"producer": "test"}) as writer:
        for camera in cameras:
            for number in range(BANK + TEST):
                split = "Bank" if number < BANK else "Test"
                image_id = f"{camera}/{split}/{number:03d}"
                row, column = rng.integers(8, SIDE - 8, 2).tolist()
                image = paint_scene((SIDE, SIDE), [(row, column)])
                write_image(folder / "images" / f"{image_id}.png", image)
                corners = np.array([[column - 3, row - 3, column + 4, row + 4]], float)
                boxes = Boxes(corners, rng.uniform(0.3, 1, 1), ("bird",))
                writer.add(image_id, Content(boxes=boxes, size_hw=(SIDE, SIDE)), "1", 0.0)
                rows.append((image_id, *(corners[0] / SIDE)))
                splits[split].append(image_id)
        writer.finish(BoxSettings())
    for name, ids in splits.items():
        path = folder / "splits" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(ids) + "\n")
    box_table(rows).to_csv(folder / "truth.csv", sep=";", index=False)
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


CONFIG = {
    "paths": {key: key for key in ("runs", "label_sets", "cells")},
    "data": {
        "images": "images",
        "splits": "splits",
        "test_split": "Test",
        "ground_truth": "truth.csv",
        "groups": "^(cam[0-9]+)",
    },
    "streams": {
        "label_set": "teacher",
        "pool": "Bank",
        "rate": 0.6,
        "warmup": 2,
        "validation_frames": 2,
        "validation_gap": 1,
        "block": 2,
    },
    "detector": {
        "label_set": "teacher",
        "encoder": None,
        "width": 2,
        "size_px": 64,
        "epochs": 1,
        "batch_size": 4,
        "num_workers": 0,
    },
    "study": {"processes": 1},
    "stream_study": STUDY,
    "tracking": {"mode": "off"},
}


def run(config: Path, *more: str) -> int:
    return main(["--config", str(config), *more])


def refused(config: Path, *more: str) -> str:
    with pytest.raises(UserError) as error:
        run(config, *more)
    assert not (config.parent / "cells").exists()
    assert not (config.parent / "runs" / "stream_study").exists()
    return str(error.value)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = write_cameras(tmp_path_factory.mktemp("streams"))
    assert run(config, "--stream_study.baselines", "teacher") == 0
    return config


def stamps(config: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in (config.parent / "cells").rglob("*.pt")}


def test_each_detector_is_tested_on_all_cameras_and_strategies_are_compared(
    finished: Path,
) -> None:
    folder = finished.parent / "runs" / "stream_study"
    results = read_results(folder / "inference_results.csv")
    detectors = results[results["samples"] > 0]
    assert sorted(zip(detectors["run_id"], detectors["target_domain"], strict=True)) == sorted(
        (f"{source}_{strategy}_4_seed0", target)
        for source in ("cam1", "cam2")
        for strategy in STUDY["strategies"]
        for target in ("cam1", "cam2")
    )
    assert set(detectors["strategy"]) == {"n-first", "uniform-random-0"}
    assert set(detectors["samples"]) == {4}
    assert (results.loc[results["run_id"] == "teacher", "mAP50-95"] == 1).all()
    table = pd.read_csv(folder / "strategies.csv")
    assert table[["metric", "strategy", "budget"]].to_numpy().tolist() == [
        [metric, strategy, 4]
        for metric in ("mAP50", "mAP50-95")
        for strategy in STUDY["strategies"]
    ]
    own = detectors[detectors["source_domain"] == detectors["target_domain"]]
    for row in table.itertuples():
        of_arm = own[own["strategy"].str.startswith(row.strategy)]
        assert row.mean == pytest.approx(of_arm[row.metric].mean(), abs=1e-9)
        assert row.cameras == 2
        assert row.short == 0
    matrix = read_matrix(folder / "cross_performance.csv")
    shown = detectors[detectors["strategy"] == "uniform-random-0"]
    assert matrix.scores.ravel() == pytest.approx(shown["mAP50-95"].to_numpy(), abs=1e-9)
    report = (folder / "report.md").read_text()
    assert "| n-first | 4 |" in report
    assert (folder / "curves_mAP50.png").stat().st_size > 10_000


def test_frames_are_those_of_the_script_that_chooses_them(finished: Path) -> None:
    import util.streams.select_frames

    more = ["--streams.strategy", "uniform-random", "--streams.frames", "4"]
    more += ["--streams.budget", "camera", "--streams.cameras", "cam2"]
    assert util.streams.select_frames.main(["--config", str(finished), *more]) == 0
    chosen = (finished.parent / "runs" / "streams" / "Train.txt").read_text()
    lists = [path.read_text() for path in (finished.parent / "cells").glob("*/frames/Train.txt")]
    assert len(lists) == 4
    assert chosen in lists


def test_a_finished_study_trains_nothing_anew_but_what_a_setting_changes(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stamps(finished)
    assert len(before) == 8  # best.pt and last.pt of four detectors
    assert run(finished, "--plan") == 0
    assert "trainings             4           0      0 s" in capsys.readouterr().out
    assert run(finished) == 0
    out = capsys.readouterr().out
    assert "uniform-random" in out
    assert "cannot make 1 comparison sure for other cameras" in out
    assert stamps(finished) == before
    assert run(finished, "--stream_study.strategies", "uniform-random") == 0
    assert stamps(finished) == before
    assert "stays open" in capsys.readouterr().out
    assert run(finished, "--plan", "--detector.learning_rate", "0.01") == 0
    assert "4           4" in capsys.readouterr().out


def find_all_but_of_clusters(plan: Plan, outcomes: Outcomes) -> dict[Point, Path]:
    """Find detectors as if those of clusters had failed."""
    found = find_detectors(plan, outcomes)
    return {point: folder for point, folder in found.items() if point.group != "cluster"}


def test_cameras_share_students_at_equal_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import analysis.cluster_cameras

    cameras = ("cam1", "cam2", "cam3")
    config = write_cameras(tmp_path, cameras)
    alone = ["--stream_study.strategies", "random", "--detector.epochs", "6"]
    alone += ["--stream_study.reference", "random"]
    assert run(config, *alone) == 0
    finding = ["--clusters.results", "stream_study", "--clusters.distance", "transfer"]
    assert analysis.cluster_cameras.main(["--config", str(config), *finding]) == 0
    path = tmp_path / "runs" / "clusters" / "clusters.csv"
    assert set(read_clusters(path)) == set(cameras)
    path.write_text("camera;cluster\ncam3;1\ncam1;2\ncam2;2\n")
    before = stamps(config)
    more = [*alone, "--stream_study.shared", '["cluster", "all"]']
    assert run(config, *more, "--plan") == 0
    assert "trainings             5           2" in capsys.readouterr().out
    assert run(config, *more) == 0
    assert "shared student" in capsys.readouterr().out
    assert {p: stamp for p, stamp in stamps(config).items() if p in before} == before
    lists = {
        frozenset((folder / "frames" / "Train.txt").read_text().split()): folder
        for folder in (tmp_path / "cells").glob("detector-*/")
    }
    of_all = max(lists, key=len)
    own = {ids for ids in lists if len(ids) == 4}
    assert len(own) == 3
    assert of_all == frozenset().union(*own)
    (of_two,) = (ids for ids in lists if len(ids) == 8)
    assert {image_id[:4] for image_id in of_two} == {"cam1", "cam2"}
    assert of_two < of_all
    # Steps of 4 frames: 6 epochs of one step, 3 of two, 2 of three.
    epochs = {len(ids): len(pd.read_csv(lists[ids] / "metrics.csv")) for ids in lists}
    assert epochs == {4: 6, 8: 3, 12: 2}
    folder = tmp_path / "runs" / "stream_study"
    results = read_results(folder / "inference_results.csv").set_index("run_id")
    assert set(results.index) == {
        f"{who}_random_4_seed0" for who in (*cameras, "cam1o2", "cam1o2o3")
    }
    assert set(results.loc["cam1o2_random_4_seed0", "source_domain"]) == {"cam1o2"}
    assert set(results.loc["cam1o2_random_4_seed0", "samples"]) == {8}
    table = pd.read_csv(folder / "groups.csv").set_index(["metric", "group"])
    who = {"camera": cameras, "cluster": ("cam1o2", "cam1o2", "cam3"), "all": ("cam1o2o3",) * 3}
    for group, sources in who.items():
        row = table.loc[("mAP50", group)]
        scores = [
            results.loc[f"{source}_random_4_seed0"].set_index("target_domain")["mAP50"][c]
            for source, c in zip(sources, cameras, strict=True)
        ]
        assert row["mean"] == pytest.approx(np.mean(scores), abs=1e-9)
        assert row["steps"] == 6
        assert row["trainings"] == len(set(sources))
    assert read_matrix(folder / "cross_performance.csv").cameras == cameras
    report = (folder / "report.md").read_text()
    assert "| random | 4 | cluster | 2 | 6 | 6 |" in report
    page = (folder / "report.html").read_text()
    assert page.count("<table") == 4
    assert page.count("<svg") == 4
    assert "Cameras that share a student" in page
    with monkeypatch.context() as failing:
        failing.setattr("analysis.choosing.grid.find_detectors", find_all_but_of_clusters)
        assert run(config, *more) == 0
    said = capsys.readouterr().out
    assert "Left out, since trainings failed: students shared by cluster\n" in said
    assert "report.html" in said
    assert set(pd.read_csv(folder / "groups.csv")["group"]) == {"camera", "all"}
    assert set(pd.read_csv(folder / "strategies.csv")["cameras"]) == {3}
    assert run(config, *alone) == 0
    assert not (folder / "groups.csv").exists()


def test_clusters_that_are_missing_or_of_other_cameras_are_refused(tmp_path: Path) -> None:
    config = write_cameras(tmp_path)
    asked = ("--stream_study.shared", "cluster")
    told = refused(config, *asked)
    assert "there is no" in told
    assert "then analysis/cluster_cameras.py" in told
    path = tmp_path / "runs" / "clusters" / "clusters.csv"
    path.parent.mkdir(parents=True)
    path.write_text("camera;cluster\ncam1;1\ncam9;1\n")
    told = refused(config, *asked)
    assert "not of the same cameras, but cam2, cam9 of one alone" in told
    path.write_text("camera;cluster\ncam1;1\ncam2;1\ncam1;2\n")
    assert "a second time, in line 4" in refused(config, *asked)
    path.write_text("camera;group\ncam1;1\n")
    assert "lacks the column cluster" in refused(config, *asked)
    assert "expected each once" in refused(config, "--stream_study.shared", '["all", "all"]')


def test_shares_make_all_cells_and_the_report_finds_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_cameras(tmp_path)
    for share in ("0/2", "1/2"):
        assert run(config, "--cell", share) == 0
    out = capsys.readouterr().out
    assert "share 1/2: 2 cells looked after" in out
    assert "Next: once all shares are done, the same command without --cell" in out
    assert not (tmp_path / "runs" / "stream_study").exists()
    before = stamps(config)
    assert len(before) == 8
    assert run(config) == 0
    assert stamps(config) == before


def test_a_detector_that_fails_is_said_and_its_camera_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_cameras(tmp_path)
    path = tmp_path / "label_sets" / "teacher" / "prediction.csv"
    table = pd.read_csv(path, sep=";")
    is_lost = table["image"].isin([f"cam2/Bank/{n:03d}" for n in range(4)])
    table[~is_lost].to_csv(path, sep=";", index=False)
    assert run(config) == 1
    said = capsys.readouterr()
    assert "cam2, n-first, 4 frames, seed 0: teacher, split Train: no frame has a box" in said.err
    assert "Left out, since trainings failed: cam2" in said.out
    rows = pd.read_csv(tmp_path / "runs" / "stream_study" / "strategies.csv")
    assert set(rows["cameras"]) == {1}
    assert rows["low"].isna().all()
    assert rows["low_frames"].notna().all()


def test_a_study_whose_trainings_all_fail_leaves_no_answer_of_an_earlier_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_cameras(tmp_path)
    assert run(config) == 0
    folder = tmp_path / "runs" / "stream_study"
    answered = {path.name for path in folder.iterdir()}
    assert {"report.html", "report.md", "strategies.csv", "curves_mAP50.svg"} <= answered
    capsys.readouterr()
    path = tmp_path / "label_sets" / "teacher" / "prediction.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + "".join(line for line in lines if "/Test/" in line))
    other = ("--detector.learning_rate", "0.01")
    assert run(config, *other) == 1
    said = capsys.readouterr()
    assert "4 of 4 cells failed" in said.err
    assert f"removed the report of an earlier study, {folder}\n" in said.out
    assert "Next" not in said.out
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert left == {"config.json"}
    assert "Wrote" not in said.out
    assert run(config, *other) == 1
    assert "removed" not in capsys.readouterr().out


def test_all_detectors_find_the_same_classes_whatever_their_frames_show(tmp_path: Path) -> None:
    config = write_cameras(tmp_path)
    path = tmp_path / "label_sets" / "teacher" / "prediction.csv"
    table = pd.read_csv(path, sep=";")
    table.loc[table["image"] == "cam1/Bank/000", "obj_class"] = "ball"
    table.to_csv(path, sep=";", index=False)
    assert run(config) == 0
    classes = [
        json.loads(path.read_text())["settings"]["classes"]
        for path in (tmp_path / "cells").glob("detector-*/run.json")
    ]
    assert classes == [["ball", "bird"]] * 4
    with pytest.raises(UserError, match="disagreement compares two label sets"):
        run(config, "--stream_study.strategies", '["disagreement", "uniform-random"]')


def test_fewer_frames_are_refused_before_any_training_or_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_cameras(tmp_path)
    more = ["--stream_study.budgets", "9", "--stream_study.steps", "6"]
    told = refused(config, *more)
    assert "by uniform-random, 9 of each camera" in told
    assert "streams.allow_short" in told
    assert run(config, *more, "--streams.allow_short", "true") == 0
    rows = pd.read_csv(tmp_path / "runs" / "stream_study" / "strategies.csv")
    short = rows.set_index("strategy").loc["uniform-random", "short"]
    assert (short == 2).all()
    epochs = {
        len((path.parent / "Train.txt").read_text().split()): len(
            pd.read_csv(path.parents[1] / "metrics.csv")
        )
        for path in (tmp_path / "cells").glob("*/frames/selection.json")
    }
    assert all(number == round(6 / -(-frames // 4)) for frames, number in epochs.items())
    assert "short)" in (tmp_path / "runs" / "stream_study" / "report.md").read_text()
    capsys.readouterr()


def test_frames_are_looked_at_once_for_all_budgets_and_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_cameras(tmp_path)
    looked_at: list[str] = []

    def read(path: Path) -> np.ndarray:
        looked_at.append(path.stem)
        return read_image(path)

    monkeypatch.setattr("util.streams.pictures.reading.read_image", read)
    asked = ["--stream_study.seeds", "[0, 1]", "--stream_study.reference", "frequency"]
    asked += ["--stream_study.strategies", '["frequency"]']
    for budgets in ("[4]", "[2, 4]"):
        looked_at.clear()
        assert run(config, "--plan", *asked, "--stream_study.budgets", budgets) == 0
        # Of each camera, without those that validate.
        assert len(looked_at) == 2 * (BANK - 2)


def test_bad_input_is_one_sentence_and_nothing_is_trained(tmp_path: Path) -> None:
    config = write_cameras(tmp_path)
    assert "without frames: cam9" in refused(config, "--stream_study.cameras", "cam9")
    assert "set streams.pool" in refused(config, "--streams.pool", "null")
    assert "give 1 or more" in refused(config, "--streams.validation_frames", "0")
    assert "there is no" in refused(config, "--detector.start", "general")
    assert "one of stream_study.strategies" in refused(config, "--stream_study.reference", "random")
    assert "expected each once" in refused(config, "--stream_study.seeds", "[0, 0]")
    assert "null" in refused(config, "--data.ground_truth", "null")
    truth = pd.read_csv(tmp_path / "truth.csv", sep=";")
    truth[~truth["image"].str.startswith("cam2/Test")].to_csv(
        tmp_path / "truth.csv", sep=";", index=False
    )
    assert "no frame with a true box in the split Test: cam2" in refused(config)
