"""Label sets and runs are found by their names, in any form, and have an order."""

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import analysis.bbox_evaluation
import analysis.evaluation.found_label_sets
import analysis.heatmaps
import analysis.pixel_evaluation
import util.csv_from_soft_labels
from analysis.evaluation.found_label_sets import find_baseline, find_label_sets
from analysis.evaluation.reading_order import name_in_order
from tests.analysis.evaluation.evaluation_projects import (
    SCRIPTS,
    Evaluation,
    Project,
    shelves_of,
    write_maps,
)
from util.config import read_config
from util.config.command_line import load_config
from util.disk.places import to_place
from util.errors import UserError
from util.label_set import find_label_set
from util.multi_teacher.combining import find_members


def test_label_sets_and_runs_are_named_wherever_paths_are(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("label_sets/white_crest", "runs/student/Test", "runs/student/Other", "maps"):
        shutil.copytree(made.folder / "label_sets" / "good", made.folder / place)
    (made.folder / "student").mkdir()  # as the folder of code is in the repository
    monkeypatch.chdir(made.folder)
    given = {
        "good": "good",
        "White crest": "white_crest",
        "student": "student/Test",
        "student/Other": "student/Other",
        "label_sets/white_crest": "white_crest",
        "runs/student/Test/": "student/Test",
        "runs/student": "student/Test",
        str(made.folder / "runs/student"): "student/Test",
        str(made.folder / "label_sets/good"): "good",
        "maps": str(made.folder / "maps"),
        "./maps": str(made.folder / "maps"),
        f"../{made.folder.name}/label_sets/good": "good",
        f"../{made.folder.name}/runs/student": "student/Test",
    }
    for words, shown in given.items():
        named = ["--evaluation.predictions", words, "--evaluation.baseline", words]
        config, _ = load_config("", ["--config", str(made.config), *named])
        shelves, settings = shelves_of(config), config.evaluation
        found = find_label_sets(shelves, settings.predictions)
        baseline = find_baseline(shelves, settings.baseline, found.sets)
        assert [*found.sets] == [baseline] == [shown], words
        made.run(util.csv_from_soft_labels.main, "--evaluation.soft_labels", words)
    config, _ = load_config("", ["--config", str(made.config), "--evaluation.predictions", "godo"])
    with pytest.raises(UserError, match=r"godo: .*; there are: good, white_crest, student/Test"):
        find_label_sets(shelves_of(config), config.evaluation.predictions).checked()


def test_what_runs_have_predicted_is_among_the_names_that_there_are(tmp_path: Path) -> None:
    predicted = tmp_path / "runs" / "student" / "predicted" / "spring--photos"
    for folder in (predicted, predicted.parents[1] / "Test", tmp_path / "label_sets" / "good"):
        write_maps(folder, {"a": np.zeros((4, 4), np.float32)})
    roots = (tmp_path / "label_sets", tmp_path / "runs", "Test")
    names = "good, student/Test, student/predicted/spring--photos"
    with pytest.raises(UserError, match=f"'photos'; there are: {names}$"):
        find_label_set(to_place("photos", tmp_path), *roots)
    assert find_label_set("student/predicted/spring--photos", *roots) == predicted


def test_a_way_back_begins_where_the_user_is_and_not_at_the_label_sets(tmp_path: Path) -> None:
    here = tmp_path / "here" / "label_sets" / "good"
    for folder in (here, tmp_path / "label_sets" / "good"):
        write_maps(folder, {"a": np.zeros((4, 4), np.float32)})
    place = to_place("../label_sets/good", tmp_path / "here" / "below")
    assert find_label_set(place, tmp_path / "label_sets", tmp_path / "runs", "Test") == here


@pytest.mark.parametrize(("on_disk", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_label_sets_and_runs_are_found_by_names_with_accents_in_either_form(
    tmp_path: Path, on_disk: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"]
) -> None:
    roots = (tmp_path / "label_sets", tmp_path / "runs", "Test")
    form, name = unicodedata.normalize(on_disk, "Möwe"), unicodedata.normalize(asked, "Möwe")
    written, bare = roots[0] / form, roots[0] / f"{form} 2"
    tested = roots[1] / f"{form} 3" / "Test"
    for folder in (written, tested):
        write_maps(folder, {"a": np.zeros((4, 4), np.float32)})
    bare.mkdir()
    for more, there in (("", written), (" 2", bare), (" 3", tested)):
        found = find_label_set(f"{name}{more}", *roots)
        assert found.samefile(there)
    assert find_label_set(str(written.with_name(name)), *roots).samefile(written)
    assert find_members(roots[0], [name])[0].samefile(written)


def test_a_folder_that_happens_to_have_the_name_of_a_run_is_no_label_set(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = made.folder / "clone"
    (elsewhere / "student").mkdir(parents=True)
    (elsewhere / "student" / "train.py").write_text("")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UserError, match=r"no label set, run, file or folder 'student'; .* good"):
        made.run(analysis.bbox_evaluation.main, "--evaluation.predictions", "student")
    (elsewhere / "student" / "train.py").unlink()
    write_maps(elsewhere / "student", made.test)
    assert made.run(analysis.bbox_evaluation.main, "--evaluation.predictions", "student") == 0
    for path in (elsewhere / "student").rglob("*.png"):
        path.unlink()  # a label set of boxes alone has no map
    assert shelves_of(read_config(made.config)).find("student") == elsewhere / "student"


def test_names_in_a_config_file_are_names_and_its_paths_begin_at_it(
    made: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copytree(made.folder / "label_sets" / "good", made.folder / "maps")
    config = json.loads(made.config.read_text())
    config["evaluation"] = {"predictions": ["good", "maps"], "baseline": "maps"}
    made.config.write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert made.run(analysis.bbox_evaluation.main) == 0
    assert set(made.table("bbox_evaluation").index) == {"good", str(made.folder / "maps")}
    assert set(made.table("bbox_differences").index) == {"good"}


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_label_sets_are_compared_in_the_order_of_the_config(
    made: Project, evaluate: Evaluation, name: str
) -> None:
    folder, runs = made.folder / "label_sets", made.folder / "runs"
    for each in ("white_crest", "combined", "also", "Bird"):
        write_maps(folder / each, made.test)
    for each in ("other", "student"):
        write_maps(runs / each / "Test", made.test)
    prompts = ["--teacher.prompts", "white crest", "--teacher.prompts", "Bird"]
    assert made.run(evaluate, *prompts, "--combination.label_sets", "Bird") == 0
    shown = list(made.table(name).index.unique())
    assert shown == [
        *("white_crest", "Bird", "combined"),
        *("also", "good"),
        *("student/Test", "other/Test"),
    ]
    asked = ["--evaluation.predictions", "good", "--evaluation.predictions", "Bird"]
    assert made.run(evaluate, *prompts, *asked) == 0
    assert list(made.table(name).index.unique()) == ["good", "Bird"]


def test_prompts_that_nobody_can_label_with_order_nothing() -> None:
    config, _ = load_config("", ["--teacher.prompts", "list:none", "--student.run", "mine"])
    order = name_in_order(config.teacher, config.combination, config.student)
    assert order[-2:] == ["combined", "mine"]
