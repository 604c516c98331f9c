"""How much work a study is, and how long it will take, before anything runs."""

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.work.cells import Cell, find_finished
from analysis.work.making import one_thread, printing_to
from analysis.work.plan import Plan
from analysis.work.stages import Changes, Labelling, Learning
from util.config import DataSection, StudentSection
from util.data_classes import BoxSettings
from util.disk.whole_files import write_text
from util.errors import UserError
from util.images.files import image_size_hw, read_image
from util.images.splits import read_split, spread
from util.label_set import Content, LabelSetWriter
from util.learning.task import LoopSettings
from util.running.shares import working_alone
from util.words import count_of

PILOT_IMAGES = 8
"""Images that teachers and students are tried on, spread over all, as they may differ in size."""

MOST_TRIED = 4 * PILOT_IMAGES
"""Images of which those are chosen that can be read."""

PILOT = "Pilot"
"""Their split, label set and run."""


@dataclass(frozen=True)
class Work:
    """What there is to do of one kind.

    Attributes:
        kind: Such as `trainings`.
        count: How many the study has.
        left: How many of them are still to be made.
        seconds: That those will take; 0 for combinations, which are quick beside the others.
    """

    kind: str
    count: int
    left: int
    seconds: float


def count_passes(
    data: DataSection, student: StudentSection, image_paths: Mapping[str, Path]
) -> int:
    """Count how often a student looks at an image while it is trained and tested.

    Args:
        data: Names the splits.
        student: How it is trained.
        image_paths: All images, by id.

    Raises:
        UserError: A split is missing.
    """
    train, validation, test = (
        len(read_split(data.splits, split, image_paths))
        for split in (data.train_split, data.validation_split, data.test_split)
    )
    loop = LoopSettings.of(student)
    num_validations = sum(map(loop.validates, range(1, loop.epochs + 1)))
    return loop.epochs * train + num_validations * validation + test


def estimate_work(
    plan: Plan, num_passes: int, image_paths: Mapping[str, Path], num_processes: int
) -> list[Work]:
    """Count what a plan has and still needs; try teachers and students on a few images.

    Args:
        plan: Of the grid.
        num_passes: Of `count_passes`, by each student.
        image_paths: All images, by id.
        num_processes: Students that are trained at once.
    """
    finished, trainings = find_finished(plan.cells), keep_distinct(plan.students)
    teachers, combinations, students = (
        [cell for cell in cells if cell not in finished]
        for cells in (plan.teachers, plan.combinations, trainings)
    )
    stages = [cell.stage for cell in (*teachers, *students)]
    labelling = sum(time_labelling(s, image_paths) for s in stages if isinstance(s, Labelling))
    trained = [stage for stage in stages if isinstance(stage, Learning)]
    by_architecture = {stage.student.architecture: stage for stage in trained}
    an_image = {name: time_training(stage, image_paths) for name, stage in by_architecture.items()}
    at_once = max(min(num_processes, len(students)), 1)
    training = sum(an_image[stage.student.architecture] * num_passes for stage in trained)
    return [
        Work("label sets", _count_made(plan.teachers), _count_made(teachers), labelling),
        Work("combinations", len(plan.combinations), len(combinations), 0.0),
        Work("trainings", len(trainings), len(students), training / at_once),
    ]


def _count_made(teachers: Iterable[Cell]) -> int:
    return sum(len(cell.makes) for cell in teachers)


def keep_distinct(students: Sequence[Cell]) -> list[Cell]:
    """Keep one of the students of equal label sets, as far as these have been made."""
    kept: dict[object, Cell] = {}
    for cell in students:
        try:
            kept.setdefault(cell.folder, cell)
        except UserError:  # its label set is still to be made
            kept[cell] = cell
    return list(kept.values())


def format_work(
    work: Sequence[Work],
    num_processes: int,
    trial: str = f"a trial on {PILOT_IMAGES} images at most",
) -> str:
    """Lay the work out for the screen, with the time in all, and what it is known by."""
    seconds = sum(each.seconds for each in work)
    table = pd.DataFrame(
        [
            (
                each.kind,
                each.count,
                each.left,
                _in_words(each.seconds),
                f"{each.seconds / seconds:.0%}" if seconds else "",
            )
            for each in work
        ],
        columns=["", "in the study", "to be made", "expected", "share"],
    )
    if not any(each.left for each in work):
        return f"{table.to_string(index=False)}\nAll is made; statistics and report are left."
    total = _in_words(seconds)
    return (
        f"{table.to_string(index=False)}\n"
        f"About {total} with {num_processes} at once, by {trial}; statistics and report come on "
        "top."
    )


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def time_labelling(stage: Labelling, image_paths: Mapping[str, Path]) -> float:
    """Seconds that a teacher will take for all images, by two trials of different length.

    The one before them is not counted: it imports what the others find imported.
    """
    seconds = []
    chosen = choose_pilots(image_paths)
    few, many = min(2, len(chosen)), len(chosen)
    for count in (few, few, many):
        with tempfile.TemporaryDirectory() as folder:
            trial = _set_up_pilot(Path(folder), {i: image_paths[i] for i in chosen[:count]})
            start = time.perf_counter()
            with printing_to(Path(folder) / "log"), working_alone():
                stage.rehearse(trial)
            seconds.append(time.perf_counter() - start)
    _, short, long = seconds
    return short + max(long - short, 0) / max(many - few, 1) * (len(image_paths) - few)


def time_training(stage: Learning, image_paths: Mapping[str, Path]) -> float:
    """Seconds that a student takes for an image and epoch, by its second epoch on a few images."""
    ids = choose_pilots(image_paths)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trial = _set_up_pilot(folder, {image_id: image_paths[image_id] for image_id in ids})
        with LabelSetWriter(folder / "label_sets" / PILOT, {"producer": "trial"}) as writer:
            for image_id in ids:
                blank = np.zeros(image_size_hw(image_paths[image_id]), np.float32)
                blank[:8, :8] = 1  # something to be found
                writer.add(image_id, Content(blank), "", 0)
            writer.finish(BoxSettings())
        with printing_to(folder / "log"), one_thread():
            stage.rehearse(trial)
        metrics = pd.read_csv(folder / "runs" / PILOT / "metrics.csv")
        return float(metrics["seconds"].iloc[-1]) / (2 * len(ids))


def choose_pilots(image_paths: Mapping[str, Path]) -> list[str]:
    """Choose images that can be read, spread over all, to try teachers and students on.

    Raises:
        UserError: None of those that were tried can be read.
    """
    ids = list(image_paths)
    candidates = dict.fromkeys([*spread(ids, PILOT_IMAGES), *spread(ids, MOST_TRIED)])
    chosen = list(islice((i for i in candidates if _is_readable(image_paths[i])), PILOT_IMAGES))
    if not chosen:
        raise UserError(f"none of {count_of(len(candidates), 'image')} to try can be read")
    return chosen


def _is_readable(path: Path) -> bool:
    try:
        read_image(path)
    except UserError:
        return False
    return True


def _set_up_pilot(folder: Path, image_paths: Mapping[str, Path]) -> Changes:
    """Copy a few images into a folder; returns what a stage is told otherwise for them."""
    for image_id, path in image_paths.items():
        copy = folder / "images" / f"{image_id}{path.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    write_text(folder / "splits" / f"{PILOT}.txt", "\n".join(image_paths) + "\n")
    return {
        "data": {
            "images": folder / "images",
            "splits": folder / "splits",
            "train_split": PILOT,
            "validation_split": PILOT,
        },
        "paths": {"label_sets": folder / "label_sets", "runs": folder / "runs"},
        "student": {
            "label_set": PILOT,
            "run": PILOT,
            "epochs": 2,
            "validate_against": "label_set",
            "pixel_weights": "none",
        },
        "tracking": {"mode": "off"},
        "teacher": {"cache_gb": 0.0},
    }
