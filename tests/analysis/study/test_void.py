"""A study that found nothing, or the same for every prompt, says so; scores stand beside chance."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis.work.running
from analysis.study.report.headline import is_void, write_headline
from analysis.study.report.writing import write_report
from analysis.study.results import StudyResults
from analysis.study.scoring import find_metrics
from analysis.work.judging import Judge, count_everything, count_label_set
from tests.analysis.study_projects import (
    conclude_study,
    configure,
    judge_study,
    make_study,
    run_here,
)
from tests.conftest import box_table
from util.data_classes import BoxSettings
from util.images.files import find_images, read_image, write_image

QUICK = {"epochs": 1, "strategies": ["mean"], "training_seeds": [0, 1]}


@pytest.fixture(scope="module", autouse=True)
def without_processes() -> Iterator[None]:
    """Run all cells in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis.work.running, "_run_at_once", run_here)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three prompts, two of which the teacher answers alike."""
    folder = tmp_path_factory.mktemp("equal")
    return make_study(folder, prompts=["zorb", "bird", "quix"], **QUICK)


@pytest.fixture(scope="module")
def equal(project: Path) -> StudyResults:
    return conclude_study(project)


def test_equal_label_sets_are_one_in_all_statistics(equal: StudyResults) -> None:
    arm = equal.arms[0]
    assert arm.scores.set_index("label_set")["same_as"].to_dict() == {
        "zorb": "",
        "bird": "",
        "quix": "zorb",
        "all 3: mean": "",
    }
    assert set(arm.comparisons["family"]) == {"prompts, teacher", "prompts, student"}
    assert not arm.comparisons[["a", "b"]].isin(["quix"]).any(axis=None)
    statistics = arm.transfer.set_index("statistic")["value"]
    assert statistics[["slope", "rank correlation"]].isna().all()  # of two prompts
    means = arm.scores.set_index("label_set")["teacher"][["zorb", "bird"]].mean()
    assert arm.spread.set_index("who").loc["teacher", "mean"] == pytest.approx(means)
    assert any("quix = zorb" in note for note in equal.notes)


def test_equal_label_sets_have_the_scores_and_intervals_of_one(equal: StudyResults) -> None:
    scores = equal.arms[0].scores.set_index("label_set")
    numbers = scores.select_dtypes("number").drop(columns="size")
    pd.testing.assert_series_equal(numbers.loc["zorb"], numbers.loc["quix"], check_names=False)
    cells = equal.cells[equal.cells["kind"] == "student"].set_index("cell")["folder"]
    for seed in (0, 1):
        assert cells[f"zorb, unet, seed {seed}"] == cells[f"quix, unet, seed {seed}"]


def test_a_label_set_that_is_there_twice_changes_no_other_interval(
    equal: StudyResults, project: Path
) -> None:
    def conclude(*prompts: str) -> pd.DataFrame:
        asked = [f"--study.prompts={prompt}" for prompt in prompts]
        asked += ["--study.strategies=[]", "--study.score=average_precision"]
        scores = conclude_study(project, *asked).arms[0].scores
        return scores.set_index("label_set").loc[["zorb", "bird"]]

    assert set(equal.cells["status"]) == {"done"}  # its students are found
    pd.testing.assert_frame_equal(conclude("zorb", "bird", "quix"), conclude("zorb", "bird"))


def test_a_combination_of_equal_and_other_prompts_still_has_a_gain(equal: StudyResults) -> None:
    gain = equal.arms[0].gain
    assert set(gain.loc[gain["size"] == 3, "who"]) == {"teacher", "student"}


def test_one_label_set_for_all_prompts_is_the_headline(tmp_path: Path) -> None:
    results = conclude_study(make_study(tmp_path, prompts=["zorb", "quix"], **QUICK))
    arm = results.arms[0]
    assert not is_void(arm)
    headline = write_headline(arm, results.metric)
    assert headline.startswith("The teacher gave one and the same label set for all two prompts")
    assert arm.comparisons.empty
    write_report(results, {}, tmp_path / "report")
    assert headline in (tmp_path / "report" / "report.html").read_text()


def test_a_study_that_finds_nothing_opens_with_that(tmp_path: Path) -> None:
    project = make_study(tmp_path, prompts=["bird", "gull"], **QUICK)
    for path in (tmp_path / "images").rglob("*.png"):
        write_image(path, np.full_like(read_image(path), 60))
    results = conclude_study(project)
    arm = results.arms[0]
    assert is_void(arm)
    assert write_headline(arm, results.metric).startswith("The teacher found nothing: none of its")
    assert (arm.scores["teacher_empty"] == 1).all()
    assert arm.scores["same_as"].tolist() == ["", "bird", "bird"]
    assert arm.comparisons.empty
    assert any("finds nothing in any test image for bird, gull" in note for note in results.notes)
    write_report(results, {}, tmp_path / "report")


def make_judge(folder: Path, sizes: dict[str, tuple[int, int]], **changes: object) -> Judge:
    """Judge images of these sizes without masks by boxes of their left upper quarter."""
    truths = box_table([(image_id, 0, 0, 0.5, 0.5) for image_id in sizes])
    for image_id, size_hw in sizes.items():
        write_image(folder / f"{image_id}.png", np.zeros(size_hw, np.uint8))
    judge = Judge("Test", tuple(sizes), truths, None, BoxSettings(), 0.1, (0.25, 0.3))
    return replace(judge, **changes)


def test_marking_everything_is_one_box_over_each_image(tmp_path: Path) -> None:
    sizes = {"a": (40, 60), "b": (10, 10), "c": (25, 30)}
    judge = make_judge(tmp_path, sizes)
    judge = replace(judge, truths=judge.truths[judge.truths["image"] != "c"])
    counts = count_everything(judge, find_images(tmp_path), tmp_path / "store")
    scores = {m.name: float(m.score(m.counts(counts).sum(axis=0))) for m in find_metrics(judge)}
    # Two of three boxes hold an object; an IoU of 0.25 is reached, of 0.3 is not.
    assert scores["box F1, one-to-one, IoU 0.25"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert scores["box F1, one-to-one, IoU 0.3"] == 0
    assert scores["box recall (thesis)"] == 1
    assert not counts["is_empty"].any()


def test_chance_of_pixels_is_the_share_that_is_anomalous(tmp_path: Path) -> None:
    project = make_study(tmp_path)
    config = configure(project)
    judge = judge_study(config)
    counts = count_everything(judge, find_images(config.data.images), tmp_path / "store")
    scores = {m.name: float(m.score(m.counts(counts).sum(axis=0))) for m in find_metrics(judge)}
    normal, anomalous = counts["levels"].sum(axis=1)
    assert scores["pixel average precision"] == pytest.approx(anomalous / (normal + anomalous))
    assert 0 < scores["pixel average precision"] < 0.1
    assert scores["pixel ROC AUC"] == pytest.approx(0.5)


def test_an_image_is_empty_where_nothing_is_above_the_threshold(
    tmp_path: Path, write_label_set: object
) -> None:
    judge = make_judge(tmp_path / "images", {"a": (20, 20), "b": (20, 20)})
    maps = {"a": np.full((20, 20), 0.4, np.float32), "b": np.zeros((20, 20), np.float32)}
    maps["b"][3, 3] = 0.6
    folder = write_label_set("found", maps).folder
    counts = count_label_set(folder, judge, tmp_path / "store")
    np.testing.assert_array_equal(counts["is_empty"], [True, False])
