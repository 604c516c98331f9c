"""What analyses judge: named in any way, on images that all have, whatever is wrong with one."""

import json
import os
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
from student.inference.label_sets import hash_checkpoint
from tests.analysis.evaluation.evaluation_projects import (
    SCRIPTS,
    Evaluation,
    Project,
    score,
    shelves_of,
    write_maps,
)
from util.config import read_config
from util.config.command_line import load_config
from util.data_classes import Boxes, BoxSettings
from util.disk.places import to_place
from util.errors import UserError
from util.images.files import find_images, write_soft_label
from util.label_set import MANIFEST, Content, LabelSetWriter, find_label_set
from util.learning.runs.used_images import use_images
from util.multi_teacher.combining import find_members


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_failed_image_is_left_out_for_all_and_said(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = made.test
    some = {image_id: made.test[image_id] for image_id in others}
    write_maps(made.folder / "label_sets" / "failed", some, {first: "it is truncated"})
    write_maps(made.folder / "label_sets" / "missing", some)
    assert made.run(evaluate) == 0
    table = made.table(name)
    assert [score(table, each) for each in ("good", "failed", "missing")] == [1, 1, 1]
    assert (table["images"] == 2).all()
    told = capsys.readouterr().err
    assert (
        f"1 of 3 images (Test) left out, since not all have a map of them: failed lacks {first}"
        in told
    )
    assert made.run(evaluate, "--evaluation.predictions", "good") == 0
    assert (made.table(name)["images"] == 3).all()
    assert "left out" not in capsys.readouterr().err


def test_the_reason_is_told_where_nothing_is_left_to_compare_with_the_baseline(
    made: Project,
) -> None:
    arguments = ["--evaluation.predictions", "typo", "--evaluation.baseline", "good"]
    for evaluate in (analysis.bbox_evaluation.main, analysis.pixel_evaluation.main):
        with pytest.raises(UserError, match="typo: there is no label set"):
            made.run(evaluate, *arguments)


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
@pytest.mark.parametrize("fault", ["unfinished", "damaged manifest", "damaged file", "not there"])
def test_a_bad_label_set_is_left_out_with_its_reason_and_stops_no_other(
    made: Project,
    evaluate: Evaluation,
    name: str,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = made.folder / "label_sets" / "bad"
    shutil.copytree(made.folder / "label_sets" / "good", bad)
    first = next(iter(made.test))
    if fault == "unfinished":
        (bad / "progress.jsonl").write_text('{"ready": false}\n')
    elif fault == "damaged manifest":
        (bad / "label_set.json").write_text("{")
    elif fault == "damaged file":
        (bad / "prediction.csv").write_text("image;xmin\n")
        (bad / f"{first}.png").write_bytes(b"no picture")
    else:
        shutil.rmtree(bad)
    named = [word for each in ("bad", "good") for word in ("--evaluation.predictions", each)]
    assert made.run(evaluate, *named, "--evaluation.baseline", "good") == 1
    assert score(made.table(name), "good") == 1
    assert set(made.table(name).index) == {"good"}
    assert "bad is left out: " in capsys.readouterr().err
    if fault != "not there":  # what cannot be judged is no baseline, which spoils no other
        assert made.run(evaluate, *named, "--evaluation.baseline", "bad") == 1
    with pytest.raises(UserError, match=r"nothing is left to judge\nbad: "):
        made.run(evaluate, "--evaluation.predictions", "bad")


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_label_set_of_other_images_is_passed_over_unless_it_was_asked_for(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_maps(made.folder / "label_sets" / "few", made.maps["Train"])
    assert made.run(evaluate) == 0
    assert set(made.table(name).index) == {"good"}
    assert "Passed over, since they have no map of any Test image: few" in capsys.readouterr().out
    named = ["--evaluation.predictions", "few", "--evaluation.predictions", "good"]
    assert made.run(evaluate, *named) == 1
    assert "few is left out: it has no map of any Test image" in capsys.readouterr().err
    with pytest.raises(UserError, match="nothing is left to judge"):
        made.run(evaluate, "--evaluation.predictions", "few")


def test_boxes_without_maps_are_passed_over_by_who_needs_maps_unless_they_were_asked_for(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    none = Boxes(np.zeros((0, 4)), np.zeros(0))
    with LabelSetWriter(made.folder / "label_sets" / "detector", {"producer": "test"}) as writer:
        for image_id, soft_label in made.test.items():
            writer.add(image_id, Content(None, boxes=none, size_hw=soft_label.shape), "1", 0)
        writer.finish(BoxSettings())
    for main in (analysis.pixel_evaluation.main, analysis.heatmaps.main):
        assert made.run(main) == 0
        told = capsys.readouterr().out
        assert "Passed over, since they hold boxes and no maps: detector" in told
        with pytest.raises(UserError, match="holds the boxes of a detector and no maps"):
            made.run(main, "--evaluation.predictions", "detector")
    assert made.run(analysis.bbox_evaluation.main) == 0
    assert set(made.table("bbox_evaluation").index) == {"good", "detector"}
    shutil.rmtree(made.folder / "label_sets" / "good")
    with pytest.raises(UserError, match=r"detector: .* holds the boxes of a detector"):
        made.run(analysis.pixel_evaluation.main)


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_label_set_whose_maps_somebody_has_changed_is_left_out(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mended = made.folder / "label_sets" / "mended"
    write_maps(mended, made.test)
    path = mended / f"{next(iter(made.test))}.png"
    write_soft_label(path, np.ones((5, 7)))
    later_ns = (mended / MANIFEST).stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later_ns, later_ns))
    assert made.run(evaluate) == 1
    assert set(made.table(name).index) == {"good"}
    assert "mended is left out: 1 map of " in capsys.readouterr().err


def test_label_sets_without_a_common_image_are_refused(made: Project) -> None:
    first, second, _ = made.test
    for image_id in (first, second):
        write_maps(made.folder / "label_sets" / image_id[-2:], {image_id: made.test[image_id]})
    with pytest.raises(UserError, match="there is no Test image of which all have a map"):
        made.run(analysis.bbox_evaluation.main)


@pytest.mark.parametrize(("evaluate", "_name"), SCRIPTS)
def test_label_sets_with_equal_maps_are_said_to_be_one(
    made: Project, evaluate: Evaluation, _name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made.folder / "label_sets"
    write_maps(folder / "gull", {i: np.zeros_like(each) for i, each in made.test.items()})
    assert made.run(evaluate) == 0
    assert "equal maps" not in capsys.readouterr().out
    for name in ("same", "twin"):
        write_maps(folder / name, made.test | made.maps["Validation"])
    assert made.run(evaluate) == 0
    told = capsys.readouterr().out
    assert "Label sets with equal maps are one: same = good, twin = good." in told


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


def test_who_asks_for_label_sets_that_are_not_there_sees_the_key_that_names_them(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match=r"there are: none. Label with these prompts first$"):
        find_members(tmp_path, ["gull"])
    (tmp_path / "swan").mkdir()
    with pytest.raises(UserError, match=r"are: swan. Label .* first, or set ranking.label_sets to"):
        find_members(tmp_path, ["gull"], "ranking.label_sets")


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


def test_what_an_earlier_checkpoint_has_predicted_is_not_taken_for_that_of_a_new_one(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(*options: str) -> list[str]:
        config, _ = load_config("", ["--config", str(made.config), *options])
        return [*find_label_sets(shelves_of(config), config.evaluation.predictions).sets]

    best = made.folder / "runs/student/best.pt"
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    settings = {"producer": "test", "checkpoint_sha256": hash_checkpoint(best)}
    with LabelSetWriter(best.parent / "Test", settings) as writer:
        writer.add("a", Content(np.zeros((4, 4))), "1", 0)
        writer.finish(BoxSettings())
    assert find() == ["good", "student/Test"]
    assert not capsys.readouterr().out
    best.write_bytes(b"other weights")
    assert find() == ["good"]
    assert "left out, though trained anew" in capsys.readouterr().out
    for named in ("student", str(best.parent / "Test" / "prediction.csv")):
        assert find("--evaluation.predictions", named) == ["student/Test"]
        assert "judged as named, though trained anew" in capsys.readouterr().out
    best.unlink()  # nobody knows better
    assert find() == ["good", "student/Test"]


def test_label_sets_in_deeper_folders_of_runs_are_not_judged(
    arguments: list[str], tmp_path: Path
) -> None:
    for folder in ("student/Test", "study/cells/student/Test", "student/Validation"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / MANIFEST).write_text("{}")
    config, _ = load_config("", arguments)
    assert [*find_label_sets(shelves_of(config), []).sets] == [
        "bird",
        "white_crest",
        "student/Test",
    ]


def test_without_any_label_set_there_is_nothing_to_judge(project: Path) -> None:
    config, _ = load_config("", ["--config", str(project)])
    with pytest.raises(UserError, match="there is no label set"):
        find_label_sets(shelves_of(config), config.evaluation.predictions)


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


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_predictions_of_images_that_their_run_has_learnt_from_are_told(
    made: Project, evaluate: Evaluation, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    run, paths = made.folder / "runs" / "student", find_images(made.folder / "images")
    write_maps(run / "Test", made.test)
    learnt, *others = made.test
    use_images([learnt, *made.ids("Train")], others[:1], paths)[0].write(run)
    assert made.run(evaluate) == 0
    end = "1 of 3 images of Test that it is judged on, so its figures are too good:"
    assert f"{run} has learnt from {end} {learnt}\n" in caplog.text
    assert f"{run} was validated on {end} {others[0]}\n" in caplog.text
    assert set(made.table(name).index) == {"good", "student/Test"}
    caplog.clear()
    assert made.run(evaluate, "--evaluation.predictions", "good") == 0
    assert "judged on" not in caplog.text
