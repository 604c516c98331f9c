"""The prompt study as a user runs it, on a small project; its tables, processes and arms."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import analysis.bbox_evaluation
import analysis.pixel_evaluation
import analysis.prompt_study
import analysis.study.scoring
from analysis.prompt_study import cross
from analysis.study.examples import choose_images
from analysis.study.notes import _note_statistics
from analysis.study.scoring import PIXEL_SCORES, Metric, resampled_for_pairs
from analysis.work.judging import count_label_set
from tests.analysis.study_projects import conclude_study, configure, judge_study, make_study
from tests.conftest import COLOUR_ALONE
from tests.stages import arguments
from util.errors import UserError
from util.images.files import read_image, write_image
from util.metrics.intervals import bootstrap
from util.metrics.scores import f1

study = analysis.prompt_study.main


def read_table(project: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(project.parent / "runs" / "study" / "tables" / f"{name}.csv")


def test_the_report_figures_tables_and_config_are_written(finished: Path) -> None:
    folder = finished.parent / "runs" / "study"
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "figures", "tables", "cells.csv", "config.json"} <= names
    cells = pd.read_csv(folder / "cells.csv")
    assert cells["kind"].value_counts().to_dict() == {"student": 10, "combination": 2, "teacher": 1}
    assert (cells["status"] == "done").all()
    assert (cells["seconds"] > 0).all()


def test_scores_are_those_of_the_evaluation_script(finished: Path) -> None:
    scores = read_table(finished, "scores").set_index("label_set")
    expected = ["bird", "crest, white", "whale", "all 3: mean", "all 3: majority:2"]
    assert scores.index.tolist() == expected
    cells = pd.read_csv(finished.parent / "runs" / "study" / "cells.csv").set_index("cell")
    birds = [cells.loc[f"bird, unet, seed {seed}", "folder"] for seed in (0, 1)]
    teacher = Path(cells[cells["kind"] == "teacher"]["folder"].iloc[0]) / "bird"
    label_sets = [teacher, *(Path(folder) / "Test" for folder in birds)]
    named = [word for path in label_sets for word in ("--evaluation.predictions", str(path))]
    assert analysis.bbox_evaluation.main(arguments(finished, *named)) == 0
    table = pd.read_csv(finished.parent / "runs" / "bbox_evaluation.csv")
    thesis = table[table["metric"] == "thesis"]["f1"].to_numpy()
    assert scores.loc["bird", "teacher"] == pytest.approx(thesis[0], abs=1e-6)
    assert scores.loc["bird", "student"] == pytest.approx(thesis[1:].mean(), abs=1e-6)
    assert scores.loc["bird", "students"] == 2
    assert scores.loc["whale", "teacher"] < scores.loc["bird", "teacher"]


def test_pixel_scores_are_nearly_those_of_the_evaluation_script(finished: Path) -> None:
    metrics = read_table(finished, "metrics").set_index(["label_set", "who", "metric"])["score"]
    cells = pd.read_csv(finished.parent / "runs" / "study" / "cells.csv")
    (teacher,) = cells[cells["kind"] == "teacher"]["folder"]
    label_set = str(Path(teacher) / "bird")
    more = arguments(finished, "--evaluation.predictions", label_set)
    assert analysis.pixel_evaluation.main(more) == 0
    exact = pd.read_csv(finished.parent / "runs" / "pixel_evaluation.csv").iloc[0]
    for name, column in PIXEL_SCORES.items():
        # Levels are counted in bins, which costs a little.
        assert metrics["bird", "teacher", name] == pytest.approx(exact[column], abs=0.005)


def test_the_largest_size_of_the_curve_is_the_combination_of_all(finished: Path) -> None:
    scores = read_table(finished, "scores").set_index("label_set")
    gain = read_table(finished, "gain").set_index(["who", "strategy", "size"])
    for strategy in ("mean", "majority:2"):
        for who in ("teacher", "student"):
            of_all = scores.loc[f"all 3: {strategy}", who]
            assert gain.loc[(who, strategy, 3), "score"] == pytest.approx(of_all)
            singles = scores.loc[scores["kind"] == "prompt", who]
            assert gain.loc[(who, strategy, 1), "score"] == pytest.approx(singles.mean())
            over_best = gain.loc[(who, strategy, 3), "over_best"]
            assert over_best == pytest.approx(of_all - singles.max())
    assert gain.loc[("teacher", "mean", 2), "groups"] == 3


def test_the_curve_over_sizes_learns_a_consensus_anew_for_each_group(finished: Path) -> None:
    more = ["--study.strategies=consensus", "--study.training_seeds=[]"]
    (arm,) = conclude_study(finished, *more).arms
    scores = arm.scores.set_index("label_set")["teacher"]
    gain = arm.gain.set_index(["who", "strategy", "size"])
    assert gain.loc[("teacher", "consensus", 3), "score"] == scores["all 3: consensus"]
    assert gain.loc[("teacher", "consensus", 2), "groups"] == 3


def test_examples_are_typical_the_worst_and_where_prompts_disagree() -> None:
    scores = np.array([[0.5, 0.9, 0.0, 1.0, 0.6, 1.0], [0.5, 0.9, 0.1, 0.45, 0.6, 1.0]])
    found = np.array([1, 1, 1, 1, 1, 0])  # nothing is to be found in the last image
    metric = Metric("", "pixels", None, lambda rows: rows[..., 0] / rows[..., 1].clip(1))
    counts = [{"pixels": np.stack([row * found, found], axis=1)} for row in scores]
    chosen = choose_images(counts, metric)
    assert {index: why.split(":")[0] for index, why in chosen.items()} == {
        0: "typical",
        4: "typical",
        3: "the prompts disagree most",
        2: "worst",
    }
    for alike in ([counts[1]], [counts[1], counts[1], counts[1]]):
        chosen = choose_images(alike, metric)
        assert {why.split(":")[0] for why in chosen.values()} == {"typical", "worst"}


def test_images_with_nothing_but_false_alarms_are_shown_where_there_are_no_others() -> None:
    found = np.array([[1, 0, 0], [0, 0, 2], [1, 1, 1], [0, 3, 0], [0, 0, 0]])
    other = np.array([[1, 0, 0], [0, 1, 2], [0, 1, 2], [0, 0, 0], [0, 1, 0]])
    metric = Metric("box F1", "boxes", 0, f1)
    counts = [{"boxes": each[:, None]} for each in (found, other)]
    assert set(choose_images(counts, metric)) == {1, 2}
    without = [{"boxes": each[3:, None]} for each in (found, other)]
    assert choose_images(without, metric) == {0: "the first test image"}


def test_a_second_run_makes_nothing_anew_and_the_same_report(finished: Path) -> None:
    report = finished.parent / "runs" / "study" / "report.html"
    before = {
        path: path.stat().st_mtime_ns
        for path in (finished.parent / "cells").rglob("*")
        if path.suffix in (".pt", ".png", ".npz")
    }
    content = report.read_bytes()
    assert study(arguments(finished)) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert report.read_bytes() == content


def test_pixels_can_be_judged_without_true_boxes(finished: Path) -> None:
    more = ["--data.ground_truth=null", "--study.score=average_precision"]
    notes, scores = conclude_with(finished, *more, "--study.training_seeds=[]")
    assert scores["teacher"].between(0, 1).all()
    notes, _ = conclude_with(finished, "--data.masks=null", "--study.training_seeds=[]")
    assert any("no pixel metrics" in note for note in notes)


def test_arms_cross_teachers_object_prompts_and_architectures(tmp_path: Path) -> None:
    project = make_study(
        tmp_path,
        prompts=["bird", "gull, small"],
        strategies=["mean"],
        training_seeds=[0],
        teachers=[{}, {"saa.box_threshold": 0.5}],
        object_prompts=["sea", "water"],
    )
    project.write_text(json.dumps({**json.loads(project.read_text()), "saa": COLOUR_ALONE}))
    config = configure(project)
    design = cross(config)
    assert [variant.name for variant in design.variants] == [
        "teacher as configured, object prompt sea",
        "teacher as configured, object prompt water",
        "box_threshold 0.5, object prompt sea",
        "box_threshold 0.5, object prompt water",
    ]
    results = conclude_study(project)
    assert [arm.name for arm in results.arms] == [variant.name for variant in design.variants]
    # Another object prompt changes no map here, so there are two teachers and two lots of students.
    assert len(results.arm_comparisons) == 2
    twin = "teacher as configured, object prompt water has the same label sets as teacher as"
    assert any(note.startswith(twin) for note in results.notes)
    one, other = results.arms[0].scores, results.arms[2].scores
    expected = one["teacher"].mean() - other["teacher"].mean()
    compared = results.arm_comparisons
    row = compared[
        (compared["a"] == results.arms[0].name) & (compared["b"] == results.arms[2].name)
    ]
    prompts = one["kind"] == "prompt"
    expected = one["teacher"][prompts].mean() - other["teacher"][prompts].mean()
    assert row["difference"].iloc[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--study.group_sizes=4"], "a group of 4 cannot be drawn from 3 prompts"),
        (["--study.prompts=list:fish"], "unknown prompt list"),
        (["--study.off_target=list:fish"], "unknown prompt list"),
        (["--study.strategies=majority:0"], "study.strategies has 'majority:0'"),
        (["--study.strategies=weighted_mean"], "study.strategies has 'weighted_mean'"),
        (['--study.teachers=[{"saa.box_treshold": 0.1}]'], "did you mean 'saa.box_threshold'"),
        (['--study.teachers=[{"box_threshold": 0.1}]'], "did you mean 'saa.box_threshold' or"),
        (['--study.teachers=[{"student.epochs": 1}]'], "changes student.epochs; expected keys of"),
        (['--study.teachers=[{"teacher.prompts": ["a"]}]'], "name these in study.prompts"),
        (["--study.teachers=[{}, {}]"], "two teachers named teacher as configured"),
        (['--study.teachers=[{}, {"teacher.device": "cpu"}]'], "has one teacher twice"),
        (["--study.strategies=majority", "--study.strategies=majority:2"], "combination twice"),
        (["--study.group_sizes=1"], "2 prompts or more"),
        (["--teacher.name=student"], "'student', which knows no prompts to compare"),
        (["--teacher.name=maskomaly"], "'maskomaly', which knows no prompts to compare"),
        (["--study.architectures=unet", "--study.architectures=unet"], "two architectures"),
        (["--study.training_seeds=0", "--study.training_seeds=0"], "two training seeds"),
        (["--study.group_sizes=2", "--study.group_sizes=2"], None),
        (["--study.strategies=mean", "--study.strategies=mean"], "two label sets named"),
        (["--data.ground_truth_classes=whale"], "has none of the classes whale"),
        (["--data.ground_truth=null"], "nothing to judge boxes by"),
        (["--data.masks=null", "--study.score=average_precision"], "needs true masks"),
        (["--cell", "2/2"], "expected I/N"),
        (["--cell", "one"], "expected I/N"),
        (["--data.test_split", "Nowhere"], "splits in this folder"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    finished: Path, more: list[str], message: str | None
) -> None:
    if message is None:
        assert study(arguments(finished, *more, "--plan")) == 0
        return
    with pytest.raises(UserError, match=message):
        study(arguments(finished, *more))


def conclude_with(project: Path, *more: str) -> tuple[list[str], pd.DataFrame]:
    """Notes and scores of a study."""
    results = conclude_study(project, *more)
    return list(results.notes), results.arms[0].scores


def test_what_cannot_be_had_is_said(finished: Path) -> None:
    one_image = finished.parent / "splits" / "One.txt"
    one_image.write_text((finished.parent / "splits" / "Test.txt").read_text().splitlines()[0])
    notes, scores = conclude_with(finished, "--study.training_seeds=0", "--data.test_split=One")
    text = " ".join(notes)
    assert "one test image" in text
    assert "trained with one seed" in text
    assert "finds nothing in any test image for crest, white, whale" in text
    assert scores[["teacher_low", "student_high"]].isna().all(axis=None)
    notes, scores = conclude_with(finished, "--study.training_seeds=[]")
    assert "No student was asked for" in " ".join(notes)
    assert any(
        note.endswith("over 3 images: so few make them too narrow, and p values too small.")
        for note in notes
    )
    assert scores["student"].isna().all()


def test_resamples_of_a_study_grow_with_its_pairs_as_far_as_they_can_be_afforded() -> None:
    boxes = Metric("", "boxes", 0, f1)
    assert resampled_for_pairs(boxes, 5, 40).num_resamples == 10_000
    assert resampled_for_pairs(boxes, 20, 112).num_resamples == 400 * 190
    assert resampled_for_pairs(boxes, 20, 2000).num_resamples == 10_000
    pixels = Metric("", "pixels", None, f1, num_resamples=2_000)
    assert resampled_for_pairs(pixels, 5, 40).num_resamples == 10_000
    of_thesis = resampled_for_pairs(pixels, 20, 112).num_resamples
    assert 190 / (1 + of_thesis) < 0.05 / 4
    assert resampled_for_pairs(pixels, 20, 10_000).num_resamples == 2_000


def test_intervals_of_a_study_are_over_groups_of_images(finished: Path) -> None:
    kept = sorted((finished.parent / "cells" / "counts").iterdir())
    # The test images are 09, 10 and 11 of one flight.
    more = ["--study.name=grouped", "--data.groups=möwe_([01])"]
    assert study(arguments(finished, *more)) == 0
    assert sorted((finished.parent / "cells" / "counts").iterdir()) == kept
    folder = finished.parent / "runs" / "grouped"
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "2 groups of 3 images (data.groups)" in report
    assert "so few make them too narrow" in report
    scores = pd.read_csv(folder / "tables" / "scores.csv").set_index("label_set")
    single = read_table(finished, "scores").set_index("label_set")
    assert scores["teacher"].tolist() == single["teacher"].tolist()
    judge = judge_study(configure(finished, *more))
    cells = pd.read_csv(folder / "cells.csv")
    (teacher,) = cells[cells["kind"] == "teacher"]["folder"]
    counts = count_label_set(Path(teacher) / "bird", judge, finished.parent / "cells" / "counts")
    of_images = counts["boxes"][:, 0]
    grouped = np.stack([of_images[0], of_images[1:].sum(axis=0)])
    interval = bootstrap(grouped, f1)
    found = scores.loc["bird", ["teacher_low", "teacher_high"]]
    assert found.tolist() == pytest.approx([interval.low, interval.high])
    components = pd.read_csv(folder / "tables" / "components.csv")
    assert components["variance"].notna().all()


def test_a_study_of_one_group_has_no_intervals_and_says_so(finished: Path) -> None:
    notes, scores = conclude_with(finished, "--data.groups=^(.*)/")
    assert "No interval can be had: there is only 1 group of 3 images (data.groups)." in notes
    assert scores[["teacher_low", "student_high"]].isna().all(axis=None)
    assert scores["teacher"].notna().all()


def test_images_without_a_group_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    project = make_study(tmp_path)
    with pytest.raises(UserError, match="finds no group in 1 of 3 image ids: flight 1/möwe_09"):
        study(arguments(project, "--data.groups=_1."))
    assert not (tmp_path / "cells").exists()


def test_masks_without_a_positive_pixel_are_refused(finished: Path, tmp_path: Path) -> None:
    for path in (finished.parent / "images").rglob("*.png"):
        name = path.relative_to(finished.parent / "images")
        write_image(tmp_path / name, np.zeros(read_image(path).shape[:2], np.uint8))
    more = ["--study.score=average_precision", f"--data.masks={tmp_path}"]
    with pytest.raises(UserError, match=r"no mask in .* has an anomalous pixel"):
        conclude_with(finished, *more, "--study.training_seeds=[]")


def test_a_test_image_that_cannot_be_labelled_is_left_out(tmp_path: Path) -> None:
    project = make_study(tmp_path, prompts=["bird"], strategies=[], training_seeds=[])
    name = (tmp_path / "splits" / "Test.txt").read_text().splitlines()[0]
    (tmp_path / "images" / f"{name}.png").write_bytes(b"no image")
    notes, _ = conclude_with(project)
    assert any("1 test image is left out" in note and name in note for note in notes)


@pytest.mark.parametrize(
    ("num_resamples", "num_images", "smallest"),
    [(10_000, 60, None), (50, 60, "0.02"), (10_000, 6, "0.031"), (10_000, 7, None)],
)
def test_too_many_pairs_for_the_resamples_or_images_are_said(
    num_resamples: int, num_images: int, smallest: str | None
) -> None:
    metric = Metric("F1", "boxes", 0, f1, num_resamples)
    arm = SimpleNamespace(prompts=["a", "b", "c"], metric=metric, sources=[])
    notes = list(_note_statistics(arm, num_images))  # type: ignore[arg-type]
    if smallest is None:
        assert not notes
    else:
        (note,) = notes
        assert "for 3 pairs p has to be below 0.017" in note
        assert f"{num_resamples} resamples of {num_images} images or groups" in note
        assert note.endswith(f"none below {smallest}.")


def test_pairs_of_prompts_on_three_images_cannot_be_told_apart(finished: Path) -> None:
    more = ["--study.training_seeds=[]", "--study.score=average_precision"]
    assert "of 3 images or groups of them give none below 0.25" in " ".join(
        conclude_with(finished, *more)[0]
    )


def test_strategies_are_compared_over_the_groups_of_a_size(finished: Path) -> None:
    more = ["--study.group_sizes=2", "--study.num_groups=8", "--study.training_seeds=[]"]
    more += ["--study.strategies=mean", "--study.strategies=maximum"]
    design = cross(configure(finished, *more))
    groups = {s.members for s in design.sources if not s.is_prompt}
    assert len(groups) == len(set(map(frozenset, groups))) == 3  # none is drawn twice
    arm = conclude_study(finished, *more).arms[0]
    means = arm.scores[arm.scores["kind"] == "combination"].groupby("strategy")["teacher"].mean()
    compared = arm.comparisons.set_index("family").loc["strategies over 3 groups of 2, teacher"]
    assert (compared["a"], compared["b"]) == ("mean", "maximum")
    assert compared["difference"] == pytest.approx(means["mean"] - means["maximum"])


def test_the_plan_counts_what_is_there_and_times_what_is_not(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(arguments(finished, "--plan")) == 0
    assert "All is made" in capsys.readouterr().out
    before = sorted((finished.parent / "cells").iterdir())
    more = ["--study.training_seeds=0", "--study.training_seeds=7", "--student.epochs=1000"]
    assert study(arguments(finished, "--plan", *more)) == 0
    out = capsys.readouterr().out
    (trainings,) = [line.split() for line in out.splitlines() if "trainings" in line]
    assert trainings[1:3] == ["10", "10"]
    assert float(trainings[3]) > 0.1
    assert trainings[4] == "min"
    assert sorted((finished.parent / "cells").iterdir()) == before


def test_the_folder_of_something_else_is_no_place_for_a_report(finished: Path) -> None:
    run = finished.parent / "runs" / "student"
    run.mkdir()
    (run / "config.json").write_text("{}")
    with pytest.raises(UserError, match="something else than a study; choose another study"):
        study(arguments(finished, "--study.name=student"))
    assert [path.name for path in run.iterdir()] == ["config.json"]


def test_the_report_of_another_split_is_not_replaced(finished: Path) -> None:
    report = finished.parent / "runs" / "study" / "report.html"
    before = report.stat().st_mtime_ns
    with pytest.raises(UserError, match="has the report on the split Test, not on Validation"):
        study(arguments(finished, "--data.test_split=Validation"))
    assert report.stat().st_mtime_ns == before
