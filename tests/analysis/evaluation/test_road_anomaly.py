"""The table in the benchmark's words, beside plain loops over pixels and sets of components."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import analysis.pixel_evaluation
import teacher.soft_label_generation
from analysis.evaluation.road_anomaly import measure_submission
from tests.conftest import make_project
from tests.plain_components import plain_f1, plain_mean, plain_scores
from tests.plain_road_anomaly import plain_road_anomaly
from util.config import DataSection
from util.images.files import find_images, write_image
from util.images.masks import open_masks
from util.label_set import LabelSet
from util.metrics.components import TRACKS
from util.metrics.pixelwise.road_anomaly import Version


def draw_scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A map with tied scores and a mask with void, of anomalies of all sizes, found in part."""
    truth = np.zeros((60, 90), np.uint8)
    soft_label = rng.beta(0.4, 6, truth.shape).astype(np.float32)
    for size in (2, 5, 9, 30):
        y, x = rng.integers(0, 60 - size), rng.integers(0, 90 - size)
        truth[y : y + size, x : x + size] = 1
        soft_label[y + 1 : y + size, x : x + size + 3] += rng.choice([0.1, 0.5, 0.7])
    soft_label[:30, 60:] += 0.6
    truth[:, 40:44] = 255
    return np.clip(cv2.blur(soft_label, (3, 3)), 0, 1), truth


@pytest.mark.parametrize("decimals", [5, 1], ids=["smooth", "tied"])
@pytest.mark.parametrize("version", ["2021", "2023"])
def test_rows_are_what_the_benchmark_would_say_of_submitted_maps(
    version: Version,
    decimals: int,
    tmp_path: Path,
    write_label_set: Callable[..., LabelSet],
    rng: np.random.Generator,
) -> None:
    scenes = {f"scene_{n}": draw_scene(rng) for n in range(3)}
    for image_id, (_, truth) in scenes.items():
        write_image(tmp_path / "images" / f"{image_id}.png", np.zeros((60, 90, 3), np.uint8))
        write_image(tmp_path / "masks" / f"{image_id}.png", truth)
    label_set = write_label_set(
        "found", {i: soft_label.round(decimals) for i, (soft_label, _) in scenes.items()}
    )
    data = DataSection(images=tmp_path / "images", masks=tmp_path / "masks")
    rows = measure_submission(label_set, open_masks(data, find_images(data.images)), version)

    submitted = {i: label_set.read(i).astype(np.float16).astype(np.float64) for i in scenes}
    frames = [
        list(zip(submitted[i].ravel().tolist(), truth.ravel().tolist(), strict=True))
        for i, (_, truth) in scenes.items()
    ]
    plain = plain_road_anomaly(frames, version, "percentile")
    assert [row["track"] for row in rows] == [*TRACKS]
    for row, limits in zip(rows, TRACKS.values(), strict=True):
        sious, ppvs = [], []
        for image_id, (_, truth) in scenes.items():
            found = plain_scores(submitted[image_id] > plain["best_threshold"], truth, limits)
            sious += found[0]
            ppvs += found[1]
        assert 0 < plain_mean(plain_f1(sious, ppvs)) < 1
        assert row == {
            "track": row["track"],
            "convention": version,
            "AUPR-sum": pytest.approx(plain["aupr_sum"], abs=1e-9),
            "AUPR-trapz": pytest.approx(plain["trapezoid"], abs=1e-9),
            "area_PRC": pytest.approx(plain["area_prc"], abs=1e-9),
            "FPR95": pytest.approx(plain["fpr_at_95_tpr"], abs=1e-9),
            "best_F1": pytest.approx(plain["best_f1"], abs=1e-9),
            "threshold": plain["best_threshold"],
            "sIoU_gt": pytest.approx(plain_mean(sious), abs=1e-9),
            "PPV": pytest.approx(plain_mean(ppvs), abs=1e-9),
            "F1*": pytest.approx(plain_mean(plain_f1(sious, ppvs)), abs=1e-9),
        }


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose teacher has labelled its images; tests may read it."""
    project = make_project(tmp_path_factory.mktemp("labelled"))
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    return project


def evaluate(project: Path, runs: Path, *more: str) -> int:
    given = ["--config", str(project), "--paths.runs", str(runs), *more]
    return analysis.pixel_evaluation.main(given)


def test_the_table_has_each_label_set_and_track_with_the_exact_values_beside(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(labelled, tmp_path, "--evaluation.benchmark", "2023") == 0
    said = capsys.readouterr().out
    assert "code of 2023 measures float16 scores" in said
    assert "AUPR-sum" in said
    assert str(tmp_path / "road_anomaly.csv") in said
    table = pd.read_csv(tmp_path / "road_anomaly.csv")
    expected = [(name, "Test", t, 2023) for name in ("bird", "white_crest") for t in TRACKS]
    assert [*table[["method", "split", "track", "convention"]].itertuples(index=False)] == expected
    exact = pd.read_csv(tmp_path / "pixel_evaluation.csv").set_index("label_set")
    exact = exact.loc[table["method"], ["average_precision", "fpr_at_95_tpr"]]
    np.testing.assert_array_equal(table[["exact_AP", "exact_FPR95"]], exact)
    np.testing.assert_allclose(table["area_PRC"], table["exact_AP"], atol=0.02)


def test_without_a_benchmark_nothing_is_added(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(labelled, tmp_path) == 0
    assert "AUPR-sum" not in capsys.readouterr().out
    assert not (tmp_path / "road_anomaly.csv").exists()
