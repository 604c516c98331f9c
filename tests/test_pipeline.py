"""The stages one after another, as a user runs them, on a small project of twelve images."""

import errno
import json
import shlex
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

import analysis.bbox_evaluation
import analysis.heatmaps
import analysis.pixel_evaluation
import student.predict
import student.test
import student.train
import util.csv_from_soft_labels
import util.export_label_set
import util.multi_teacher.combination_strategies
from tests.conftest import COLOUR_ALONE, ROOT, make_project
from tests.processes import run_script
from tests.stages import arguments, combine, evaluate, label, stop_at_write, train
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import read_image
from util.images.ids import name_to_id
from util.label_set import LabelSet
from util.learning.inference.opening import read_box_settings


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after all stages; tests may read it, not change it."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    return project


def test_the_teacher_finds_the_birds_and_tells_prompts_apart(tmp_path: Path) -> None:
    assert label(arguments(make_project(tmp_path, saa=COLOUR_ALONE))) == 0
    bird = LabelSet(tmp_path / "label_sets" / "bird")
    crest = LabelSet(tmp_path / "label_sets" / "white_crest")
    assert len(bird.ids) == len(crest.ids) == 12
    total = sum(bird.read(i).sum() for i in bird.ids)
    assert total > 2 * sum(crest.read(i).sum() for i in bird.ids)
    assert bird.manifest["settings"]["prompt"] == "bird"


def test_label_sets_can_be_of_some_splits_alone(project: Path) -> None:
    with pytest.raises(UserError, match=r"Tset\.txt"):
        label(arguments(project, "--teacher.split", "Tset"))
    label_sets = project.parent / "label_sets"
    assert not label_sets.exists() or not any(label_sets.iterdir())
    assert label(arguments(project, "--teacher.split", "Validation+Test")) == 0
    config, _ = load_config("", arguments(project))
    assert config.data.splits is not None
    lists = [(config.data.splits / f"{name}.txt").read_text() for name in ("Validation", "Test")]
    assert sorted(LabelSet(label_sets / "bird").ids) == sorted("".join(lists).splitlines())


def test_every_stage_says_what_it_wrote_and_what_comes_next_in_words_that_are_understood(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--evaluation.min_area_px", "2", "--demo.seed=3"]
    for stage, following in (
        (label, util.multi_teacher.combination_strategies),
        (combine, student.train),
        (train, student.test),
        (evaluate, analysis.bbox_evaluation),
        (util.csv_from_soft_labels.main, analysis.bbox_evaluation),
    ):
        assert stage(arguments(project, *given)) == 0
        out = capsys.readouterr().out
        assert str(project.parent) in out
        if stage is util.csv_from_soft_labels.main:
            assert "of 12 images, all of the class 'combined'\n" in out
        script, *words = shlex.split(out.split("Next: python ")[1].splitlines()[0])
        assert Path(script).resolve() == Path(following.__file__)
        config, _ = load_config("", words, reads=following.READS)
        assert config.data.images == project.parent / "images"
        assert config.demo.seed == 3
        kept = 2 if "evaluation.min_area_px" in following.READS else None
        assert config.evaluation.min_area_px == kept


def test_what_comes_after_a_test_is_what_its_truth_allows(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    no_boxes = ["--data.ground_truth", "null"]
    for options, script in (
        ([], "bbox_evaluation"),
        (no_boxes, "pixel_evaluation"),
        ([*no_boxes, "--data.masks", "null"], "heatmaps"),
    ):
        assert evaluate(arguments(finished, *options)) == 0
        told = f"Next: python analysis/{script}.py --evaluation.predictions "
        assert told + str(finished.parent / "runs/student/Test") in capsys.readouterr().out


def test_what_was_judged_is_looked_at_next_and_what_was_predicted_is_exported(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = ["--evaluation.predictions", "bird"]
    for stage, following, words in (
        (analysis.bbox_evaluation, analysis.heatmaps, drawn),
        (analysis.pixel_evaluation, analysis.heatmaps, drawn),
        (student.predict, util.export_label_set, ["--evaluation.threshold", "0.4"]),
    ):
        assert stage.main(arguments(finished, *words)) == 0
        out = capsys.readouterr().out
        script, *told = shlex.split(out.split("Next: python ")[1].splitlines()[0])
        assert Path(script).resolve() == Path(str(following.__file__))
        assert told[told.index(words[0]) + 1].endswith(words[1])
        assert following.main(told) == 0


def test_boxes_of_no_label_set_are_not_drawn_next(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = finished.parent / "runs/student/Test/prediction.csv"
    alone = shutil.copy(boxes, tmp_path / "boxes.csv")
    for path, is_drawn in ((boxes, True), (alone, False)):
        given = arguments(finished, "--evaluation.predictions", str(path))
        assert analysis.bbox_evaluation.main(given) == 0
        told = f"Next: python analysis/heatmaps.py --evaluation.predictions {boxes.parent}"
        assert (told in capsys.readouterr().out) == is_drawn


def test_a_combination_is_of_the_prompts_that_were_labelled_where_it_names_no_label_sets(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads(project.read_text())
    config["teacher"]["prompts"] = ["bird", "gull"]
    del config["combination"]["label_sets"]
    project.write_text(json.dumps(config))
    assert label(arguments(project)) == 0
    asked = ["--teacher.prompts", "whale", "--teacher.prompts", "gull"]
    for prompts, members in (([], ["bird", "gull"]), (asked, ["whale", "gull"])):
        assert label(arguments(project, *prompts)) == 0
        script, *words = shlex.split(capsys.readouterr().out.rpartition("Next: python ")[2])
        following = util.multi_teacher.combination_strategies
        assert Path(script).resolve() == Path(following.__file__)
        assert "--combination.label_sets" not in words
        assert combine([*words, "--overwrite"]) == 0
        combined = LabelSet(project.parent / "label_sets" / "combined")
        assert [name for name, _ in combined.manifest["settings"]["members"]] == members


def test_where_hardly_anything_is_found_it_is_said_how_to_see_why(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for threshold, told in (("0.2", False), ("1", True)):
        given = ["--saa.box_threshold", threshold, "--overwrite"]
        assert label(arguments(project, *given)) == 0
        assert ("Hardly anything was found: --preview 4" in capsys.readouterr().out) == told


def test_what_comes_after_one_label_set_is_a_student_of_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label(arguments(project, "--teacher.prompts", "white crest")) == 0
    assert "Next: python student/train.py --student.label_set white_crest --config" in (
        capsys.readouterr().out
    )


def test_a_run_keeps_its_config_curves_log_and_checkpoints(finished: Path) -> None:
    run = finished.parent / "runs" / "student"
    names = {"config.json", "run.json", "best.pt", "last.pt", "metrics.csv", "curves.png"}
    assert names | {"train.log"} <= {path.name for path in run.iterdir()}
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["epoch"].tolist() == [1, 2]
    assert {"train_loss", "val_loss", "val_f1", "learning_rate"} <= set(metrics)
    assert "epoch 002/002" in (run / "train.log").read_text()
    assert read_image(run / "curves.png").shape[1] > 400
    again = ["--config", str(run / "config.json")]
    assert train(again) == 0  # the resolved config repeats the run: nothing is left to do


def test_the_config_of_a_run_works_where_it_lies_in_a_copied_project_too(
    finished: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(finished.parent, copied)
    shutil.rmtree(copied / "runs" / "student" / "Test")
    before = {path: path.stat().st_mtime_ns for path in finished.parent.rglob("*")}
    for stage in (label, combine, train, evaluate, analysis.bbox_evaluation.main):
        assert stage(["--config", str(copied / "runs" / "student" / "config.json")]) == 0
    assert len(LabelSet(copied / "runs" / "student" / "Test").ids) == 3
    assert {path: path.stat().st_mtime_ns for path in finished.parent.rglob("*")} == before


def test_the_test_writes_a_label_set_metrics_and_pictures(finished: Path) -> None:
    assert evaluate(arguments(finished, "--evaluation.pictures", "2")) == 0
    run = finished.parent / "runs" / "student"
    predicted = LabelSet(run / "Test")
    assert len(predicted.ids) == 3
    metrics = json.loads((run / "Test_metrics.json").read_text())
    assert {"f1_low", "f1_high", "chance_f1", "empty_share"} <= set(metrics[0])
    assert (metrics[0]["split"], metrics[0]["images"]) == ("Test", 3)
    assert [row["metric"] for row in metrics] == ["thesis", *["one_to_one"] * 3, "image_level"]
    assert len(pd.read_csv(run / "Test_metrics.csv")) == 5
    pictures = sorted((run / "Test_pictures").rglob("*.png"))
    assert len(pictures) == 2
    drawn = name_to_id(pictures[0].relative_to(run / "Test_pictures").as_posix())
    height, width = predicted.read(drawn).shape
    scale = 512 // max(height, width)
    assert read_image(pictures[0]).shape == (height * scale, 2 * width * scale, 3)


def test_boxes_are_of_the_class_that_their_label_set_is_about(finished: Path) -> None:
    folders = {"bird": "bird", "white_crest": "white crest", "combined": "combined"}
    sets = {finished.parent / "label_sets" / name: about for name, about in folders.items()}
    run = finished.parent / "runs" / "student"
    for folder, about in {**sets, run / "Test": "combined"}.items():
        assert LabelSet(folder).box_settings == BoxSettings(object_class=about)
        boxes = pd.read_csv(folder / "prediction.csv", sep=";")
        assert set(boxes["obj_class"]) <= {about}
    assert len(pd.read_csv(finished.parent / "label_sets" / "bird" / "prediction.csv", sep=";"))
    assert read_box_settings(run / "best.pt") == BoxSettings(object_class="combined")


def test_a_second_run_of_any_stage_changes_no_file(finished: Path) -> None:
    def files() -> dict[Path, int]:
        folders = [finished.parent / name for name in ("label_sets", "runs")]
        paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        kept = [path for path in paths if path.name != "train.log" and "metrics" not in path.name]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = files()
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(finished)) == 0
    assert files() == before


def test_the_same_seed_gives_the_same_maps_and_weights(finished: Path, tmp_path: Path) -> None:
    from tests.conftest import make_project

    again = make_project(tmp_path)
    for stage in (label, combine, train):
        stage(arguments(again))
    same_outcome(finished.parent, tmp_path)


def same_outcome(one: Path, other: Path) -> None:
    """Assert that two projects hold the same maps, boxes and weights."""
    for path in sorted((one / "label_sets").rglob("*")):
        if path.suffix in (".png", ".csv"):
            twin = other / path.relative_to(one)
            assert path.read_bytes() == twin.read_bytes(), path.name
    weights = [
        torch.load(folder / "runs/student/last.pt", weights_only=True)["model"]
        for folder in (one, other)
    ]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=0, atol=0, msg=name)


def test_bbox_evaluation_compares_all_there_is_or_what_is_named(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analysis.bbox_evaluation.main(arguments(finished)) == 0
    table = pd.read_csv(finished.parent / "runs" / "bbox_evaluation.csv")
    assert set(table["prediction"]) == {"bird", "white_crest", "combined", "student/Test"}
    assert (finished.parent / "runs" / "bbox_evaluation_Test.png").exists()
    csv = finished.parent / "label_sets" / "bird" / "prediction.csv"
    analysis.bbox_evaluation.main(arguments(finished, "--evaluation.predictions", str(csv)))
    assert "white_crest" not in capsys.readouterr().out.split("Wrote")[1]


def test_without_ground_truth_the_student_is_trained_and_only_predicts(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(project.read_text())
    content["data"]["ground_truth"] = None
    project.write_text(json.dumps(content))
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    assert "nothing to judge" in capsys.readouterr().out
    metrics = project.parent / "runs" / "student" / "Test_metrics.json"
    assert not metrics.exists()
    metrics.write_text("of earlier predictions")
    assert evaluate(arguments(project)) == 0
    assert metrics.exists()  # these are the same predictions
    assert evaluate(arguments(project, "--overwrite")) == 0
    assert not metrics.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_in_any_stage_ends_as_if_it_had_not_been(
    project: Path, finished: Path, number: signal.Signals
) -> None:
    for script, stage, writes in (
        ("teacher/soft_label_generation.py", label, [1, 4, 26]),
        ("util/multi_teacher/combination_strategies.py", combine, [3, 13]),
        ("student/train.py", train, [4, 5] if number == signal.SIGKILL else [7]),
        ("student/test.py", evaluate, [3]),
        ("util/csv_from_soft_labels.py", util.csv_from_soft_labels.main, [1]),
        ("analysis/bbox_evaluation.py", analysis.bbox_evaluation.main, [1, 2]),
    ):
        for write in writes:
            stopped = stop_at_write(project, script, write, number)
            expected = -signal.SIGKILL if number == signal.SIGKILL else 130
            assert stopped.returncode == expected, (script, write, stopped.stderr)
            if number == signal.SIGINT:
                assert "interrupted; finished work is kept" in stopped.stderr
                assert "Traceback" not in stopped.stderr
        assert stage(arguments(project)) == 0
    same_outcome(finished.parent, project.parent)
    assert not list(project.parent.rglob("*.tmp"))


REFUSED = """
import os, sys
sys.path.insert(0, {root!r})
import util.disk.whole_files

def refuse(path):
    raise OSError({number}, os.strerror({number}), str(path))

util.disk.whole_files._open_beside = refuse
"""


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "there is no permission"),
        (errno.EROFS, "the disk is read-only"),
    ],
)
@pytest.mark.parametrize("script", ["teacher/soft_label_generation.py", "student/test.py"])
def test_a_disk_that_refuses_is_said_and_what_is_finished_is_kept(
    project: Path, finished: Path, script: str, number: int, message: str
) -> None:
    shutil.copytree(finished.parent, project.parent, dirs_exist_ok=True)
    shutil.rmtree(project.parent / "label_sets" / "white_crest")
    shutil.rmtree(project.parent / "runs" / "student" / "Test")
    refused = REFUSED.format(root=str(ROOT), number=number)
    done = run_script(script, "--config", str(project), before=refused)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(LabelSet(project.parent / "label_sets" / "bird").ids) == 12
