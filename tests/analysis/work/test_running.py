"""Cells that run in processes: what is killed, stopped or fails, and what goes on."""

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

import analysis.prompt_study
from tests.analysis.study_projects import make_study, tables_of
from tests.processes import Script
from tests.stages import arguments, stop_at_write

study = analysis.prompt_study.main


def test_a_failed_cell_is_reported_and_stops_no_other(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--study.name=broken", "--study.training_seeds=0"]
    more += ["--study.architectures=unet", "--study.architectures=NoSuchNet"]
    assert study(arguments(finished, *more)) == 1
    error = capsys.readouterr().err
    assert "5 of 13 cells failed" in error
    assert "NoSuchNet" in error
    folder = finished.parent / "runs" / "broken"
    cells = pd.read_csv(folder / "cells.csv")
    failed = cells[cells["status"] == "failed"]
    assert failed["cell"].str.contains("NoSuchNet").all()
    assert "NoSuchNet" in (folder / "report.html").read_text()


def test_a_process_that_is_killed_takes_only_its_cell_along(tmp_path: Path) -> None:
    project = make_study(tmp_path, prompts=["bird"], strategies=[], training_seeds=[0, 1])
    slow = ["--student.epochs=60", "--student.patience=60"]
    running = start(project, *slow)
    wait_for_training(tmp_path)
    os.kill(workers(running.pid)[0], signal.SIGKILL)
    _, error = running.communicate()
    assert running.returncode == 1, error
    assert "its process was ended from outside" in error
    cells = pd.read_csv(tmp_path / "runs" / "study" / "cells.csv")
    assert cells["status"].value_counts().to_dict() == {"done": 2, "failed": 1}


def start(project: Path, *more: str) -> Script:
    return Script("analysis/prompt_study.py", *arguments(project, *more))


def children(parent: int) -> list[int]:
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def workers(study: int) -> list[int]:
    """Processes that work on the cells of a study: forked by a child of it."""
    return [worker for child in children(study) for worker in children(child)]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended but that nobody has asked about does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_training(folder: Path) -> None:
    """Wait until students are in training."""
    for _ in range(3000):
        if list(folder.glob("cells/student-*/last.pt")):
            return
        time.sleep(0.1)
    raise AssertionError("no student was trained within five minutes")


def test_a_study_that_is_killed_leaves_no_process_and_ends_with_the_same_tables(
    finished: Path, tmp_path: Path
) -> None:
    project = make_study(tmp_path)
    running = start(project)
    wait_for_training(tmp_path)
    ours = workers(running.pid)
    assert ours
    running.kill()
    running.communicate()
    for _ in range(600):
        if not any(map(is_alive, ours)):
            break
        time.sleep(0.1)
    assert not any(map(is_alive, ours))
    assert study(arguments(project)) == 0
    assert tables_of(project) == tables_of(finished)


def test_a_study_that_is_interrupted_says_so_in_one_sentence(tmp_path: Path) -> None:
    project = make_study(tmp_path, prompts=["bird"], strategies=[])
    running = start(project, "--student.epochs=200", "--student.patience=200")
    wait_for_training(tmp_path)
    ours = workers(running.pid)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate()
    assert running.returncode == 130
    assert error.splitlines()[-1].startswith("interrupted; finished work is kept")
    assert "Traceback" not in error
    assert not any(map(is_alive, ours))


@pytest.mark.parametrize("write", [1, 9, 18])
def test_a_study_stopped_at_any_write_goes_on(tmp_path: Path, write: int) -> None:
    project = make_study(tmp_path, prompts=["bird"], training_seeds=[0], strategies=[])
    stopped = stop_at_write(project, "analysis/prompt_study.py", write, signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL, stopped.stderr
    assert study(arguments(project)) == 0
    assert not list(tmp_path.rglob("*.tmp"))


def test_shares_of_several_processes_make_each_cell_once(finished: Path, tmp_path: Path) -> None:
    project = make_study(tmp_path)
    shares = [start(project, "--cell", f"{index}/2") for index in range(2)]
    for share in shares:
        _, error = share.communicate()
        assert share.returncode == 0, error
    assert not (tmp_path / "runs").exists()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/best.pt")}
    assert len(before) == 10
    assert study(arguments(project)) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert tables_of(project) == tables_of(finished)
