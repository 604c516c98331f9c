import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from tests.conftest import ROOT
from util.config import RefinementSection, TeacherSection
from util.config.values import list_values


def complete(words: str, folder: Path) -> tuple[list[str], str]:
    """What a shell is told that completes a command, and what the script prints beside."""
    told = folder / "told"
    asked = {
        "_ARGCOMPLETE": "2",  # `python` is the first word, the script the second
        "_ARGCOMPLETE_STDOUT_FILENAME": str(told),
        "COMP_LINE": words,
        "COMP_POINT": str(len(words)),
    }
    command = [sys.executable, str(ROOT / words.split()[1])]
    done = subprocess.run(
        command, env={**os.environ, **asked}, cwd=folder, capture_output=True, text=True
    )
    found = told.read_text().split("\x0b") if told.exists() else []
    return [word.strip() for word in found if word], done.stdout + done.stderr


def test_a_shell_completes_the_keys_that_a_script_reads_and_starts_nothing(tmp_path: Path) -> None:
    found, printed = complete("python student/train.py --student.enc", tmp_path)
    assert {*found} == {"--student.encoder", "--student.encoder_weights"}
    assert complete("python student/train.py --saa.", tmp_path) == ([], "")
    assert printed == ""


BEST = ("last", "boxes", "loss")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("util/export_label_set.py --format y", ["yolo", "yolo-seg"]),
        ("student/train.py --teacher.name", []),  # a key that it does not read
        ("student/train.py --student.pixel_weights la", ["label_set"]),
        ("student/train.py --student.best_epoch=", [f"--student.best_epoch={e}" for e in BEST]),
        ("teacher/soft_label_generation.py --teacher.logits ", ["true", "false"]),
        ("student/train.py --data.images pho", ["photos/"]),
    ],
)
def test_a_shell_completes_values_that_are_counted_and_files(
    words: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    assert complete(f"python {words}", tmp_path) == (expected, "")


def test_a_shell_completes_the_label_sets_at_hand_where_one_is_named(tmp_path: Path) -> None:
    for name in ("boat", "bird", "bare"):
        (tmp_path / "made" / name).mkdir(parents=True)
    for name in ("boat", "bird"):
        (tmp_path / "made" / name / "label_set.json").write_text("{}")
    where = f"--paths.label_sets {tmp_path}/made"
    for option, expected in {
        "student/train.py --student.label_set ": ["bird", "boat"],
        "analysis/review.py --review.label_sets bo": ["boat"],
    }.items():
        script, rest = option.split(" ", 1)
        assert complete(f"python {script} {where} {rest}", tmp_path) == (expected, "")
    nowhere = "python student/train.py --config nowhere.json --student.label_set b"
    assert complete(nowhere, tmp_path) == ([], "")


def test_the_values_of_a_key_are_those_of_its_type(tmp_path: Path) -> None:
    found, _ = complete("python teacher/soft_label_generation.py --teacher.name ", tmp_path)
    assert {*found} == {*get_args(TeacherSection.model_fields["name"].annotation)}
    steps = list_values(RefinementSection.model_fields["steps"])  # of a list
    assert {"crf", "guided_filter"} <= {*steps}


def test_a_shell_that_asks_where_nothing_can_complete_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "argcomplete.py").write_text("raise ModuleNotFoundError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert complete("python student/train.py --student.enc", tmp_path) == ([], "")
