"""The grid: which frames cameras give by each strategy, for each budget and seed, and to whom."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from analysis.choosing.groups import OWN, Groups
from analysis.streams.trained_runs import name_domain
from analysis.work.cells import Cell
from analysis.work.detecting import ChosenFrames, DetectorSchool
from analysis.work.plan import Plan
from analysis.work.running import Outcomes
from student.detection.judged_frames import JudgedFrames
from util.bbox_csv import split_ignored
from util.config import StreamsSection, StreamStudySection
from util.errors import UserError, listed
from util.streams.cameras import Camera
from util.streams.labelled import Pool
from util.streams.selecting import Measured, Selection, select


class Arm(NamedTuple):
    """What is compared.

    Attributes:
        strategy: That has chosen the frames.
        budget: How many were asked for of each camera.
        group: Who learns together, see `analysis.choosing.groups`.
    """

    strategy: str
    budget: int
    group: str = OWN


class Point(NamedTuple):
    """Where the detector of a camera stands in the grid; one that is shared stands at several.

    Attributes:
        camera: That it learns from, alone or among others.
        strategy: That has chosen the frames.
        budget: How many were asked for of each camera.
        seed: Of the choice, where that is random, and of the training.
        group: Who learns together, see `analysis.choosing.groups`.
    """

    camera: str
    strategy: str
    budget: int
    seed: int
    group: str = OWN

    @property
    def arm(self) -> Arm:
        """What is compared."""
        return Arm(self.strategy, self.budget, self.group)

    def name_run(self, frames: ChosenFrames) -> str:
        """Name its detector by what that learns from, so that one that is shared has one name."""
        cameras = name_domain(frames.cameras)
        return f"{cameras}_{self.strategy}_{self.budget}_seed{self.seed}"


def choose_frames(
    pool: Pool,
    streams: StreamsSection,
    study: StreamStudySection,
    groups: Groups,
    found_by: str | None,
) -> dict[Point, ChosenFrames]:
    """Choose the frames of all detectors.

    Args:
        pool: Frames that may be chosen, of the cameras that are crossed.
        streams: How frames are chosen, but for what is crossed.
        study: What is crossed.
        groups: Who learns together.
        found_by: Has found the cameras (data.groups).

    Returns:
        The frames of each detector, camera by camera.

    Raises:
        UserError: None validate, or cameras give too few frames: all such strategies are named.
    """
    if not streams.validation_frames:
        raise UserError(
            "streams.validation_frames is 0, but each training is watched on frames that it does "
            "not learn from; give 1 or more"
        )
    tables = [label_set.read_boxes() for label_set in pool.label_sets]
    measured: Measured = {}
    chosen: dict[Point, ChosenFrames] = {}
    problems: dict[str, None] = {}  # in order, each once, whatever the seed
    for strategy, budget, seed in product(study.strategies, study.budgets, study.seeds):
        told = {"strategy": strategy, "frames": budget, "budget": "camera", "seed": seed}
        settings = streams.model_copy(update=told)
        try:
            selections = select(
                pool.cameras, tables[0], settings, tables[-1], pool.image_paths, measured
            )
            _refuse_empty(selections)
        except UserError as error:
            problems[f"by {strategy}, {budget} of each camera: {error}"] = None
            continue
        of_camera = {each.bank.camera.name: each for each in selections}
        for (group, together), camera in product(groups.items(), of_camera):
            mates = together[camera]
            made_of = pool.only(mates).describe(settings, found_by)
            point = Point(camera, strategy, budget, seed, group)
            chosen[point] = ChosenFrames([of_camera[m] for m in mates], settings, made_of)
    if problems:
        raise UserError(listed(list(problems), 3))
    names = [camera.name for camera in pool.cameras]
    return dict(sorted(chosen.items(), key=lambda pair: names.index(pair[0].camera)))


def _refuse_empty(selections: Sequence[Selection]) -> None:
    """Refuse cameras that give no frame at all, which streams.allow_short lets pass."""
    if empty := [each.bank.camera.name for each in selections if not each.train_ids]:
        raise UserError(
            f"no frame of {listed(empty)} is chosen; raise streams.rate, shorten streams.warmup, "
            "or name the other cameras alone in stream_study.cameras"
        )


def choose_cameras(pool: Pool, wanted: Sequence[str]) -> list[Camera]:
    """Give the cameras that are crossed.

    Raises:
        UserError: Some have no frame that may be chosen.
    """
    there = [camera.name for camera in pool.cameras]
    if unknown := [name for name in wanted if name not in there]:
        raise UserError(
            f"stream_study.cameras names cameras without frames: {listed(unknown)}; there are: "
            f"{listed(there, 20)}"
        )
    return [camera for camera in pool.cameras if not wanted or camera.name in wanted]


def plan_grid(
    school: DetectorSchool, chosen: Mapping[Point, ChosenFrames], steps: int | None
) -> Plan:
    """Give each detector its cell.

    Args:
        school: What detectors have in common.
        chosen: The frames of each.
        steps: That each is trained for, about; None = for detector.epochs, and one that is shared
            for as many steps as the detectors of its cameras, in the mean.
    """
    runs: dict[tuple[str, ...], dict[int, Cell]] = {}
    cells: dict[str, Cell] = {}
    for point, frames in chosen.items():
        run = point.name_run(frames)
        if run not in cells:
            changes = {"seed": point.seed, "epochs": _count_epochs(school, frames, steps)}
            cameras = name_domain(frames.cameras)
            name = f"{cameras}, {point.strategy}, {point.budget} frames, seed {point.seed}"
            cells[run] = school.cell(name, frames, changes)
        key = (point.camera, point.strategy, str(point.budget), point.group)
        runs.setdefault(key, {})[point.seed] = cells[run]
    return Plan((), (), runs)


def _count_epochs(school: DetectorSchool, frames: ChosenFrames, steps: int | None) -> int:
    """Count the epochs of a detector, see `plan_grid`."""
    section = school.config.detector
    alone = [
        section.epochs * math.ceil(len(each.train_ids) / section.batch_size)
        for each in frames.selections
    ]
    wanted = sum(alone) / len(alone) if steps is None else steps
    return epochs_for(wanted, len(frames.train_ids), section.batch_size)


def epochs_for(steps: float, num_frames: int, batch_size: int) -> int:
    """Give the number of epochs, 1 at least, whose steps are nearest to those asked for.

    Example:
        >>> epochs_for(100, 16, 8)
        50
    """
    return max(round(steps / math.ceil(num_frames / batch_size)), 1)


def find_detectors(plan: Plan, outcomes: Outcomes) -> dict[Point, Path]:
    """Find the folders of the detectors that were trained and tested."""
    found = {}
    for (camera, strategy, budget, group), by_seed in plan.runs.items():
        for seed, cell in by_seed.items():
            if outcomes[cell].status == "done":
                found[Point(camera, strategy, int(budget), seed, group)] = cell.folder
    return found


def find_complete(chosen: Iterable[Point], detectors: Collection[Point]) -> list[str]:
    """Name the cameras of which all own detectors are there, since others cannot be compared.

    Args:
        chosen: All that were asked for.
        detectors: Those that are there.
    """
    points = [point for point in chosen if point.group == OWN]
    lacking = {point.camera for point in points if point not in detectors}
    return list(dict.fromkeys(p.camera for p in points if p.camera not in lacking))


def find_lacking_groups(chosen: Iterable[Point], detectors: Collection[Point]) -> list[str]:
    """Name the kinds of shared detectors of which one is not there; see `find_complete`."""
    groups = [p.group for p in chosen if p.group != OWN and p not in detectors]
    return list(dict.fromkeys(groups))


def refuse_untested(cameras: Sequence[Camera], frames: JudgedFrames) -> None:
    """Refuse cameras that detectors could not be judged on, and frames that are tested on.

    Args:
        cameras: With the frames that may be chosen.
        frames: That all are judged on.

    Raises:
        UserError: Cameras have no test frame, or none with a true box; or frames of the test may be
            chosen.
    """
    seen = {image_id: camera.name for camera in frames.cameras for image_id in camera.ids}
    if both := [i for camera in cameras for i in camera.ids if i in seen]:
        raise UserError(
            f"{len(both)} frames of the split {frames.split}, which detectors are tested on, might "
            f"be learnt from: {listed(both)}; set streams.pool to a split without them"
        )
    objects, _ = split_ignored(frames.truths)
    judged = {seen[image_id] for image_id in set(objects["image"]) if image_id in seen}
    if without := [camera.name for camera in cameras if camera.name not in judged]:
        raise UserError(
            f"cameras have no frame with a true box in the split {frames.split}: {listed(without)};"
            " there is nothing to judge their detectors by: leave them out (stream_study.cameras)"
        )
