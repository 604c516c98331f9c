"""What maps score that are perfect, empty, faint or beside what they should mark."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import analysis.bbox_evaluation
import analysis.pixel_evaluation
from tests.analysis.evaluation.evaluation_projects import (
    SCRIPTS,
    Evaluation,
    Project,
    score,
    write_maps,
)
from util.data_classes import BoxSettings
from util.images.files import find_images, read_image, write_image
from util.images.identity import identify
from util.label_set import CHOSEN_ON, MANIFEST


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


def test_pixels_count_above_the_threshold_of_the_label_set_unless_another_is_given(
    made: Project,
) -> None:
    faint = {image_id: each * np.float32(0.1) for image_id, each in made.test.items()}
    folder = made.folder / "label_sets" / "faint"
    write_maps(folder, faint, boxes=BoxSettings(threshold=0.02, min_confidence=0))
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


@pytest.mark.parametrize("is_older", [False, True])
def test_images_of_another_folder_and_equal_ids_are_not_in_sample(
    made: Project, is_older: bool
) -> None:
    paths = find_images(made.folder / "images")
    images = sorted(identify(made.test, paths))
    manifest = made.folder / "label_sets" / "good" / MANIFEST
    told = json.loads(manifest.read_text("utf-8"))
    told["facts"] = {CHOSEN_ON: [image.id for image in images] if is_older else images}
    manifest.write_text(json.dumps(told), "utf-8")
    assert made.run(analysis.pixel_evaluation.main) == 0
    assert made.table("pixel_evaluation").loc["good", "in_sample"] == 3
    other, *_ = made.test
    write_image(paths[other], 255 - read_image(paths[other]))
    assert made.run(analysis.pixel_evaluation.main) == 0
    assert made.table("pixel_evaluation").loc["good", "in_sample"] == (3 if is_older else 2)
