"""The ranking as a user runs it: with truth, without, with views, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

import analysis.prompt_ranking
from tests.conftest import make_project
from tests.stages import arguments, label
from util.errors import UserError

rank = analysis.prompt_ranking.main

PROMPTS = ["bird", "swan", "goose", "foam", "whale", "coastal bird"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with label sets; tests may write runs, not change anything else."""
    project = make_project(tmp_path_factory.mktemp("ranking"))
    content = json.loads(project.read_text())
    content["teacher"] = {"prompts": PROMPTS}
    content["ranking"] = {"strategies": ["mean", "agreement"]}
    project.write_text(json.dumps(content))
    assert label(arguments(project)) == 0
    return project


def run(project: Path, name: str, more: Sequence[str] = ()) -> tuple[Path, pd.DataFrame]:
    split = ["--data.test_split", "Train+Validation"]
    assert rank(arguments(project, "--ranking.name", name, *split, *more)) == 0
    folder = project.parent / "runs" / name
    return folder, pd.read_csv(folder / "prompt_ranking.csv")


def test_table_figure_and_report_are_written_and_truth_is_said(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table = run(labelled, "judged")
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "report.md",
        "prompt_ranking.csv",
        "ranking.png",
        "ranking.svg",
        "config.json",
        ".murmuration_pictures",
    }
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert {"mean", "agreement"} <= {name.partition(" of ")[0] for name in table["label_set"]}
    assert table["true"].notna().all()
    assert table["consistency"].isna().all()
    report = (folder / "report.md").read_text()
    assert "Agreement cannot see errors that all prompts share." in report
    assert "rank correlation" in report
    assert "Without labels, use" in capsys.readouterr().out


def test_the_truth_judges_by_the_rule_of_boxes_that_is_ranked_by(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    content = json.loads(project.read_text())
    content["teacher"] = {"prompts": PROMPTS}
    content["ranking"] = {"strategies": []}
    project.write_text(json.dumps(content))
    strict = ["--evaluation.threshold", "0.9", "--evaluation.min_area_px", "12"]
    assert label(arguments(project, *strict)) == 0
    _, unsaid = run(project, "unsaid")
    _, said = run(project, "said", strict)
    pd.testing.assert_frame_equal(unsaid, said)


def test_no_truth_is_needed_and_none_changes_the_ranking(labelled: Path) -> None:
    _, judged = run(labelled, "judged")
    content = json.loads(labelled.read_text())
    content["data"] |= {"ground_truth": None, "masks": None}
    unlabelled = labelled.with_name("unlabelled.json")
    unlabelled.write_text(json.dumps(content))
    folder, table = run(unlabelled, "unjudged")
    assert table["true"].isna().all()
    pd.testing.assert_frame_equal(
        table.drop(columns=["true", "true_low", "true_high"]),
        judged.drop(columns=["true", "true_low", "true_high"]),
    )
    assert "no truth was there to check this" in (folder / "report.md").read_text()


def test_the_teacher_is_asked_again_about_views_only_if_it_made_the_label_sets(
    labelled: Path,
) -> None:
    views = ["--ranking.consistency_images", "9"]
    _, table = run(labelled, "views", views)
    assert table["consistency"].notna().any()
    with pytest.raises(UserError, match="another one than made bird, "):
        run(labelled, "views", [*views, "--saa.box_threshold", "0.9"])


def test_pixels_may_be_judged_too(labelled: Path) -> None:
    folder, table = run(labelled, "pixels", ["--study.score", "average_precision"])
    assert "pixel average precision" in (folder / "report.md").read_text()
    assert table["true"].between(0, 1).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--ranking.label_sets", "bird", "--ranking.label_sets", "whale"], "fewer than 3"),
        (
            [
                word
                for name in ("bird", "whale", "goose")
                for word in ("--ranking.label_sets", name)
            ],
            "only 2 of 3 different label sets have a box",
        ),
        (["--ranking.label_sets", "zorb"], "has no label set zorb"),
        (["--ranking.label_sets", "bird", "--ranking.label_sets", "Bird"], "ranking.label_sets"),
        (["--ranking.strategies", "weighted_mean"], "study.strategies has 'weighted_mean'"),
    ],
)
def test_what_cannot_be_ranked_is_refused_before_anything_is_written(
    labelled: Path, more: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run(labelled, "refused", more)
    assert not (labelled.parent / "runs" / "refused").exists()
