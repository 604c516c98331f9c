"""What analyses judge, whatever is wrong with one of the label sets."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import analysis.bbox_evaluation
import analysis.evaluation.found_label_sets
import analysis.heatmaps
import analysis.pixel_evaluation
from analysis.evaluation.found_label_sets import find_label_sets
from student.inference.label_sets import hash_checkpoint
from tests.analysis.evaluation.evaluation_projects import (
    SCRIPTS,
    Evaluation,
    Project,
    score,
    shelves_of,
    write_maps,
)
from util.config.command_line import load_config
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import write_soft_label
from util.label_set import MANIFEST, Content, LabelSetWriter
from util.multi_teacher.combining import find_members


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


def test_who_asks_for_label_sets_that_are_not_there_sees_the_key_that_names_them(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match=r"there are: none. Label with these prompts first$"):
        find_members(tmp_path, ["gull"])
    (tmp_path / "swan").mkdir()
    with pytest.raises(UserError, match=r"are: swan. Label .* first, or set ranking.label_sets to"):
        find_members(tmp_path, ["gull"], "ranking.label_sets")


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
