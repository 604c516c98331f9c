"""The script that clusters cameras, on published scores and on small streams."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.cluster_cameras import main
from analysis.streams.cross_matrix import CrossMatrix, write_matrix
from analysis.streams.results import append_results, result_row, told_by_name
from analysis.streams.run_names import parse_run_name
from tests.analysis.clusters.walt import CAMERAS, SCORES
from tests.util.streams.recorded import write_streams
from util.errors import UserError
from util.images.files import find_images, write_image


def find(config: Path, *more: str) -> dict[str, Any]:
    """Run the script; its manifest."""
    assert main(["--config", str(config), *(f"--clusters.{each}" for each in more)]) == 0
    return json.loads((config.parent / "runs" / "clusters" / "clusters.json").read_text())


def refused(config: Path, *more: str) -> str:
    with pytest.raises(UserError) as error:
        find(config, *more)
    assert not (config.parent / "runs" / "clusters").exists()
    return str(error.value)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    write_matrix(tmp_path / "cross_performance.csv", CrossMatrix(CAMERAS, SCORES))
    path = tmp_path / "config.json"
    told = {"clusters": {"matrix": "cross_performance.csv"}, "paths": {"runs": "runs"}}
    path.write_text(json.dumps(told))
    return path


def test_published_scores_give_the_published_clusters_with_what_decided(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = find(published, "count=4")
    folder = published.parent / "runs" / "clusters"
    table = pd.read_csv(folder / "clusters.csv", sep=";")
    found = table.groupby("cluster")["camera"].agg(list).tolist()
    assert found == [["cam1", "cam3"], ["cam2", "cam9"], ["cam4"], ["cam5", "cam6", "cam7", "cam8"]]
    assert list(manifest["clusters"].values()) == found
    assert (manifest["distance"], manifest["criterion"], manifest["count"]) == (
        "profile",
        "given",
        4,
    )
    assert manifest["merges"][-1]["height"] == pytest.approx(1.7333, abs=1e-4)
    agreement = pd.read_csv(folder / "agreement.csv")
    assert agreement[["distance", "compared_with"]].to_numpy().tolist() == [["transfer", "profile"]]
    assert (folder / "clusters.png").stat().st_size > 10_000
    drawn = re.findall(r">(cam\d)<", (folder / "clusters.svg").read_text())
    assert len(drawn) == 18
    assert drawn[:9] == drawn[9:]  # rows are in the order of columns
    out = capsys.readouterr().out
    assert "4 clusters of 9 cameras (given)\ncluster 1: cam1, cam3\n" in out
    assert "select_frames.py --streams.cameras cam1 --streams.cameras cam3" in out


def test_a_camera_may_join_later_and_the_criterion_decides(published: Path) -> None:
    manifest = find(published, 'newcomers=["cam8"]', "distance=transfer")
    assert manifest["clusters"] == {
        "1": ["cam1", "cam2", "cam3", "cam9"],
        "2": ["cam4", "cam5", "cam6", "cam7", "cam8"],
    }
    assert manifest["newcomers"] == {"cam8": 2}
    assert manifest["criterion"] == "silhouette"
    assert list(manifest["silhouettes"]) == ["2", "3", "4", "5", "6", "7"]
    assert "cam8" not in manifest["cameras"]


def row(source: str, target: str, score: float) -> dict[str, Any]:
    run = parse_run_name(f"W-{source}-week1_s_t_n-first_stream-based_16")
    names = ("precision", "recall", "mAP50", "mAP50-95")
    return result_row(told_by_name(run), target, (1, 1, 1), dict.fromkeys(names, score))


STREAMS = {
    "cam1": [[0.9]] * 4,
    "cam2": [[0.9], [0.8], [0.9], [0.9]],
    "cam3": [[], [0.5, 0.5, 0.5], [], []],
    "cam4": [[], [0.5, 0.5], [], []],
}


@pytest.mark.parametrize("distance", ["embedding", "labels"])
def test_boxes_alone_tell_cameras_apart_before_any_training(tmp_path: Path, distance: str) -> None:
    config = write_streams(tmp_path, STREAMS)
    earlier = tmp_path / "runs" / "clusters" / "cross_performance.csv"
    write_matrix(earlier, CrossMatrix(CAMERAS, SCORES))
    manifest = find(config, "label_set=detector", f"distance={distance}", "newcomers=cam4")
    assert manifest["clusters"] == {"1": ["cam1", "cam2"], "2": ["cam3", "cam4"]}
    assert "metric" not in manifest
    assert not earlier.exists()


def test_boxes_are_compared_with_how_students_fare(tmp_path: Path) -> None:
    config = write_streams(tmp_path, STREAMS)
    near = {("cam1", "cam2"), ("cam3", "cam4")}
    rows = [
        row(a, b, 0.9 if a == b else 0.8 if {(a, b), (b, a)} & near else 0.1)
        for a in STREAMS
        for b in STREAMS
    ]
    append_results(tmp_path / "runs" / "cross_performance" / "inference_results.csv", rows)
    manifest = find(config, "label_set=detector", "metric=recall")
    assert list(manifest["clusters"].values()) == [["cam1", "cam2"], ["cam3", "cam4"]]
    table = pd.read_csv(tmp_path / "runs" / "clusters" / "agreement.csv")
    assert len(table) == 6
    assert (table["adjusted_rand"] == 1).all()
    assert (table["spearman"] > 0.5).all()
    assert np.isfinite(table["p"]).all()


def test_boxes_cluster_all_cameras_though_scores_of_some_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = write_streams(tmp_path, STREAMS)
    trained = ("cam1", "cam2", "cam3")
    rows = [row(a, b, 0.9 if a == b else 0.3) for a in trained for b in trained]
    append_results(tmp_path / "runs" / "cross_performance" / "inference_results.csv", rows)
    manifest = find(config, "label_set=detector", "distance=labels")
    assert manifest["cameras"] == [*STREAMS]
    assert "metric" not in manifest
    assert "there are no scores of cam4, but of cam1, cam2, cam3" in caplog.text
    asked = ["--streams.cameras", "cam4", "--streams.cameras", "cam1"]
    told = ["--clusters.label_set", "detector", "--clusters.distance", "embedding"]
    assert main(["--config", str(config), *told, *asked]) == 0
    manifest = json.loads((tmp_path / "runs" / "clusters" / "clusters.json").read_text())
    assert manifest["cameras"] == ["cam1", "cam4"]
    assert find(config, "label_set=detector")["cameras"] == [*trained]  # by their scores


def test_scores_of_the_cameras_that_are_asked_for_are_clustered_alone(published: Path) -> None:
    asked = [word for name in CAMERAS[:3] for word in ("--streams.cameras", name)]
    assert main(["--config", str(published), *asked]) == 0
    folder = published.parent / "runs" / "clusters"
    assert json.loads((folder / "clusters.json").read_text())["cameras"] == [*CAMERAS[:3]]
    table = pd.read_csv(folder / "cross_performance.csv", index_col=0)
    np.testing.assert_allclose(table.to_numpy(float), SCORES[:3, :3])
    with pytest.raises(UserError, match=r"no scores of cam77, but of cam1.*profile needs them"):
        main(["--config", str(published), *asked, "--streams.cameras", "cam77"])


def test_what_cannot_be_clustered_is_one_sentence_and_nothing_is_written(
    published: Path, tmp_path: Path
) -> None:
    assert "which the distance profile needs" in refused(published, "matrix=null")
    assert "name their label set" in refused(published, "distance=labels")
    assert "unknown cameras: cam10" in refused(published, "newcomers=cam10")
    newcomers = json.dumps(list(CAMERAS[1:]))
    assert "two cameras at least" in refused(published, f"newcomers={newcomers}")
    assert "clusters.count is 10, but there are 9" in refused(published, "count=10")
    assert "expected null where clusters.count is set" in refused(
        published, "count=2", "threshold=1"
    )
    other = write_streams(tmp_path / "other", STREAMS)
    matrix = f"matrix={tmp_path / 'cross_performance.csv'}"
    told = refused(other, matrix, "label_set=detector")
    assert "no frames in" in told
    assert "cam5, cam6, cam7, cam8, cam9; there are: cam1, cam2, cam3, cam4" in told


def test_frames_that_are_not_labelled_are_left_out_by_a_pool(tmp_path: Path) -> None:
    config = write_streams(tmp_path, STREAMS)
    labelled = sorted(find_images(tmp_path / "images"))
    (tmp_path / "Bank.txt").write_text("\n".join(labelled) + "\n")
    write_image(tmp_path / "images" / "cam5" / "frame_1.png", np.zeros((10, 10, 3), np.uint8))
    assert "label them first" in refused(config, "label_set=detector", "distance=labels")
    given = ["--config", str(config), "--data.splits", str(tmp_path), "--streams.pool", "Bank"]
    given += ["--clusters.label_set", "detector", "--clusters.distance", "labels"]
    assert main(given) == 0
    manifest = json.loads((tmp_path / "runs" / "clusters" / "clusters.json").read_text())
    assert manifest["cameras"] == ["cam1", "cam2", "cam3", "cam4"]


def test_scores_that_cannot_be_compared_keep_no_boxes_from_being_clustered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = write_streams(tmp_path, STREAMS)
    results = tmp_path / "runs" / "cross_performance" / "inference_results.csv"
    append_results(results, [row("cam1", "cam1", 0.5)])  # of one camera alone
    manifest = find(config, "label_set=detector", "distance=labels")
    assert manifest["cameras"] == ["cam1", "cam2", "cam3", "cam4"]
    assert f"no scores of {results}: the results have students of cam1" in caplog.text
    with pytest.raises(UserError, match="clusters need two cameras at least"):
        find(config, "label_set=detector", "distance=profile")
