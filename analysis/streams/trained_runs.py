"""Runs of detectors, and what they have learnt from."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.streams.results import told_by_name
from analysis.streams.run_names import name_strategy, parse_run_name
from util.config import StreamsSection
from util.disk.whole_files import read_json
from util.errors import UserError, listed

FACTS = "run.json"
CONFIG = "config.json"
LEARNT_FROM = "learnt_from"


@dataclass(frozen=True)
class TrainedRun:
    """A run of a detector that is finished.

    Attributes:
        folder: Where it is.
        learnt: What it has learnt from: columns of `analysis.streams.results`.
        epochs: How many were trained, nan where nothing says so; the one that was kept; how many
            were asked for.
    """

    folder: Path
    learnt: Mapping[str, Any]
    epochs: tuple[float, int, int]


def find_runs(runs: Path, names: Sequence[str], dataset: str) -> list[TrainedRun]:
    """Find finished detectors.

    Args:
        runs: Folder of the runs.
        names: Of those that are wanted; none = all that there are.
        dataset: What the data set is called of runs whose name does not say it.

    Raises:
        UserError: Runs that are named are missing, unfinished or no detectors, or nothing says what
            network they are; all are named.
    """
    # What begins with a dot is no run, but what a stopped download has left.
    paths = runs.glob(f"[!.]*/{FACTS}")
    facts = {path.parent.name: read_json(path, "train anew") for path in paths}
    finished = {name: told for name, told in sorted(facts.items()) if _is_finished(told)}
    if missing := [name for name in names if name not in finished]:
        raise UserError(
            f"{runs} has no finished detector {listed(missing)}, but: "
            f"{listed(list(finished), 20) or 'none'}; train it: student/detection/train_detector.py"
        )
    wanted = names or list(finished)
    if untold := [name for name in wanted if not (runs / name / CONFIG).is_file()]:
        raise UserError(
            f"{runs} has detectors without {CONFIG}, which says what networks they are: "
            f"{listed(untold)}; bring it there, or name the others (cross_performance.students)"
        )
    return [_read(runs / name, finished[name], dataset) for name in wanted]


def is_detector(folder: Path) -> bool:
    """Tell whether a folder is the run of a finished detector."""
    return _is_finished(read_json(folder / FACTS, "train anew"))


def _is_finished(facts: Mapping[str, Any]) -> bool:
    return LEARNT_FROM in facts and "best" in facts


def _read(folder: Path, facts: Mapping[str, Any], dataset: str) -> TrainedRun:
    """Read what a run says of itself; a name of the original's kind is taken at its word."""
    detector = _read_detector(folder)
    try:
        learnt = told_by_name(parse_run_name(folder.name))
    except UserError:
        learnt = _tell(folder.name, facts, detector, dataset)
    return TrainedRun(folder, learnt, _read_epochs(folder, facts, detector["epochs"]))


def _read_detector(folder: Path) -> dict[str, Any]:
    """Read the section `detector` that a run was trained with."""
    detector: dict[str, Any] = read_json(folder / CONFIG, "train anew")["detector"]
    return detector


def read_cell(folder: Path, name: str, selection: Mapping[str, Any], dataset: str) -> TrainedRun:
    """Read a detector that may have been trained for another choice of the same frames.

    Args:
        folder: Of the finished run.
        name: What it is called.
        selection: Settings of the choice that is meant (see `describe_origin`).
        dataset: What the data set is called.
    """
    facts = read_json(folder / FACTS, "train anew")
    detector = _read_detector(folder)
    told = {**facts, LEARNT_FROM: {**facts[LEARNT_FROM], "selection": selection}}
    learnt = _tell(name, told, detector, dataset)
    return TrainedRun(folder, learnt, _read_epochs(folder, facts, detector["epochs"]))


def _read_epochs(folder: Path, facts: Mapping[str, Any], asked: int) -> tuple[float, int, int]:
    """Give the epochs of `TrainedRun`.

    Args:
        folder: Of a finished run.
        facts: What it says of itself.
        asked: How many were asked for.
    """
    metrics = folder / "metrics.csv"  # earlier runs have not filed it where others fetch them
    trained = len(pd.read_csv(metrics)) if metrics.is_file() else math.nan
    return trained, int(facts["best"]["epoch"]), asked


def _tell(
    name: str, facts: Mapping[str, Any], detector: Mapping[str, Any], dataset: str
) -> dict[str, Any]:
    """Give the columns of a run whose name does not tell them."""
    origin = facts[LEARNT_FROM]
    strategy, setting = _name_choice(origin["selection"])
    return {
        "run_id": name,
        "source_dataset": dataset,
        "source_domain": name_domain(origin["cameras"]),
        "source_period": "",
        "student": f"{detector['encoder'] or 'plain'}-{detector['width']}",
        "teacher": facts["labels"],
        "strategy": strategy,
        "setting": setting,
        "samples": origin["frames"],
    }


def _name_choice(selection: Mapping[str, Any] | None) -> tuple[str, str]:
    """Name the strategy that has chosen the frames, and its setting; `given` where nobody has."""
    if selection is None:
        return "given", ""
    known = StreamsSection.model_fields
    return name_strategy(StreamsSection(**{k: v for k, v in selection.items() if k in known}))


def name_domain(cameras: Sequence[str]) -> str:
    """Name cameras together: `cam1o2` where their names are numbers, else `office+pets`.

    Example:
        >>> name_domain(["cam1", "cam12"])
        'cam1o12'
    """
    if all(re.fullmatch("cam[0-9]+", name) for name in cameras):
        return "cam" + "o".join(name.removeprefix("cam") for name in cameras)
    return "+".join(cameras)


def split_domain(domain: str) -> list[str]:
    """Give the cameras that `name_domain`, or a name of the original's kind, has named together.

    The original has letters for some numbers; of these `o` joins two.

    Example:
        >>> split_domain("cam1o12")
        ['cam1', 'cam12']
    """
    if re.fullmatch(r"cam[0-9A-Za-np-z]+(o[0-9A-Za-np-z]+)*", domain):
        return [f"cam{number}" for number in domain.removeprefix("cam").split("o")]
    return domain.split("+")
