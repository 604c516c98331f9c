"""Which label sets the evaluations find."""

from pathlib import Path

import numpy as np
import pytest

from analysis.found_label_sets import find_label_sets
from student.predicting import hash_checkpoint
from util.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import LabelSetWriter


def write(folder: Path, **settings: object) -> None:
    with LabelSetWriter(folder, {"producer": "test", **settings}) as writer:
        writer.add("a", np.zeros((4, 4)), "1", 0)
        writer.finish(BoxSettings())


def find(project: Path, *options: str) -> list[str]:
    config, _ = load_config("", ["--config", str(project), *options])
    return [path.relative_to(project.parent).as_posix() for path in find_label_sets(config)]


def test_what_an_earlier_checkpoint_has_predicted_is_not_taken_for_that_of_a_new_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = project.parent / "runs/student/best.pt"
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    write(project.parent / "label_sets/bird")
    write(best.parent / "Test", checkpoint_sha256=hash_checkpoint(best))
    assert find(project) == ["label_sets/bird", "runs/student/Test"]
    assert not capsys.readouterr().out
    best.write_bytes(b"other weights")
    assert find(project) == ["label_sets/bird"]
    assert "left out, though trained anew" in capsys.readouterr().out
    for named in (best.parent / "Test", best.parent / "Test" / "prediction.csv"):
        named_alone = find(project, "--evaluation.predictions", str(named))
        assert named_alone == [named.relative_to(project.parent).as_posix()]
        assert "judged as named, though trained anew" in capsys.readouterr().out
    best.unlink()  # nobody knows better
    assert find(project) == ["label_sets/bird", "runs/student/Test"]


def test_without_any_label_set_there_is_nothing_to_judge(project: Path) -> None:
    with pytest.raises(UserError, match="there is no label set"):
        find(project)
