"""What analyses judge: named in any way, on images that all have, whatever is wrong with one."""

import json
import shutil
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import analysis.bbox_evaluation
import analysis.evaluation.found_label_sets
import analysis.pixel_evaluation
import util.csv_from_soft_labels
from analysis.evaluation.found_label_sets import find_baseline, find_label_sets
from student.inference.label_sets import hash_checkpoint
from tests.conftest import make_project
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import read_soft_label
from util.label_set import Content, LabelSetWriter, find_label_set
from util.multi_teacher.combining import find_members

Evaluation = Callable[..., int]
SCRIPTS = [
    pytest.param(analysis.bbox_evaluation.main, "bbox_evaluation", id="boxes"),
    pytest.param(analysis.pixel_evaluation.main, "pixel_evaluation", id="pixels"),
]
NOTHING: Mapping[str, str] = {}


def write_maps(
    folder: Path,
    maps: Mapping[str, np.ndarray],
    failed: Mapping[str, str] = NOTHING,
    boxes: BoxSettings = BoxSettings(),  # noqa: B008  # frozen
) -> None:
    with LabelSetWriter(folder, {"producer": "test"}, box_settings=boxes) as writer:
        writer.pending({image_id: "1" for image_id in [*maps, *failed]})
        for image_id, soft_label in maps.items():
            writer.add(image_id, Content(soft_label), "1", 0.0)
        for image_id, reason in failed.items():
            writer.fail(image_id, reason)
        writer.finish(boxes)


class Project:
    """A project with perfect maps as the label set `good`."""

    def __init__(self, folder: Path) -> None:
        self.config = make_project(folder)
        self.folder = folder
        self.maps = {
            split: {i: self.perfect_map(i) for i in self.ids(split)}
            for split in ("Train", "Validation", "Test")
        }
        self.test = self.maps["Test"]
        write_maps(folder / "label_sets" / "good", self.test | self.maps["Validation"])

    def ids(self, split: str) -> list[str]:
        return (self.folder / "splits" / f"{split}.txt").read_text("utf-8").splitlines()

    def perfect_map(self, image_id: str) -> np.ndarray:
        levels = read_soft_label(self.folder / "masks" / f"{image_id}.png")
        return (levels > 0).astype(np.float32)

    def run(self, evaluate: Evaluation, *arguments: str) -> int:
        return evaluate(["--config", str(self.config), *arguments])

    def table(self, name: str) -> pd.DataFrame:
        table = pd.read_csv(self.folder / "runs" / f"{name}.csv")
        return table.set_index(table.columns[0])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # What is tested here does not depend on their number.
    monkeypatch.setattr(analysis.evaluation.found_label_sets, "resamples_for", lambda _: 100)
    script = analysis.bbox_evaluation
    monkeypatch.setattr(script, "draw_precision_recall", lambda path, *_: path.write_bytes(b""))
    return Project(tmp_path)


def score(table: pd.DataFrame, name: str) -> float:
    """The score that is 1 for perfect maps: F1 at IoU 0.5, or pixel average precision."""
    if "iou_low" in table:  # of pixels
        return float(table.loc[name, "average_precision"])
    rows = table.loc[[name]]
    return float(rows.loc[rows["iou"] == 0.5, "f1"].iloc[0])


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_perfect_maps_score_1_and_the_table_says_what_chance_would(
    made: Project, evaluate: Evaluation, name: str
) -> None:
    assert made.run(evaluate) == 0
    table = made.table(name)
    assert score(table, "good") == 1
    assert (table["split"] == "Test").all()
    assert (table["images"] == 3).all()
    assert (table["empty_share"] == 0).all()
    if name == "pixel_evaluation":
        share = np.concatenate([each.ravel() for each in made.test.values()]).mean()
        assert table.loc["good", "chance_average_precision"] == pytest.approx(share)
        assert table.loc["good", "chance_iou"] == pytest.approx(share)
        assert table.loc["good", "chance_dice"] == pytest.approx(2 * share / (1 + share))
    else:
        assert table["chance_f1"].iloc[-1] == 1  # there is a bird in every image
        assert (made.table("bbox_average_precision")["chance_AP50"] == 0).all()


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
        f"1 of 3 Test images are left out, since not all have a map of them: failed lacks {first}"
        in told
    )
    assert made.run(evaluate, "--evaluation.predictions", "good") == 0
    assert (made.table(name)["images"] == 3).all()
    assert "left out" not in capsys.readouterr().err


def test_an_image_without_a_row_in_a_csv_of_others_has_no_detection(
    made: Project, tmp_path: Path
) -> None:
    lines = (made.folder / "label_sets" / "good" / "prediction.csv").read_text("utf-8").splitlines()
    first = next(iter(made.test))
    kept = [line for line in lines if not line.startswith(f"{first};")]
    (tmp_path / "boxes.csv").write_text("\n".join(kept), "utf-8")
    place = str(tmp_path / "boxes.csv")
    assert made.run(analysis.bbox_evaluation.main, "--evaluation.predictions", place) == 0
    table = made.table("bbox_evaluation")
    assert (table["images"] == 3).all()
    assert score(table, place) < 1
    beside = made.folder / "label_sets" / "good" / "mine.csv"  # does not make it the set's own
    shutil.copy(tmp_path / "boxes.csv", beside)
    arguments = ["--evaluation.predictions", str(beside), "--evaluation.predictions", place]
    assert made.run(analysis.bbox_evaluation.main, *arguments) == 0
    columns = ["metric", "iou", "true_positives", "false_positives", "false_negatives"]
    rows = [
        rows[columns].to_numpy().tolist()
        for _, rows in made.table("bbox_evaluation").groupby(level=0)
    ]
    assert str(rows[0]) == str(rows[1])


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


def test_label_sets_without_a_common_image_are_refused(made: Project) -> None:
    first, second, _ = made.test
    for image_id in (first, second):
        write_maps(made.folder / "label_sets" / image_id[-2:], {image_id: made.test[image_id]})
    with pytest.raises(UserError, match="there is no Test image of which all have a map"):
        made.run(analysis.bbox_evaluation.main)


@pytest.mark.parametrize(("evaluate", "name"), SCRIPTS)
def test_a_table_in_which_nothing_was_found_says_so(
    made: Project, evaluate: Evaluation, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = {image_id: np.zeros_like(each) for image_id, each in made.test.items()}
    write_maps(made.folder / "label_sets" / "whale", nothing)
    assert made.run(evaluate) == 0
    assert ": there is no" in (told := capsys.readouterr().out)
    assert "in any image of whale" in told
    table = made.table(name)
    assert (table.loc["whale", "empty_share"] == 1).all()
    assert (table.loc["good", "empty_share"] == 0).all()
    assert made.run(evaluate, "--evaluation.predictions", "whale") == 0
    assert "Nothing was found at all" in capsys.readouterr().out


def test_pixels_that_nowhere_reach_the_threshold_are_no_finds_and_their_share_is_shown(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = made.test
    faint = {image_id: np.float32(0.25) * made.test[image_id] for image_id in others}
    write_maps(made.folder / "label_sets" / "faint", faint | {first: made.test[first]})
    for threshold, share in (("0.5", 2 / 3), ("0.2", 0)):
        given = ("--evaluation.threshold", threshold)
        assert made.run(analysis.pixel_evaluation.main, *given) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[-1] for line in lines if line.split()[:1] == ["faint"]][1] == (
            f"{share:.4f}"
        )
        assert made.table("pixel_evaluation").loc["faint", "empty_share"] == pytest.approx(share)
    write_maps(
        made.folder / "label_sets" / "fainter", faint | {first: np.float32(0.1) * made.test[first]}
    )
    assert made.run(analysis.pixel_evaluation.main) == 0
    assert "Empty: there is no pixel above the threshold in any image of fainter" in (
        capsys.readouterr().out
    )


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
    }
    for words, shown in given.items():
        named = ["--evaluation.predictions", words, "--evaluation.baseline", words]
        config, _ = load_config("", ["--config", str(made.config), *named])
        found = find_label_sets(config)
        assert [*found.sets] == [find_baseline(config, found.sets)] == [shown], words
        made.run(util.csv_from_soft_labels.main, "--evaluation.soft_labels", words)
    config, _ = load_config("", ["--config", str(made.config), "--evaluation.predictions", "godo"])
    with pytest.raises(UserError, match=r"godo: .*; there are: good, white_crest, student/Test"):
        find_label_sets(config).checked()


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


def test_pixels_count_above_the_threshold_of_the_label_set_unless_another_is_given(
    made: Project,
) -> None:
    faint = {image_id: each * np.float32(0.1) for image_id, each in made.test.items()}
    folder = made.folder / "label_sets" / "faint"
    write_maps(folder, faint, boxes=BoxSettings(threshold=0.02))
    assert made.run(analysis.pixel_evaluation.main) == 0
    table = made.table("pixel_evaluation")
    assert table.loc[["good", "faint"], "threshold"].tolist() == [0.5, 0.02]
    assert table.loc[["good", "faint"], "iou"].tolist() == [1, 1]
    assert made.run(analysis.pixel_evaluation.main, "--evaluation.threshold", "0.3") == 0
    assert made.table("pixel_evaluation").loc["faint", "iou"] == 0


def test_the_metric_of_the_thesis_has_larger_boxes_than_the_others(made: Project) -> None:
    # Two pixels beside each bird is no find, unless boxes are three pixels larger on each side.
    beside = {image_id: np.zeros_like(each) for image_id, each in made.test.items()}
    for image_id, each in beside.items():
        rows, columns = np.nonzero(made.test[image_id])
        each[rows.min(), columns.max() + 2 if columns.max() + 2 < each.shape[1] else 0] = 1
    write_maps(made.folder / "label_sets" / "beside", beside)
    shutil.copy(made.folder / "label_sets" / "beside" / "prediction.csv", made.folder / "bare.csv")
    named = ["--evaluation.predictions", "beside", "--evaluation.predictions", "bare.csv"]
    arguments = [*named[:3], str(made.folder / named[3])]
    assert made.run(analysis.bbox_evaluation.main, *arguments) == 0
    table = made.table("bbox_evaluation")
    found = table.loc["beside"].set_index("metric")["true_positives"]
    assert found["thesis"] > 0
    assert (found["one_to_one"] == 0).all()
    bare = table.loc[str(made.folder / "bare.csv")].set_index("metric")["true_positives"]
    assert bare["thesis"] == 0


def test_what_an_earlier_checkpoint_has_predicted_is_not_taken_for_that_of_a_new_one(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(*options: str) -> list[str]:
        config, _ = load_config("", ["--config", str(made.config), *options])
        return [*find_label_sets(config).sets]

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


def test_without_any_label_set_there_is_nothing_to_judge(project: Path) -> None:
    config, _ = load_config("", ["--config", str(project)])
    with pytest.raises(UserError, match="there is no label set"):
        find_label_sets(config)
