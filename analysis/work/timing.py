"""How much work a study is, and how long it will take, before anything runs."""

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.work.cells import Cell, find_finished
from analysis.work.making import one_thread, printing_to
from analysis.work.plan import Plan
from student.data.material import gather_material
from teacher.building import prepare_teacher
from teacher.labelling import label_all
from util.config import Config, override_config, values_in
from util.data_classes import BoxSettings
from util.disk.whole_files import write_text
from util.errors import UserError
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split
from util.label_set import Content, LabelSetWriter
from util.learning.runs.run_plan import RunPlan
from util.running.shares import ALONE, working_alone

PILOT_IMAGES = 8
"""Images that teachers and students are tried on."""

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


def estimate_work(
    config: Config, plan: Plan, image_paths: Mapping[str, Path], num_processes: int
) -> list[Work]:
    """Count what a plan has and still needs; try teachers and students on a few images."""
    data = config.data
    train, validation, test = (
        len(read_split(data.splits, split, image_paths))
        for split in (data.train_split, data.validation_split, data.test_split)
    )
    finished, trainings = find_finished(plan.cells), keep_distinct(plan.students)
    teachers, combinations, students = (
        [cell for cell in cells if cell not in finished]
        for cells in (plan.teachers, plan.combinations, trainings)
    )
    labelling = sum(time_labelling(cell, image_paths) for cell in teachers)
    passes = config.student.epochs * (train + validation) + test
    by_architecture = {cell.config.student.architecture: cell for cell in students}
    an_image = {name: time_training(cell, image_paths) for name, cell in by_architecture.items()}
    at_once = max(min(num_processes, len(students)), 1)
    training = sum(an_image[cell.config.student.architecture] * passes for cell in students)
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


def format_work(work: Sequence[Work], num_processes: int) -> str:
    """Lay the work out for the screen, with the time in all."""
    table = pd.DataFrame(
        [(each.kind, each.count, each.left, _in_words(each.seconds)) for each in work],
        columns=["", "in the study", "to be made", "expected"],
    )
    total = _in_words(sum(each.seconds for each in work))
    return (
        f"{table.to_string(index=False)}\n"
        f"About {total} with {num_processes} at once, by a trial on "
        f"{PILOT_IMAGES} images; statistics and report come on top."
    )


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def time_labelling(cell: Cell, image_paths: Mapping[str, Path]) -> float:
    """Seconds that a teacher will take for all images, by two trials of different length."""
    seconds = []
    counts = (min(2, len(image_paths)), min(PILOT_IMAGES, len(image_paths)))
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            trial = _pilot_config(cell, Path(folder), dict(list(image_paths.items())[:count]))
            start = time.perf_counter()
            with printing_to(Path(folder) / "log"), working_alone():
                label_all(
                    prepare_teacher(trial.teacher, trial.own_sections(), trial.paths),
                    find_images(trial.data.images),
                    trial.paths.label_sets,
                    trial.evaluation,
                    overwrite=False,
                    share=ALONE,
                )
            seconds.append(time.perf_counter() - start)
    an_image = max(seconds[1] - seconds[0], 0) / max(counts[1] - counts[0], 1)
    return seconds[0] + an_image * (len(image_paths) - counts[0])


def time_training(cell: Cell, image_paths: Mapping[str, Path]) -> float:
    """Seconds that a student takes for an image and epoch, by its second epoch on a few images."""
    from student.training import train_student

    ids = list(image_paths)[:PILOT_IMAGES]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trial = _pilot_config(cell, folder, {image_id: image_paths[image_id] for image_id in ids})
        with LabelSetWriter(folder / "label_sets" / PILOT, {"producer": "trial"}) as writer:
            for image_id in ids:
                blank = np.zeros(image_size_hw(image_paths[image_id]), np.float32)
                blank[:8, :8] = 1  # something to be found
                writer.add(image_id, Content(blank), "", 0)
            writer.finish(BoxSettings())
        with printing_to(folder / "log"), one_thread():
            student, paths, run = trial.student, trial.paths, folder / "runs" / PILOT
            material = gather_material(student, trial.data, trial.evaluation, paths.label_sets)
            plan = RunPlan(run, values_in(run, trial), trial.tracking, overwrite=False)
            train_student(student, material, paths.weights, plan)
        metrics = pd.read_csv(folder / "runs" / PILOT / "metrics.csv")
        return float(metrics["seconds"].iloc[-1]) / (2 * len(ids))


def _pilot_config(cell: Cell, folder: Path, image_paths: Mapping[str, Path]) -> Config:
    """Copy a few images into a folder; returns a cell's config for them."""
    for image_id, path in image_paths.items():
        copy = folder / "images" / f"{image_id}{path.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    write_text(folder / "splits" / f"{PILOT}.txt", "\n".join(image_paths) + "\n")
    changes: dict[str, dict[str, Any]] = {
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
    return override_config(cell.config, changes, "a trial")
