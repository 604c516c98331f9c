"""The time of a ranking that is said before a study."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis.study.ranking_time
from analysis.ranking.measuring import OfImage, look_at
from analysis.ranking.ranking import RESAMPLES, Ranking, rank
from analysis.study.ranking_time import time_ranking
from util.data_classes import BoxSettings
from util.images.files import write_image


def write_images(folder: Path, count: int) -> dict[str, Path]:
    paths = {f"{number:02d}": folder / f"{number:02d}.png" for number in range(count)}
    for path in paths.values():
        write_image(path, np.zeros((48, 64, 3), np.uint8))
    return paths


def test_a_few_images_and_resamples_stand_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a map takes 2 s to look at, and a resample 0.1 s."""
    clock = [0.0]
    sizes = set()

    def look(soft_labels: Iterable[np.ndarray], settings: BoxSettings) -> OfImage:
        maps = list(soft_labels)
        clock[0] += 2 * len(maps)
        sizes.update(each.shape for each in maps)
        return look_at(maps, settings)

    def rank_slowly(*given: Any) -> Ranking:
        clock[0] += 0.1 * given[-1]
        return rank(*given)

    monkeypatch.setattr(analysis.study.ranking_time, "look_at", look)
    monkeypatch.setattr(analysis.study.ranking_time, "rank", rank_slowly)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    paths = write_images(tmp_path, 30)
    expected = 30 * 5 * 2 + RESAMPLES * 0.1
    assert time_ranking(4, 1, paths, list(paths)) == pytest.approx(expected)
    assert sizes == {(48, 64)}


def test_prompts_that_cannot_be_ranked_take_no_time(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 1)
    assert time_ranking(2, 1, paths, list(paths)) == 0
