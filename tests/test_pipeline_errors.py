"""What users can mend is one sentence, whatever the stage."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis.bbox_evaluation
from tests.stages import arguments, combine, evaluate, label, run, train
from util.errors import UserError
from util.images.files import write_image

BAD_INPUT = [
    (label, ["--data.images", "nowhere"], "nowhere does not exist"),
    (label, ["--teacher.prompts", "list:fish"], "unknown prompt list"),
    (label, ["--teacher.prompts", "Bird", "--teacher.prompts", "bird"], "one folder name"),
    (combine, ["--combination.label_sets", "bird"], "no label set bird; there are: none"),
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
        (label, ["--saa.box_threshold", "0.3"], "box_threshold: default -> 0.3"),
        (combine, ["--combination.strategy", "maximum"], "strategy: 'consensus' -> 'maximum'"),
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


def test_a_bad_key_exits_2_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"student": {"epoch": 1}}')
    for script in ("teacher/soft_label_generation.py", "student/train.py"):
        done = run(script, "--config", "config.json", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr == (
            "error: config.json: unknown key 'student.epoch'; did you mean 'student.epochs'?\n"
        )


def test_a_file_in_the_place_of_the_output_folder_is_one_sentence(project: Path) -> None:
    (project.parent / "label_sets").write_text("in the way")
    done = run("teacher/soft_label_generation.py", "--config", str(project))
    assert done.returncode == 2
    assert "label_sets" in done.stderr
    assert "Traceback" not in done.stderr
