"""What label sets are judged beside: rules without knowledge, and their own maps shuffled."""

from collections.abc import Mapping

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import analysis.pixel_evaluation
from analysis.evaluation.trivial_baselines import RULES, rotate
from tests.analysis.evaluation.evaluation_projects import Project, write_maps
from util.images.files import read_image
from util.label_set import LabelSet

ASKED = ("--evaluation.trivial_baselines", "true")


def assert_scores(row: pd.Series, maps: Mapping[str, np.ndarray], made: Project) -> None:
    truths = np.concatenate([made.test[image_id].ravel() for image_id in maps])
    found = np.concatenate([each.ravel() for each in maps.values()])
    levels = np.rint(found * 65535)  # as they are counted
    assert row["average_precision"] == pytest.approx(average_precision_score(truths, levels))
    assert row["roc_auc"] == pytest.approx(roc_auc_score(truths, levels))


def test_rules_are_judged_as_label_sets_are(made: Project) -> None:
    assert made.run(analysis.pixel_evaluation.main, *ASKED) == 0
    table = made.table("pixel_evaluation")
    rules = [f"({name})" for name in RULES]
    assert list(table.index) == ["good", *rules, "good (shuffled)"]
    for name, rule in RULES.items():
        maps = {i: rule(read_image(made.folder / "images" / f"{i}.png")) for i in made.test}
        assert_scores(table.loc[f"({name})"], maps, made)
    assert (table["images"] == 3).all()
    assert (table["threshold"] == 0.5).all()
    images = made.table("pixel_evaluation_images")
    assert (images.index.value_counts() == 3).all()
    assert made.run(analysis.pixel_evaluation.main) == 0
    assert list(made.table("pixel_evaluation").index) == ["good"]


def test_shuffled_maps_are_judged_by_the_truth_of_other_images(made: Project) -> None:
    assert made.run(analysis.pixel_evaluation.main, *ASKED) == 0
    table = made.table("pixel_evaluation")
    good = LabelSet(made.folder / "label_sets" / "good")
    first, second, third = sorted(made.test)
    shuffled = {
        image_id: cv2.resize(good.read(other), made.test[image_id].shape[::-1])
        for image_id, other in ((first, second), (second, third), (third, first))
    }
    assert len({each.shape for each in shuffled.values()}) == 2
    assert_scores(table.loc["good (shuffled)"], shuffled, made)
    assert table.loc["good", "average_precision"] == 1
    assert table.loc["good (shuffled)", "average_precision"] < 0.5


def test_what_depends_on_the_layout_alone_survives_a_shuffle(made: Project) -> None:
    size = (64, 64)
    where = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(size)
    same = {i: cv2.resize(where, each.shape[::-1]) for i, each in made.test.items()}
    write_maps(made.folder / "label_sets" / "layout", same)
    given = ("--evaluation.predictions", "layout")
    assert made.run(analysis.pixel_evaluation.main, *ASKED, *given) == 0
    scores = made.table("pixel_evaluation")["roc_auc"]
    assert scores["layout (shuffled)"] == pytest.approx(scores["layout"], abs=0.02)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 30])
def test_no_image_gets_its_own_map_or_that_of_its_neighbour(count: int) -> None:
    ids = [f"{number:02d}" for number in range(count)]
    other = rotate(ids[::-1])
    assert sorted(other) == sorted(other.values()) == ids
    distances = [abs(int(one) - int(two)) for one, two in other.items()]
    assert min(distances) >= count // 2


def test_one_image_alone_has_no_shuffle(made: Project) -> None:
    (made.folder / "splits" / "Test.txt").write_text(f"{next(iter(made.test))}\n", "utf-8")
    assert made.run(analysis.pixel_evaluation.main, *ASKED) == 0
    assert list(made.table("pixel_evaluation").index) == ["good", *(f"({n})" for n in RULES)]


def test_an_image_that_cannot_be_read_leaves_out_the_rules_alone(
    made: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made.folder / "images" / f"{next(iter(made.test))}.png"
    path.write_bytes(path.read_bytes()[:200])
    assert made.run(analysis.pixel_evaluation.main, *ASKED) == 1
    assert "(centre prior) is left out: " in capsys.readouterr().err
    assert list(made.table("pixel_evaluation").index) == ["good", "good (shuffled)"]


def test_baselines_change_no_comparison_and_are_judged_as_the_benchmark_does(
    made: Project,
) -> None:
    write_maps(made.folder / "label_sets" / "half", {i: m / 2 for i, m in made.test.items()})
    given = ("--evaluation.baseline", "good", "--evaluation.benchmark", "2023")
    assert made.run(analysis.pixel_evaluation.main, *given) == 0
    before = (made.folder / "runs" / "pixel_differences.csv").read_text("utf-8")
    assert made.run(analysis.pixel_evaluation.main, *given, *ASKED) == 0
    assert (made.folder / "runs" / "pixel_differences.csv").read_text("utf-8") == before
    judged = set(made.table("road_anomaly").index)
    assert judged == {"good", "half", "good (shuffled)", "half (shuffled)"} | {
        f"({name})" for name in RULES
    }
