"""Frames with and without anomalies, thresholds of another split, and what draws maps off."""

import numpy as np
import pytest

import analysis.pixel_evaluation
from tests.analysis.evaluation.evaluation_projects import Project, write_maps
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import write_image
from util.label_set import Content, LabelSetWriter
from util.metrics.pixelwise.pixel_metrics import measure_pixels
from util.metrics.pixelwise.pixel_scores import frame_scores, frame_sums, spurious_rate
from util.metrics.pixelwise.pixels import PixelHistogram


def test_frame_scores_are_means_over_the_frames_that_have_them() -> None:
    counts = np.array([[30, 10, 20, 40], [0, 25, 0, 75], [0, 0, 0, 100], [0, 0, 50, 50]])
    mean_iou, frame_iou, clear_area = frame_scores(frame_sums(counts).sum(axis=0))
    assert mean_iou == pytest.approx((30 / (30 + 35 + 70) + 265 / (265 + 35 + 70)) / 2)
    assert frame_iou == pytest.approx((30 / 60 + 0) / 2)  # of the first and the last
    assert clear_area == pytest.approx(0.25 / 2)  # of the second and the third


def test_frame_scores_are_undefined_without_such_frames() -> None:
    only_clear = frame_scores(frame_sums(np.array([[0, 0, 0, 9]])).sum(axis=0))
    np.testing.assert_array_equal(only_clear, [np.nan, np.nan, 0])
    only_smoke = frame_scores(frame_sums(np.array([[9, 0, 0, 0], [0, 0, 0, 0]])).sum(axis=0))
    np.testing.assert_array_equal(only_smoke, [np.nan, 1, np.nan])


def test_a_spurious_rate_compares_the_mass_on_distractors_with_that_on_anomalies() -> None:
    np.testing.assert_array_equal(
        spurious_rate(np.array([[2.0, 8], [0, 5], [3, 0]]))[:, 0],
        [
            0.25,
            0,
            np.nan,
        ],
    )


def faint(project: Project, split: str) -> dict[str, np.ndarray]:
    """Maps of 0.3 on what is sought, 0.2 on the first row, 0 elsewhere."""
    maps = {}
    for image_id, perfect in project.maps[split].items():
        maps[image_id] = 0.3 * perfect
        maps[image_id][0] = np.maximum(maps[image_id][0], 0.2)
    return {image_id: each.astype(np.float32) for image_id, each in maps.items()}


def test_a_threshold_is_chosen_on_another_split_and_is_the_best_there(made: Project) -> None:
    write_maps(
        made.folder / "label_sets" / "faint", faint(made, "Test") | faint(made, "Validation")
    )
    assert made.run(analysis.pixel_evaluation.main) == 0
    assert made.table("pixel_evaluation").loc["faint", "iou"] == 0  # nothing is above 0.5
    arguments = ["--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 0
    row = made.table("pixel_evaluation").loc["faint"]
    pooled = PixelHistogram()
    for image_id, soft_label in faint(made, "Validation").items():
        pooled.add(soft_label, made.perfect_map(image_id).astype(np.uint8))
    assert row["threshold"] == pytest.approx(measure_pixels(pooled).best_threshold)
    assert 0.2 < row["threshold"] < 0.3
    assert row["iou"] == 1


def test_what_is_shuffled_is_judged_above_the_same_threshold(made: Project) -> None:
    write_maps(
        made.folder / "label_sets" / "faint", faint(made, "Test") | faint(made, "Validation")
    )
    arguments = ["--evaluation.threshold_split", "Validation"]
    arguments += ["--evaluation.trivial_baselines", "true"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 0
    thresholds = made.table("pixel_evaluation")["threshold"]
    assert thresholds["faint (shuffled)"] == thresholds["faint"] < 0.5
    assert thresholds["(centre prior)"] == 0.5


def test_a_run_chooses_its_threshold_on_what_it_predicted_of_that_split(made: Project) -> None:
    for split in ("Test", "Validation"):
        write_maps(made.folder / "runs" / "small" / split, faint(made, split))
    arguments = ["--evaluation.predictions", "small", "--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 0
    assert made.table("pixel_evaluation").loc["small/Test", "iou"] == 1


def test_another_checkpoint_of_a_run_chooses_its_threshold_on_its_own_maps(made: Project) -> None:
    run = made.folder / "runs" / "small"
    for split in ("Test", "Validation"):
        write_maps(run / split, made.maps[split])
        write_maps(run / f"{split}-other", faint(made, split))
    (run / "other.pt").touch()
    arguments = ["--evaluation.predictions", str(run / "Test-other")]
    arguments += ["--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 0
    assert made.table("pixel_evaluation")["iou"].tolist() == [1]


def test_a_truth_that_has_the_splits_name_chooses_no_threshold_of_others(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_maps(made.folder / "label_sets" / "half", faint(made, "Test"))
    truth = made.folder / "label_sets" / "Validation"
    with LabelSetWriter(truth, {"producer": "ground truth"}) as writer:
        for image_id, perfect in made.maps["Validation"].items():
            writer.add(image_id, Content(perfect), "1", 0.0)
        writer.finish(BoxSettings())
    arguments = ["--evaluation.predictions", "good", "--evaluation.predictions", "half"]
    arguments += ["--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 1
    assert "label_sets/half has no map of" in capsys.readouterr().err


def test_label_sets_without_maps_of_that_split_are_named_and_the_others_judged(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_maps(made.folder / "label_sets" / "half", faint(made, "Test"))
    arguments = ["--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 1
    assert "half" in capsys.readouterr().err
    assert made.table("pixel_evaluation").loc["good", "iou"] == 1


def test_thresholds_are_not_chosen_on_images_that_are_judged(made: Project) -> None:
    with pytest.raises(UserError, match="Test shares images with Test"):
        made.run(analysis.pixel_evaluation.main, "--evaluation.threshold_split", "Test")


def with_chimneys(project: Project) -> list[str]:
    """Masks whose top rows are chimneys where there is no bird, and arguments that name them."""
    masks = project.folder / "with chimneys"
    for image_id in project.ids("Test"):
        mask = project.perfect_map(image_id).astype(np.uint8)
        mask[:4][mask[:4] == 0] = 2
        write_image(masks / f"{image_id}.png", mask)
    (masks / "classes.json").write_text('{"0": "water", "1": "bird", "2": "chimney"}', "utf-8")
    return ["--data.masks", str(masks), "--data.ground_truth_classes", "bird"]


def test_the_table_says_how_much_maps_are_drawn_to_a_class(made: Project) -> None:
    drawn_to = sought = 0.0
    maps = {}
    for image_id, perfect in made.test.items():
        maps[image_id] = np.float32(0.4) * perfect
        maps[image_id][:2] += np.float32(0.1)
        is_chimney = perfect[:2] == 0
        drawn_to += maps[image_id][:2][is_chimney].sum(dtype=float)
        sought += maps[image_id][perfect == 1].sum(dtype=float)
    write_maps(made.folder / "label_sets" / "drawn off", maps)
    arguments = [*with_chimneys(made), "--evaluation.distractors", "chimney"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 0
    table = made.table("pixel_evaluation")
    assert table.loc["good", "spurious_rate"] == 0
    assert table.loc["drawn off", "spurious_rate"] == pytest.approx(drawn_to / sought, rel=1e-3)
    low, high = table.loc["drawn off", ["spurious_rate_low", "spurious_rate_high"]]
    assert 0 < low <= table.loc["drawn off", "spurious_rate"] <= high


def test_unknown_distractors_are_refused_with_the_classes_there_are(made: Project) -> None:
    arguments = [*with_chimneys(made), "--evaluation.distractors", "tower"]
    with pytest.raises(UserError, match=r"distractors names .*tower.* water, bird, chimney"):
        made.run(analysis.pixel_evaluation.main, *arguments)


def test_maps_of_an_earlier_training_choose_no_threshold(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("Test", "Validation"):
        write_maps(made.folder / "runs" / "small" / split, faint(made, split))
    monkeypatch.setattr(
        "analysis.evaluation.thresholds.is_of_another_checkpoint",
        lambda folder: folder.name == "Validation",
    )
    arguments = ["--evaluation.threshold_split", "Validation"]
    assert made.run(analysis.pixel_evaluation.main, *arguments) == 1
    assert "predicted before it was trained anew" in capsys.readouterr().err
    table = made.table("pixel_evaluation")
    assert table.index.tolist() == ["good"]
