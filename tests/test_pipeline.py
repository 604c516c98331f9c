"""The stages one after another, as a user runs them, on a small project of twelve images."""

import errno
import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import analysis.bbox_evaluation
import student.test
import student.train
import teacher.soft_label_generation
import util.csv_from_soft_labels
import util.multi_teacher.combination_strategies
from student.inference.opening import read_box_settings
from tests.conftest import ROOT
from tests.processes import run_script
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import name_to_id, read_image, read_soft_label, write_image
from util.label_set import LabelSet

label = teacher.soft_label_generation.main
combine = util.multi_teacher.combination_strategies.main
train = student.train.main
evaluate = student.test.main


def arguments(project: Path, *more: str) -> list[str]:
    return ["--config", str(project), *more]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after all stages; tests may read it, not change it."""
    from tests.conftest import make_project

    project = make_project(tmp_path_factory.mktemp("finished"))
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    return project


def test_the_teacher_finds_the_birds_and_tells_prompts_apart(finished: Path) -> None:
    bird = LabelSet(finished.parent / "label_sets" / "bird")
    crest = LabelSet(finished.parent / "label_sets" / "white_crest")
    assert len(bird.ids) == len(crest.ids) == 12
    total = sum(bird.read(i).sum() for i in bird.ids)
    assert total > 2 * sum(crest.read(i).sum() for i in bird.ids)
    assert bird.manifest["settings"]["prompt"] == "bird"


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
        script, *words = shlex.split(out.split("Next: python ")[1].splitlines()[0])
        assert Path(script).resolve() == Path(following.__file__)
        config, _ = load_config("", words, reads=following.READS)
        assert config.data.images == project.parent / "images"
        assert config.demo.seed == 3
        kept = 2 if "evaluation.min_area_px" in following.READS else None
        assert config.evaluation.min_area_px == kept


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
    assert not (project.parent / "runs" / "student" / "Test_metrics.json").exists()


def test_an_unreadable_image_is_listed_and_the_rest_is_done(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((project.parent / "images").rglob("*.png"))
    images[0].write_bytes(images[0].read_bytes()[:200])
    images[1].write_text("no image")
    assert label(arguments(project)) == 1
    err = capsys.readouterr().err
    assert "2 images failed, the rest is done" in err
    assert images[0].name in err
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    assert len(label_set.ids) == 10
    assert len(label_set.failed) == 2
    assert combine(arguments(project)) == 0
    assert train(arguments(project)) == 0  # learns from the others


def test_odd_images_go_through_all_stages(project: Path) -> None:
    folder = project.parent / "images"
    paths = sorted(folder.rglob("*.png"))
    Image.open(paths[0]).convert("L").save(paths[0])
    Image.open(paths[1]).convert("RGBA").save(paths[1])
    gray = np.asarray(Image.open(paths[2]).convert("L"))
    Image.fromarray(gray.astype(np.uint16) * 257).save(paths[2])
    turned = Image.open(paths[3]).convert("RGB")
    exif = turned.getexif()
    exif[0x0112] = 6
    paths[3].unlink()
    turned.save(paths[3].with_suffix(".jpg"), exif=exif, quality=95)
    shutil.move(paths[9], folder / "a;b 'c' ü.png")
    splits = project.parent / "splits" / "Test.txt"
    name = paths[9].relative_to(folder).with_suffix("").as_posix()
    splits.write_text(splits.read_text().replace(name, "a;b 'c' ü"))
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    image_id = paths[3].relative_to(folder).with_suffix("").as_posix()
    assert label_set.read(image_id).shape == turned.size  # height and width swapped


def test_a_removed_image_and_a_shorter_split_leave_nothing_behind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sorted((project.parent / "images").rglob("*.png"))[0]
    good = bad.read_bytes()
    bad.write_text("no image")
    assert label(arguments(project)) == 1
    bad.write_bytes(good)
    assert label(arguments(project)) == 0
    for stage in (combine, train, evaluate):
        assert stage(arguments(project)) == 0
    split = project.parent / "splits" / "Test.txt"
    split.write_text("\n".join(split.read_text(encoding="utf-8").splitlines()[1:]) + "\n")
    assert evaluate(arguments(project, "--evaluation.pictures", "9")) == 0
    assert len(LabelSet(project.parent / "runs" / "student" / "Test").ids) == 2
    assert len(list((project.parent / "runs" / "student" / "Test_pictures").rglob("*.png"))) == 2


def test_a_link_to_nowhere_is_a_failed_image(project: Path) -> None:
    (project.parent / "images" / "lost.png").symlink_to(project.parent / "nowhere.png")
    assert label(arguments(project)) == 1
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    assert list(label_set.failed) == ["lost"]
    assert len(label_set.ids) == 12


def test_an_image_that_was_exchanged_is_labelled_again(project: Path) -> None:
    label(arguments(project))
    path = sorted((project.parent / "images").rglob("*.png"))[0]
    image_id = path.relative_to(project.parent / "images").with_suffix("").as_posix()
    write_image(path, np.zeros((30, 40, 3), np.uint8))
    label(arguments(project))
    map_path = project.parent / "label_sets" / "bird" / f"{image_id}.png"
    assert read_soft_label(map_path).shape == (30, 40)


BAD_INPUT = [
    (label, ["--data.images", "nowhere"], "nowhere does not exist"),
    (label, ["--teacher.prompts", "list:fish"], "unknown prompt list"),
    (label, ["--teacher.prompts", "Bird", "--teacher.prompts", "bird"], "one folder name"),
    (combine, ["--combination.label_sets", "bird"], "no label set bird; there are: none"),
    (combine, ["--combination.output", "bird"], "one of the label sets that are combined"),
    (train, ["--student.label_set", "nowhere"], "nowhere does not exist"),
    (train, ["--data.train_split", "Nowhere"], "splits in this folder: Test, Train, Validation"),
    (evaluate, ["--student.checkpoint", "nowhere.pt"], "does not exist; train first"),
    (evaluate, ["--data.ground_truth", "nowhere.csv"], "ground truth"),
    (analysis.bbox_evaluation.main, [], "no label set"),
    (analysis.bbox_evaluation.main, ["--evaluation.predictions", "no.csv"], "no label set, run"),
]


@pytest.mark.parametrize(("stage", "more", "message"), BAD_INPUT)
def test_bad_input_is_one_clear_sentence(
    project: Path, stage: Callable[[Sequence[str]], int], more: list[str], message: str
) -> None:
    if stage is evaluate and "ground_truth" in more[0]:
        for earlier in (label, combine, train):
            earlier(arguments(project))
    with pytest.raises(UserError, match=message):
        stage(arguments(project, *more))


def test_other_settings_are_refused_and_nothing_is_lost(project: Path) -> None:
    for stage in (label, combine, train):
        stage(arguments(project))
    best = (project.parent / "runs" / "student" / "best.pt").read_bytes()
    for stage, more, message in (
        (label, ["--teacher.box_threshold", "0.3"], "box_threshold: 0.2 -> 0.3"),
        (combine, ["--combination.strategy", "maximum"], "strategy: 'mean' -> 'maximum'"),
        (train, ["--student.epochs", "3"], "epochs: 2 -> 3"),
    ):
        with pytest.raises(UserError, match=message):
            stage(arguments(project, *more))
    assert (project.parent / "runs" / "student" / "best.pt").read_bytes() == best
    assert train(arguments(project, "--student.epochs", "3", "--overwrite")) == 0
    assert len(pd.read_csv(project.parent / "runs" / "student" / "metrics.csv")) == 3


def test_labels_of_another_size_are_refused(project: Path) -> None:
    for stage in (label, combine):
        stage(arguments(project))
    for path in sorted((project.parent / "images").rglob("*.png"))[:2]:
        write_image(path, np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(UserError, match="differ in"):
        train(arguments(project))


KILLED = """
import os, pathlib
writes_left = {write}
plain_replace = pathlib.Path.replace

def replace(self, target):
    global writes_left
    writes_left -= 1
    if writes_left == 0:
        os.kill(os.getpid(), {number})
    return plain_replace(self, target)

pathlib.Path.replace = replace
"""


def stop_at_write(
    project: Path, script: str, write: int, number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Run a script that is stopped just before its nth file is renamed into place."""
    killed = KILLED.format(write=write, number=int(number))
    return run_script(script, "--config", str(project), before=killed)


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


def run(script: str, *more: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_a_bad_key_exits_2_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"student": {"epoch": 1}}')
    for script in ("teacher/soft_label_generation.py", "student/train.py"):
        done = run(script, "--config", "config.json", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr == (
            "error: config.json: unknown key 'student.epoch'; did you mean 'student.epochs'?\n"
        )


REFUSED = """
import os, sys
sys.path.insert(0, {root!r})
import util.disk.files

def refuse(path):
    raise OSError({number}, os.strerror({number}), str(path))

util.disk.files._open_beside = refuse
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


def test_a_file_in_the_place_of_the_output_folder_is_one_sentence(project: Path) -> None:
    (project.parent / "label_sets").write_text("in the way")
    done = run("teacher/soft_label_generation.py", "--config", str(project))
    assert done.returncode == 2
    assert "label_sets" in done.stderr
    assert "Traceback" not in done.stderr
