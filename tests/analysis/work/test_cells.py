"""Cells of a study: made once, found again wherever they lie, mended where a file is lost."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import analysis.prompt_study
import analysis.work.images
import analysis.work.making
import analysis.work.running
import util.disk.fingerprints
import util.running.locks
from analysis.work.cells import Cell, find_finished, find_outcome
from analysis.work.contents import beside, content_of, hash_names
from analysis.work.images import Images
from analysis.work.making import make, printing_to
from analysis.work.plan import Plan
from analysis.work.running import run_plan, run_share
from analysis.work.stages import Labelling
from tests.analysis.study_projects import make_study, plan_study, run_here
from tests.stages import arguments
from util.config import override_config
from util.errors import PromptError, UserError
from util.images.files import read_image, write_image
from util.label_set import LabelSet
from util.running.shares import Share

study = analysis.prompt_study.main

TWINS = {"prompts": ["whale", "cat", "bird"], "strategies": ["mean"], "training_seeds": [0]}
"""Of a study: two prompts for which nothing is found, and one for which something is."""


def make_all(plan: Plan) -> list[str]:
    return [make(cell).status for cell in plan.cells]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose cells are made; tests may read it, not change it."""
    project = make_study(tmp_path_factory.mktemp("made"), epochs=1, **TWINS)
    assert set(make_all(plan_study(project))) == {"done"}
    return project


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """A copy of it, elsewhere, which a test may change."""
    shutil.copytree(made.parent, tmp_path / "project")
    return tmp_path / "project" / made.name


def stamps(project: Path) -> dict[Path, int]:
    """When each file of the cells that takes work was written."""
    return {
        path.relative_to(project.parent): path.stat().st_mtime_ns
        for path in (project.parent / "cells").rglob("*")
        if path.suffix in (".pt", ".png", ".npz", ".csv")
    }


def test_a_copied_project_finds_all_its_cells(made: Path, copied: Path) -> None:
    plan = plan_study(copied)
    assert all(copied.parent in cell.folder.parents for cell in plan.cells)
    assert find_finished(plan.cells) == set(plan.cells)
    before = stamps(copied)
    assert set(make_all(plan)) == {"done"}
    assert stamps(copied) == before


LOST = [
    "teacher/bird/flight 0/möwe_03.png",
    "teacher/bird/prediction.csv",
    "teacher/bird/label_set.json",
    "teacher/bird/records.jsonl",
    "combination/flight 0/möwe_03.png",
    "combination/prediction.csv",
    "combination/label_set.json",
    "combination/records.jsonl",
    "student/best.pt",
    "student/last.pt",
    "student/run.json",
    "student/metrics.csv",
    "student/curves.png",
    "student/Test/flight 1/möwe_09.png",
    "student/Test/prediction.csv",
    "student/Test/label_set.json",
    "student/Test/records.jsonl",
    "student/Test_metrics.csv",
]


def pick_cell(plan: Plan, kind: str) -> Cell:
    """The teacher, the combination, or the student of the bird."""
    return {
        "teacher": plan.teachers[0],
        "combination": plan.combinations[0],
        "student": next(cell for cell in plan.students if cell.name.startswith("bird")),
    }[kind]


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_file_is_made_anew_as_it_was_and_nothing_else(copied: Path, lost: str) -> None:
    kind, _, name = lost.partition("/")
    plan = plan_study(copied)
    cell = pick_cell(plan, kind)
    path = cell.folder / name
    content = path.read_bytes()
    others = {c: c.folder for c in plan.cells if c is not cell}
    before = stamps(copied)
    path.unlink()
    assert cell not in find_finished(plan.cells)
    assert set(make_all(plan)) == {"done"}
    assert path.exists()
    if path.suffix == ".png" and "möwe" in name:
        assert path.read_bytes() == content
    assert {c: c.folder for c in others} == others  # so equal maps have been made
    after = stamps(copied)
    ours = cell.folder.relative_to(copied.parent)
    rewritten = {file for file, stamp in after.items() if before.get(file) != stamp}
    assert all(ours in file.parents for file in rewritten)
    assert find_finished(plan.cells) == set(plan.cells)


def test_a_lost_best_checkpoint_is_learnt_again_to_the_same_maps(copied: Path) -> None:
    cell = pick_cell(plan_study(copied), "student")
    before = LabelSet(cell.folder / "Test").read("flight 1/möwe_09")
    (cell.folder / "best.pt").unlink()
    assert make(cell).status == "done"
    np.testing.assert_array_equal(LabelSet(cell.folder / "Test").read("flight 1/möwe_09"), before)


def test_a_lost_or_damaged_record_is_written_again_without_training_anew(copied: Path) -> None:
    cell = pick_cell(plan_study(copied), "student")
    before = (cell.folder / "best.pt").stat().st_mtime_ns
    for text in (None, "{", "[]", '{"reason": ""}'):
        beside(cell.folder).unlink()
        if text is not None:
            beside(cell.folder).write_text(text)
        assert find_outcome(cell) is None
        assert make(cell).status == "done"
        assert find_outcome(cell) is not None
    assert (cell.folder / "best.pt").stat().st_mtime_ns == before


def test_equal_label_sets_have_one_student(made: Path) -> None:
    students = {cell.name.split(",")[0]: cell for cell in plan_study(made).students}
    assert students["whale"].folder == students["cat"].folder
    assert students["bird"].folder != students["cat"].folder
    assert len(list((made.parent / "cells").glob("student-*/best.pt"))) == 3


def test_students_of_equal_label_sets_are_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_study(
        tmp_path, epochs=1, prompts=["whale", "cat"], strategies=[], training_seeds=[0]
    )
    plan = plan_study(project)
    monkeypatch.setattr(analysis.work.running, "_run_at_once", run_here)
    outcomes = run_plan(plan, 2)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert len({outcomes[cell].folder for cell in plan.students}) == 1
    logs = list((tmp_path / "cells").glob("student-*.log"))
    assert len(logs) == 1
    assert logs[0].read_text().count("is kept") == 1


def test_a_new_set_of_maps_of_one_teacher_keeps_the_old_ones(copied: Path) -> None:
    before = stamps(copied)
    plan = plan_study(
        copied, "--study.prompts=bird", "--study.prompts=gull", "--study.strategies=[]"
    )
    assert make(plan.teachers[0]).status == "done"
    after = stamps(copied)
    assert {path: after[path] for path in before} == before
    plan = plan_study(copied)
    assert find_finished(plan.cells) == set(plan.cells)


def test_an_exchanged_test_image_trains_no_student_anew(copied: Path) -> None:
    before = plan_study(copied)
    students = {cell.name: cell.folder for cell in before.students}
    trained = {path: path.stat().st_mtime_ns for path in copied.parent.glob("cells/*/best.pt")}
    test_id, *_ = (copied.parent / "splits/Test.txt").read_text(encoding="utf-8").split("\n")
    write_image(copied.parent / "images" / f"{test_id}.png", np.full((64, 64, 3), 60, np.uint8))
    after = plan_study(copied)
    assert set(make_all(after)) == {"done"}
    assert {cell.name: cell.folder for cell in after.students} == students
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    assert {path: path.stat().st_mtime_ns for path in copied.parent.glob("cells/*/best.pt")} == (
        trained
    )
    tested = LabelSet(pick_cell(after, "student").folder / "Test")
    assert test_id in tested.ids


def test_a_project_that_was_copied_without_hidden_files_has_lost_nothing(copied: Path) -> None:
    plan = plan_study(copied)
    hidden = [path for path in (copied.parent / "cells").rglob(".*") if path.is_file()]
    assert any(cell.folder in path.parents for path in hidden for cell in plan.students)
    for path in hidden:
        path.unlink()
    assert find_finished(plan.cells) == set(plan.cells)


def test_an_exchanged_image_is_labelled_anew_and_the_others_are_not(copied: Path) -> None:
    before = plan_study(copied)
    old = LabelSet(before.label_sets["", "bird"].folder)
    exchanged = next(image_id for image_id in old.ids if old.read(image_id).any())
    write_image(copied.parent / "images" / f"{exchanged}.png", np.full((64, 64, 3), 60, np.uint8))
    after = plan_study(copied)
    assert make(after.teachers[0]).status == "done"
    new = LabelSet(after.label_sets["", "bird"].folder)
    assert new.folder != old.folder
    for image_id in old.ids:
        is_kept = old.path(image_id).samefile(new.path(image_id))
        assert is_kept == (image_id != exchanged)
    assert old.read(exchanged).any()  # the old cell is what it was
    assert not new.read(exchanged).any()


def test_a_student_sees_an_exchanged_image_whose_maps_are_the_same(copied: Path) -> None:
    before = plan_study(copied)
    for path in (copied.parent / "images").rglob("*0[0-5].png"):  # nothing is found as before
        write_image(path, (read_image(path) * 0.98).astype(np.uint8))
    after = plan_study(copied)
    make(after.teachers[0])
    whales = [plan.label_sets["", "whale"].folder for plan in (before, after)]
    assert content_of(whales[0]) == content_of(whales[1])
    assert before.students[0].folder != after.students[0].folder


def test_a_changed_test_split_is_predicted_without_training_anew(copied: Path) -> None:
    cell = pick_cell(plan_study(copied), "student")
    checkpoint = (cell.folder / "best.pt").stat().st_mtime_ns
    splits = copied.parent / "splits"
    (splits / "Test.txt").write_text("flight 1/möwe_09\nflight 0/möwe_00\n", encoding="utf-8")
    changed = pick_cell(plan_study(copied), "student")
    assert changed.folder == cell.folder
    assert find_outcome(changed) is None
    assert make(changed).status == "done"
    assert LabelSet(cell.folder / "Test").ids == ["flight 0/möwe_00", "flight 1/möwe_09"]
    other = pick_cell(plan_study(copied, "--data.test_split=Validation"), "student")
    assert make(other).status == "done"
    assert find_outcome(changed) is not None  # the other split has a place of its own
    assert (cell.folder / "best.pt").stat().st_mtime_ns == checkpoint


def test_a_prompt_that_fails_leaves_the_others_to_learn_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_study(tmp_path, epochs=1, prompts=["bird", "whale"], training_seeds=[0])
    plan = plan_study(project)
    label = Labelling.run

    def label_half(stage: Labelling, folder: Path, reads: Sequence[Path]) -> int:
        told = override_config(stage.config, {"teacher": {"prompts": ["bird"]}})
        assert label(Labelling(told), folder, reads) == 0
        raise PromptError("the model cannot take 'whale'")

    monkeypatch.setattr(Labelling, "run", label_half)
    monkeypatch.setattr(analysis.work.running, "_run_at_once", run_here)
    outcomes = run_plan(plan, 1)
    by_name = {cell.name: outcome for cell, outcome in outcomes.items()}
    assert by_name["2 prompts"].status == by_name["bird, unet, seed 0"].status == "done"
    assert by_name["2 prompts"].reason == "the model cannot take 'whale'"
    assert by_name["whale, unet, seed 0"].status == "failed"
    assert "cannot take 'whale'" in by_name["whale, unet, seed 0"].reason
    assert by_name["all 2: mean"].status == "failed"
    assert find_outcome(plan.teachers[0]) is None  # it is tried again
    monkeypatch.undo()
    assert set(make_all(plan)) == {"done"}


def test_shares_leave_images_that_failed_to_the_study_so_that_others_can_read_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_study(tmp_path, prompts=["bird", "gull"], strategies=["mean"], training_seeds=[])
    damaged = tmp_path / "images" / "flight 0" / "damaged.png"
    damaged.write_bytes(b"no image")
    labelled: list[Path] = []
    label = Labelling.run

    def count(stage: Labelling, folder: Path, reads: Sequence[Path]) -> int:
        labelled.append(folder)
        return label(stage, folder, reads)

    monkeypatch.setattr(Labelling, "run", count)
    for index in range(2):
        plan = plan_study(project)
        outcomes = run_share(plan, Share(index, 2))
        assert {outcome.status for outcome in outcomes.values()} == {"done"}
        assert "some images failed" in outcomes[plan.teachers[0]].reason
        assert len(labelled) == 1
    monkeypatch.setattr(analysis.work.running, "_run_at_once", run_here)
    assert "some images failed" in run_plan(plan, 1)[plan.teachers[0]].reason
    assert len(labelled) == 2  # it may have been the disk


def test_shares_ask_once_for_a_prompt_that_fails_and_for_those_that_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    label = Labelling.run

    def label_some(stage: Labelling, folder: Path, reads: Sequence[Path]) -> int:
        asked.append(stage.config.teacher.prompts)
        told = override_config(stage.config, {"teacher": {"prompts": asked[-1][1:]}})
        assert label(Labelling(told), folder, reads) == 0
        raise PromptError("the model cannot take 'whale'")

    monkeypatch.setattr(Labelling, "run", label_some)
    project = make_study(tmp_path, strategies=[], training_seeds=[])
    for prompts in (["whale", "bird"], ["whale", "bird"], ["whale", "bird", "gull"]):
        plan = plan_study(project, *(f"--study.prompts={prompt}" for prompt in prompts))
        outcomes = run_share(plan, Share())
        assert [outcome.status for outcome in outcomes.values()] == ["done"]
        assert outcomes[plan.teachers[0]].reason == "the model cannot take 'whale'"
    assert asked == [["whale", "bird"], ["whale", "bird", "gull"]]


def test_a_start_that_fails_costs_no_cell(copied: Path) -> None:
    plan = plan_study(copied)
    before, names = stamps(copied), sorted((copied.parent / "cells").iterdir())
    bad = [["--teacher.tile_size_px=64"], ["--data.validation_split=None"]]
    bad += [["--study.prompts=bird", "--data.images=nowhere"], ["--data.masks=null"]]
    for more in bad:
        with pytest.raises(UserError):
            study(arguments(copied, *more, "--study.calibrations=isotonic"))
    assert stamps(copied) == before
    assert find_finished(plan.cells) == set(plan.cells)
    assert set(names) <= set((copied.parent / "cells").iterdir())


def test_a_task_of_a_job_array_labels_all_images_of_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_study(tmp_path, epochs=1, prompts=["bird"], strategies=[], training_seeds=[])
    for key, value in {"ID": "1", "MIN": "0", "COUNT": "2"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{key}", value)
    plan = plan_study(project)
    assert make_all(plan) == ["done"]
    assert len(LabelSet(plan.label_sets["", "bird"].folder).ids) == 12
    assert os.environ["SLURM_ARRAY_TASK_COUNT"] == "2"


def test_a_moved_study_run_again_makes_nothing_anew_and_reads_each_image_once_at_most(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert study(arguments(copied)) == 0
    before = stamps(copied)
    shutil.move(copied.parent, tmp_path / "moved")
    moved = tmp_path / "moved" / copied.name
    read: Counter[Path] = Counter()

    def fingerprint(paths: Sequence[Path]) -> str:
        read.update(paths)
        return util.disk.fingerprints.fingerprint(paths)

    def run_at_once(cells: Sequence[Cell], num_processes: int) -> None:
        raise AssertionError(f"{cells} are finished")

    monkeypatch.setattr(analysis.work.images, "fingerprint", fingerprint)
    monkeypatch.setattr(analysis.work.running, "_run_at_once", run_at_once)
    for more in ([], ["--plan"]):
        read.clear()
        assert study(arguments(moved, *more)) == 0
        assert set(read.values()) == {1}
        assert len(read) == 12
    assert stamps(moved) == before


def test_a_file_system_without_locks_is_one_sentence(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(*arguments: object, **names: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(util.running.locks.FileLock, "acquire", acquire)
    outcome = make(plan_study(copied).teachers[0])
    assert outcome.status == "failed"
    assert "has no file locks" in outcome.reason


def test_names_of_files_tell_what_is_lost_and_not_what_is_hidden(tmp_path: Path) -> None:
    for name in ("a/möwe.png", "b.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    before = hash_names(tmp_path)
    (tmp_path / "a" / ".lock").touch()
    (tmp_path / "a" / "möwe.png").rename(tmp_path / "a" / "mo\u0308we.png")  # decomposed
    assert hash_names(tmp_path) == before
    (tmp_path / "b.csv").unlink()
    assert hash_names(tmp_path) != before


def test_names_that_are_not_utf8_have_hashes_and_go_into_logs(tmp_path: Path) -> None:
    name = os.fsdecode(b"m\xf6we")
    images = Images({name: tmp_path / f"{name}.png"})
    assert images.hash([name]) != images.hash([])
    with printing_to(tmp_path / "log"):
        print(f"{name} failed")
    assert (tmp_path / "log").read_text() == "m\\udcf6we failed\n"
