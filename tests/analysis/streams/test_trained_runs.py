"""Runs of detectors as tables name them: what is lacking of them, and what is none."""

import json
import math
from pathlib import Path

import pytest

from analysis.streams.trained_runs import find_runs
from util.errors import UserError


def write_run(folder: Path) -> Path:
    """Write what a finished detector of two epochs says of itself."""
    folder.mkdir(parents=True)
    origin = {"cameras": ["office"], "frames": 12, "selection": None}
    facts = {"learnt_from": origin, "labels": "teacher", "best": {"epoch": 2}}
    detector = {"encoder": None, "width": 4, "epochs": 3}
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "config.json").write_text(json.dumps({"detector": detector}))
    (folder / "metrics.csv").write_text("epoch,mAP50\n1,0.1\n2,0.2\n")
    return folder


def test_a_run_whose_figures_were_not_filed_has_an_unknown_number_of_epochs(tmp_path: Path) -> None:
    for name in ("whole", "fetched"):
        write_run(tmp_path / name)
    (tmp_path / "fetched" / "metrics.csv").unlink()
    fetched, whole = find_runs(tmp_path, [], "")
    assert whole.epochs == (2, 2, 3)
    assert math.isnan(fetched.epochs[0])
    assert fetched.epochs[1:] == (2, 3)


def test_all_runs_of_unknown_networks_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_run(tmp_path / name)
    for name in ("a", "c"):
        (tmp_path / name / "config.json").unlink()
    with pytest.raises(UserError, match=r"detectors without config\.json, which .*: a, c; bring"):
        find_runs(tmp_path, [], "")
    assert [run.folder.name for run in find_runs(tmp_path, ["b"], "")] == ["b"]


def test_what_a_stopped_download_has_left_is_no_run(tmp_path: Path) -> None:
    write_run(tmp_path / "office")
    write_run(tmp_path / ".fetching-x1")
    assert [run.folder.name for run in find_runs(tmp_path, [], "")] == ["office"]
