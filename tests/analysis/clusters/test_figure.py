"""The picture of clusters."""

from pathlib import Path

import numpy as np

from analysis.clusters.clustering import cluster
from analysis.clusters.figure import draw_clusters
from tests.conftest import read_gray


def test_cameras_that_are_all_alike_are_drawn_without_a_warning(tmp_path: Path) -> None:
    distances = np.zeros((3, 3))
    found = cluster(distances)
    draw_clusters(tmp_path / "alike", ["a", "b", "c"], distances, found, ("", "", "distance"))
    assert read_gray(tmp_path / "alike.png").std() > 0
