"""Scores of cameras under resamples, against slow loops, and what they come to in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.choosing.concluding import conclude, conclude_groups
from analysis.choosing.grid import Arm, Point, epochs_for
from analysis.choosing.groups import OWN
from analysis.choosing.judging import Training
from analysis.choosing.scores import METRICS, CameraScores, score_cameras
from analysis.choosing.tables import compare_budgets, tabulate_groups, tabulate_strategies
from student.detection.judged_frames import JudgedFrames
from tests.conftest import box_table
from util.metrics.class_average_precision import rank_by_class
from util.metrics.intervals import holm
from util.streams.cameras import Camera

ARMS = [Arm("random", 4), Arm("random", 8), Arm("top", 4), Arm("top", 8)]


def make_scores(gain: float, num_cameras: int = 9, num_groups: int = 12) -> CameraScores:
    """Scores of cameras that differ a lot, of which `top` gets so much more in each."""
    rng = np.random.default_rng(4)
    of_camera = rng.uniform(0.2, 0.6, (num_cameras, 1, 1))
    of_arm = np.array([0, 0.1, gain, 0.1 + gain])[None, :, None]
    estimate = of_camera + of_arm + rng.normal(0, 0.005, (num_cameras, 4, 2))
    shared = rng.normal(0, 0.03, (num_cameras, 500, 1, 1))
    resampled = estimate[:, None] + shared + rng.normal(0, 0.003, (num_cameras, 500, 4, 2))
    groups = np.full(num_cameras, num_groups)
    return CameraScores([f"cam{n}" for n in range(num_cameras)], ARMS, estimate, resampled, groups)


def train(count: int) -> dict[Arm, list[Training]]:
    """So many trainings of each arm, of as many frames as asked for, for ten steps."""
    return {arm: [Training(arm.budget, 10)] * count for arm in ARMS}


def test_worlds_of_cameras_are_means_of_drawn_cameras_each_on_resamples_of_its_own() -> None:
    scores = make_scores(0.05, num_cameras=3)
    scores.resampled[1, 7] = np.nan  # no true box in these frames
    drawn = scores.over_cameras("mAP50-95").draws
    picked = np.random.default_rng([0, 3]).integers(3, size=(500, 3))
    for world in range(500):
        values = []
        for slot in range(3):
            place = (world + slot * (500 // 3)) % 500
            values.append(scores.resampled[picked[world, slot], place, :, 1])
        assert drawn[world] == pytest.approx(np.nanmean(values, axis=0))
    of_frames = scores.over_frames("mAP50-95").draws
    for world in range(500):
        assert of_frames[world] == pytest.approx(np.nanmean(scores.resampled[:, world, :, 1], 0))


def test_cameras_that_differ_widen_means_and_not_paired_differences() -> None:
    scores = make_scores(0.05)
    (low, high), (low_f, high_f) = (
        each.interval() for each in (scores.over_cameras("mAP50"), scores.over_frames("mAP50"))
    )
    assert (high - low > 3 * (high_f - low_f)).all()
    table = tabulate_strategies(scores, train(9), "random")
    top = table[(table["strategy"] == "top") & (table["metric"] == "mAP50")]
    widths = top["difference_high"] - top["difference_low"]
    assert (widths < 0.1 * (high - low)[2:]).all()
    assert (top["difference_low"] > 0.04).all()


def test_the_table_compares_with_the_reference_of_the_same_budget() -> None:
    scores = make_scores(0.05)
    counts = train(9) | {ARMS[3]: [Training(7, 1)] * 9}
    table = tabulate_strategies(scores, counts, "random")
    assert len(table) == 2 * len(ARMS)
    for number, metric in enumerate(METRICS):
        rows = table[table["metric"] == metric].set_index(["strategy", "budget"])
        for at, arm in enumerate(ARMS):
            row = rows.loc[(arm.strategy, arm.budget)]
            assert row["mean"] == pytest.approx(scores.estimate[:, at, number].mean())
            assert row["short"] == (9 if arm == ARMS[3] else 0)
            if arm.strategy == "random":
                assert row[["difference", "p", "p_holm", "p_holm_frames"]].isna().all()
                continue
            paired = scores.estimate[:, at, number] - scores.estimate[:, at - 2, number]
            assert row["difference"] == pytest.approx(paired.mean())
            differences = (
                scores.resampled[..., at, number] - scores.resampled[..., at - 2, number]
            ).mean(axis=0)
            ends = np.quantile(differences, [0.025, 0.975])
            assert row["difference_low_frames"] == pytest.approx(ends[0])
            assert row["difference_high_frames"] == pytest.approx(ends[1])
        told = rows.drop(index="random")
        assert told["p_holm"].to_numpy() == pytest.approx(holm(told["p"].to_numpy()))


def say(scores: CameraScores) -> str:
    table = tabulate_strategies(scores, train(9), "random")
    return conclude(table, compare_budgets(scores, "mAP50-95", "random"), "random")


def test_the_answer_follows_from_the_table() -> None:
    better = say(make_scores(0.05))
    assert better.startswith("The choice of frames matters, by 9 cameras; compared with random: ")
    assert "; top, 8 frames a camera: +0.0" in better
    assert "8 frames a camera instead of 4, by random, bring +0.1" in better
    assert "Worth doing: choose by top." in better
    assert "But each detector was trained once" in better
    worse = say(make_scores(-0.05))
    assert "Worth doing: take frames by random, and none by top." in worse
    nothing = say(make_scores(0.0))
    assert nothing.startswith("No choice of frames can be told from random by 9 cameras")
    assert "which is as good as can be told" in nothing
    few = say(make_scores(0.05, num_cameras=3))
    assert few.startswith("The choice of frames matters on 3 cameras, too few to say so of others")
    assert "3 cameras cannot make 2 comparisons sure for other cameras" in few
    one = say(make_scores(0.05, num_cameras=1))
    assert one.startswith("The choice of frames matters on 1 camera, too few to say so of others")
    assert "1 camera cannot make 2 comparisons sure" in one


def test_detectors_are_scored_on_their_own_cameras_and_seeds_are_averaged(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    cameras = [
        Camera(name, [f"{name}/{n}" for n in range(4 + 2 * (name == "b"))], np.arange(6.0))
        for name in ("a", "b")
    ]
    ids = [image_id for camera in cameras for image_id in camera.ids]
    truths = box_table([(image_id, 0.2, 0.2, 0.5, 0.5) for image_id in ids])
    frames = JudgedFrames("Test", {i: Path(i) for i in ids}, cameras, truths, 2)
    detectors, boxes = {}, {}
    for camera in ("a", "b"):
        for seed in (0, 1):
            point = Point(camera, "top", 4, seed)
            rows = [
                (image_id, *(np.array([0.2, 0.2, 0.5, 0.5]) + rng.normal(0, 0.03, 4)), rng.random())
                for image_id in ids
            ]
            boxes[point] = box_table(rows)
            detectors[point] = tmp_path / f"{camera}{seed}"
            folder = detectors[point] / "Test"
            folder.mkdir(parents=True)
            boxes[point].to_csv(folder / "prediction.csv", sep=";", index=False)
    scores = score_cameras(frames, detectors, num_resamples=50)
    assert scores.estimate.shape == (2, 1, 2)
    assert scores.resampled.shape == (2, 50, 1, 2)
    assert scores.num_groups.tolist() == [2, 3]
    for number, camera in enumerate(cameras):
        each = [
            rank_by_class(truths, boxes[Point(camera.name, "top", 4, seed)], list(camera.ids))
            for seed in (0, 1)
        ]
        everything = np.ones((1, len(camera.ids)), np.int64)
        means = np.mean([ranks.mean_precision(everything)[0] for ranks in each], axis=0)
        assert scores.estimate[number, 0] == pytest.approx(means)
        drawn = np.random.default_rng(number).integers(len(camera.ids) // 2, size=(50, 2 + number))
        for world, groups in enumerate(drawn):
            weights = np.bincount(groups, minlength=2 + number).repeat(2)[None]
            means = np.mean([ranks.mean_precision(weights)[0] for ranks in each], axis=0)
            assert scores.resampled[number, world, 0] == pytest.approx(means)


def test_a_single_camera_has_no_interval_of_cameras() -> None:
    table = tabulate_strategies(make_scores(0.05, num_cameras=1), train(1), "random")
    assert table[["low", "high", "difference_low"]].isna().all(axis=None)
    assert table["low_frames"].notna().all()
    assert table[["p", "p_holm"]].isna().all(axis=None)
    assert table.loc[table["strategy"] == "top", "p_holm_frames"].notna().all()
    alone = tabulate_strategies(make_scores(0.05, 2, num_groups=1), train(2), "random")
    assert alone["low_frames"].isna().all()
    said = say(make_scores(0.05, 1, num_groups=1))
    assert "mAP50-95, with no interval and no p." in said


def share(scores: CameraScores) -> CameraScores:
    """The same scores, but those of `top` are of `random` by a student of all cameras."""
    arms = [Arm("random", arm.budget, OWN if arm.strategy == "random" else "all") for arm in ARMS]
    return replace(scores, arms=arms)


def tabulate_shared(scores: CameraScores, steps: int, seeds: int = 1) -> pd.DataFrame:
    num_cameras = len(scores.cameras)
    return tabulate_groups(
        share(scores),
        {
            arm: [Training(arm.budget, 10)] * num_cameras * seeds
            if arm.group == OWN
            else [Training(arm.budget * num_cameras, steps)] * seeds
            for arm in share(scores).arms
        },
    )


def test_shared_students_are_compared_with_those_of_each_camera_alone() -> None:
    scores = make_scores(0.05)
    table = tabulate_shared(scores, 11).set_index(["metric", "budget", "group"])
    assert table.index.is_unique
    strategies = tabulate_strategies(scores, train(9), "random")
    same = strategies.set_index(["metric", "budget", "strategy"])
    compared = ["difference", "difference_low", "difference_high", "p_holm", "p_holm_frames"]
    for metric in METRICS:
        for budget in (4, 8):
            shared, top = table.loc[(metric, budget, "all")], same.loc[(metric, budget, "top")]
            assert shared[compared].tolist() == pytest.approx(top[compared].tolist())
            assert table.loc[(metric, budget, OWN), compared].isna().all()
            assert shared[["trainings", "frames", "steps"]].tolist() == [1, 9 * budget, 11]
    own = tabulate_strategies(share(scores), {a: [Training(a.budget, 10)] for a in ARMS}, "random")
    assert set(own["strategy"]) == {"random"}  # where strategies are compared, no one shares


def test_what_sharing_brings_is_said_with_its_steps() -> None:
    better = conclude_groups(tabulate_shared(make_scores(0.05), 10))
    assert better.startswith(
        "Whether cameras share a student matters, by 9 cameras; compared with the student of each "
        "camera alone: all, random, "
    )
    assert "frames a camera: +0.0" in better
    assert "This is at as many steps. But each detector was trained once" in better
    assert conclude_groups(tabulate_shared(make_scores(0.05), 10, 2)).endswith("as many steps.")
    nothing = conclude_groups(tabulate_shared(make_scores(0.0), 12))
    assert nothing.startswith("No shared student can be told from the student of each camera alone")
    assert "at steps that differ by up to 20%" in nothing


@pytest.mark.parametrize(
    ("steps", "num_frames", "batch_size", "epochs"),
    [(100, 16, 8, 50), (100, 17, 8, 33), (1, 64, 8, 1), (7, 8, 8, 7)],
)
def test_epochs_come_near_the_steps_asked_for(
    steps: int, num_frames: int, batch_size: int, epochs: int
) -> None:
    assert epochs_for(steps, num_frames, batch_size) == epochs
