"""How detectors fare on their own cameras, and would on other frames and other cameras.

Two spreads are told apart. *Of cameras*: a resample draws as many cameras as there are, with
replacement, and of each that it draws, again with replacement, as many groups as there are of
frames that follow each other (two-stage resampling: Davison and Hinkley, Bootstrap Methods and
their Application, 1997, section 3.8). That is for other cameras of the kind; what chance adds to
each training is in it, too. *Of frames*: all cameras stay, and only groups of frames are drawn, in
each camera by itself; that is for these cameras and these trained networks. All detectors meet the
same resamples, so differences are paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.choosing.grid import Arm, Point
from analysis.study.statistics.draws import Draws
from student.detection.judged_frames import JudgedFrames
from util.bbox_csv import read_bbox_csv
from util.label_set import PREDICTION
from util.metrics.class_average_precision import bootstrap_by_class, rank_by_class
from util.streams.cameras import Camera, group_in_time

METRICS = ("mAP50", "mAP50-95")
RESAMPLES = 2000
"""Enough for ends of intervals that are shown with three digits, and for p values from 0.0005."""


@dataclass(frozen=True, eq=False)
class CameraScores:
    """Scores of A arms on their own of C cameras.

    Attributes:
        cameras: Names.
        arms: What has chosen, how many frames, and who learns together.
        estimate: (C, A, 2) float64, of all test frames: `METRICS`, means over seeds.
        resampled: (C, R, A, 2) float64, of resampled frames; nan where these have no true box.
        num_groups: (C,) int, groups of frames of each camera.
    """

    cameras: Sequence[str]
    arms: Sequence[Arm]
    estimate: np.ndarray
    resampled: np.ndarray
    num_groups: np.ndarray

    def of(self, group: str) -> "CameraScores":
        """Leave out the arms of other groups."""
        kept = [at for at, arm in enumerate(self.arms) if arm.group == group]
        return replace(
            self,
            arms=[self.arms[at] for at in kept],
            estimate=self.estimate[:, kept],
            resampled=self.resampled[:, :, kept],
        )

    def over_cameras(self, metric: str) -> Draws:
        """Draw means over cameras and frames; nan where there is one camera.

        Copies of a camera have frames of their own: each reads another resample of it.
        """
        count, num_resamples = self.resampled.shape[:2]
        scores = self.resampled[..., METRICS.index(metric)]
        picked = np.random.default_rng([0, count]).integers(count, size=(num_resamples, count))
        step = max(num_resamples // count, 1)
        places = np.arange(num_resamples)[:, None] + step * np.arange(count)
        draws = _mean(scores[picked, places % num_resamples], axis=1)
        return self._draws(metric, draws if count > 1 else np.full_like(draws, np.nan), count)

    def over_frames(self, metric: str) -> Draws:
        """Draw means over these cameras on other frames; nan where each has one group of them."""
        draws = _mean(self.resampled[..., METRICS.index(metric)], axis=0)
        num_drawn = int(self.num_groups.sum())
        is_fixed = num_drawn == len(self.cameras)
        return self._draws(metric, np.full_like(draws, np.nan) if is_fixed else draws, num_drawn)

    def _draws(self, metric: str, draws: np.ndarray, num_drawn: int) -> Draws:
        estimate = self.estimate[..., METRICS.index(metric)].mean(axis=0)
        return Draws(tuple(map(name_arm, self.arms)), estimate, draws, num_drawn=num_drawn)


def name_arm(arm: Arm) -> str:
    """Name a strategy with a number of frames, and who learns together."""
    return f"{arm.strategy}, {arm.budget}, {arm.group}"


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is defined; nan where nothing is."""
    is_there = ~np.isnan(values)
    total, count = np.where(is_there, values, 0).sum(axis=axis), is_there.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def score_cameras(
    frames: JudgedFrames, detectors: Mapping[Point, Path], num_resamples: int = RESAMPLES
) -> CameraScores:
    """Score detectors on their own cameras; one that is shared, on each of its cameras.

    Args:
        frames: Of all cameras, each of which has a true box.
        detectors: Folders of their runs; all cameras have the same arms and seeds, which are
            averaged.
        num_resamples: R.
    """
    cameras = {camera.name: camera for camera in frames.cameras}
    arms = list(dict.fromkeys(point.arm for point in detectors))
    found: dict[str, dict[Arm, list[Path]]] = {}
    for point, folder in detectors.items():
        of_arm = found.setdefault(point.camera, {}).setdefault(point.arm, [])
        of_arm.append(folder / frames.split)
    estimates, resampled, num_groups = [], [], []
    for number, (name, label_sets) in enumerate(found.items()):
        camera = cameras[name]
        each = [
            [_score(camera, frames, folder, num_resamples, number) for folder in label_sets[arm]]
            for arm in arms
        ]
        estimates.append([np.mean([e for e, _ in seeds], axis=0) for seeds in each])
        means = [np.mean([r for _, r in seeds], axis=0) for seeds in each]
        resampled.append(np.stack(means, axis=1))
        num_groups.append(len(group_in_time([camera], frames.block)[1]))
    return CameraScores(
        list(found), arms, np.array(estimates), np.array(resampled), np.array(num_groups)
    )


def _score(
    camera: Camera, frames: JudgedFrames, folder: Path, num_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Score a detector on a camera: (2,) of all frames, (R, 2) of resampled ones."""
    ids, groups = group_in_time([camera], frames.block)
    true, boxes = (
        _only(table, ids) for table in (frames.truths, read_bbox_csv(folder / PREDICTION))
    )
    interval = bootstrap_by_class(rank_by_class(true, boxes, ids), groups, num_resamples, seed)
    if len(groups) == 1:  # it is all there is to be drawn
        return interval.estimate, np.tile(interval.estimate, (num_resamples, 1))
    return interval.estimate, interval.resampled


def _only(boxes: pd.DataFrame, image_ids: Sequence[str]) -> pd.DataFrame:
    return boxes[boxes["image"].isin(set(image_ids))]
