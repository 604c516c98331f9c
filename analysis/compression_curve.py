"""How far a trained student can be shrunk: distil it into smaller and smaller ones.

    python analysis/compression_curve.py --teacher.checkpoint runs/large/best.pt

The teacher (teacher.checkpoint; else student.run's) labels all images, and students of every width
and architecture of the compression section learn from that on the training split, with several
seeds; if compression.labels names a label set of true masks, from those too. All are tested on the
test split. What is made is kept in paths.cells: a stopped run goes on. Writes paths.runs/NAME:
compression.csv, compression.png, and compression_differences.csv: students against the teacher, and
distilled ones against those of true masks, image by image.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.compression.differences import (
    TEACHER,
    CountsOfRuns,
    compare_students,
    draw_scores,
)
from analysis.interval_tables import format_differences, format_interval
from teacher.settings import as_student
from util.config import BOX_RULE, TILES, CompressionSection, Config, keys_of, write_config
from util.config.command_line import load_config
from util.disk.whole_files import write_text
from util.errors import UserError, listed
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split, warn_of_shared_images
from util.label_set import LabelSet
from util.metrics.groups import group_images
from util.metrics.intervals import Score
from util.metrics.scores import f1, iou
from util.running.ahead import count_cores
from util.running.run import run_script
from util.visualization import new_figure, write_figure

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from analysis.study.statistics.draws import Draws
    from analysis.work.cells import Cell

READS = keys_of("compression", "student", "tracking") | TILES | BOX_RULE
READS |= {"evaluation.min_confidence", "study.processes"}
READS |= {f"teacher.{key}" for key in ("checkpoint", "flips", "device")}
READS |= {"teacher.tile_size_px", "teacher.tile_overlap_px"}
READS -= {"student.label_set", "student.seed", "student.architecture", "student.width"}


@dataclass(frozen=True, eq=False)
class Curve:
    """The work of a compression curve.

    Attributes:
        teacher: The checkpoint that is distilled.
        labelling: The cell of its label set.
        students: Their cells by training (`distilled` or `labels`), student and seed.
    """

    teacher: Path
    labelling: "Cell"
    students: dict[tuple[str, str], list["Cell"]]

    @property
    def label_set(self) -> Path:
        """Folder of the teacher's label set."""
        return self.labelling.folder / TEACHER

    def predicted(self) -> dict[tuple[str, str], list[Path]]:
        """Folders of all label sets by training and student, one a seed; the teacher's first."""
        from analysis.work.cells import predictions

        folders = {
            key: [predictions(cell) for cell in seeds] for key, seeds in self.students.items()
        }
        return {(TEACHER, TEACHER): [self.label_set], **folders}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    warn_of_shared_images(config.data)
    from analysis.work.running import report_failures, run_cells

    curve = plan_curve(config)
    cells = [cell for seeds in curve.students.values() for cell in seeds]
    num_processes = config.study.processes or count_cores()
    outcomes = run_cells([curve.labelling], [cells], num_processes)
    if failures := report_failures(outcomes):
        return failures
    judged = find_judged(config, curve)
    groups = group_images(config.data.groups, judged)
    draws = draw_scores(count_scores(config, curve.predicted(), judged), groups)
    table = tabulate(config, curve, judged, draws)
    differences = compare_students(list(curve.students), draws)
    folder = config.paths.runs / config.compression.name
    write_text(folder / "compression.csv", table.to_csv(index=False))
    write_text(folder / "compression_differences.csv", differences.to_csv(index=False))
    write_config(folder, config)
    draw(folder / "compression.png", table)
    print(groups.describe_intervals())
    print(format_table(table))
    if len(differences):
        pairs = differences["a"] + " - " + differences["b"]
        shown = differences.rename(columns={"score": "metric"}).assign(label_set=pairs)
        print(format_differences(shown, list(draws)))
    print(f"Wrote {folder}: compression.csv, compression_differences.csv, compression.png")
    return 0


def plan_curve(config: Config) -> Curve:
    """Give the teacher and all students their cells.

    Raises:
        UserError: There is no teacher, no student to train, or `data.groups` does not fit.
    """
    from analysis.work.dependencies import open_school, student_cell, teacher_cell
    from analysis.work.images import Images
    from student.inference.label_sets import find_checkpoint

    section = config.compression
    checkpoint = config.teacher.checkpoint or find_checkpoint(config)
    if checkpoint.suffix == ".onnx":
        raise UserError(
            f"{checkpoint} cannot be measured beside students; give the .pt that it is of"
        )
    test_ids = read_split(
        config.data.splits, config.data.test_split, find_images(config.data.images)
    )
    group_images(config.data.groups, test_ids)  # refuses ids without a group before any training
    logits = config.student.losses.get("kd", 0.0) > 0
    told = as_student(config, checkpoint=checkpoint, label_set=TEACHER, logits=logits)
    images = Images(find_images(config.data.images))
    name = f"the teacher {checkpoint}"
    labelling = teacher_cell(told, name, [TEACHER], images)
    school = open_school(config, images)
    changes = change_sizes(section)
    trainings = gather_trainings(config, labelling)
    students = {
        (training, name): [
            student_cell(
                school,
                label_set,
                f"{name}, {training}",
                {**change, **how, "seed": seed},
                needs,
            )
            for seed in section.training_seeds
        ]
        for training, (label_set, how, needs) in trainings.items()
        for name, change in changes.items()
    }
    return Curve(checkpoint, labelling, students)


def change_sizes(section: CompressionSection) -> dict[str, dict[str, Any]]:
    """Return what the student's section says otherwise for each student, by its name.

    Raises:
        UserError: There is none.
    """
    changes: dict[str, dict[str, Any]] = {
        f"unet {width}": {"architecture": "unet", "width": width, "encoder_weights": None}
        for width in section.widths
    }
    changes |= {name: {"architecture": name} for name in section.architectures}
    if not changes:
        raise UserError("compression.widths and .architectures are empty; name a student to train")
    return changes


def gather_trainings(
    config: Config, labelling: "Cell"
) -> "dict[str, tuple[Path, dict[str, Any], tuple[Cell, ...]]]":
    """Return what students learn from: a label set, settings that it asks for, cells it needs.

    Raises:
        UserError: The label set of true masks is missing.
    """
    trainings: dict[str, tuple[Path, dict[str, Any], tuple[Cell, ...]]] = {
        "distilled": (labelling.folder / TEACHER, {}, (labelling,))
    }
    if config.compression.labels is not None:
        labels = open_labels(config, config.compression.labels)
        without_kd = {name: w for name, w in config.student.losses.items() if name != "kd"}
        how: dict[str, Any] = {"losses": without_kd or {"kl": 1.0}}
        if labels.has_weights:
            how["pixel_weights"] = "label_set"
        trainings["labels"] = (labels.folder, how, ())
    return trainings


def open_labels(config: Config, name: str) -> LabelSet:
    """Open the label set of true masks, before anything is trained.

    Raises:
        UserError: It is not there, or lacks images of the test split.
    """
    labels = LabelSet(config.paths.label_sets / name)
    test_ids = read_split(
        config.data.splits, config.data.test_split, find_images(config.data.images)
    )
    if missing := sorted(set(test_ids).difference(labels.ids)):
        raise UserError(
            f"{labels.folder} lacks {len(missing)} of {len(test_ids)} test images, which students "
            f"are judged on: {listed(missing)}; make it anew with --overwrite"
        )
    return labels


def find_judged(config: Config, curve: Curve) -> list[str]:
    """Ids of the test images that could be read; says which could not.

    Raises:
        UserError: There is none.
    """
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    failed = LabelSet(curve.label_set).failed
    if left_out := sorted(failed.keys() & test_ids):
        print(f"{len(left_out)} test images cannot be read and are left out: {listed(left_out)}")
    judged = [image_id for image_id in test_ids if image_id not in failed]
    if not judged:
        raise UserError(f"no {config.data.test_split} image can be read; nothing can be judged")
    return judged


def tabulate(
    config: Config, curve: Curve, judged: Sequence[str], draws: Mapping[str, "Draws"]
) -> pd.DataFrame:
    """One row a student and training: costs, and scores with 95 % intervals over images and seeds.

    Columns are training, student, those of `Costs`, and for each score of `count_scores` SCORE,
    SCORE_low and SCORE_high.
    """
    from analysis.compression.costs import measure_costs

    checkpoints = {TEACHER: curve.teacher}
    checkpoints |= {
        name: cells[0].folder / "best.pt" for (_, name), cells in curve.students.items()
    }
    height, width = image_size_hw(find_images(config.data.images)[judged[0]])
    largest = config.prediction.tile_size_px or max(height, width)
    costs = measure_costs(checkpoints, (min(height, largest), min(width, largest)))
    rows = [
        {"training": training, "student": name, **asdict(costs[name])}
        for training, name in [(TEACHER, TEACHER), *curve.students]
    ]
    table = pd.DataFrame(rows)
    for score, each in draws.items():
        low, high = each.interval()
        table = table.assign(**{score: each.estimate, f"{score}_low": low, f"{score}_high": high})
    return table


Runs = Mapping[tuple[str, str], Sequence[Path]]
"""Folders of predicted label sets, one a seed, by training and student."""


def count_scores(
    config: Config, runs: Runs, judged: Sequence[str]
) -> dict[str, tuple[CountsOfRuns, Score]]:
    """Count what `iou_with_teacher`, `iou` (with the labels) and `f1` (of boxes, thesis) need.

    The last two are there if there are labels and true boxes.
    """
    (teacher_set,) = runs[TEACHER, TEACHER]
    overlaps = count_overlaps(runs, LabelSet(teacher_set), judged)
    counted: dict[str, tuple[CountsOfRuns, Score]] = {"iou_with_teacher": (overlaps, iou)}
    if config.compression.labels is not None:
        labels = LabelSet(config.paths.label_sets / config.compression.labels)
        counted["iou"] = (count_overlaps(runs, labels, judged), iou)
    if config.data.ground_truth is not None:
        counted["f1"] = (count_found_boxes(config, runs, judged), f1)
    return counted


def count_overlaps(runs: Runs, truth: LabelSet, test_ids: Sequence[str]) -> CountsOfRuns:
    """Count the pixels above one half in both maps, and in either, of each image."""
    opened = {key: [LabelSet(folder) for folder in folders] for key, folders in runs.items()}
    counts = {key: [np.zeros((len(test_ids), 2)) for _ in each] for key, each in opened.items()}
    for index, image_id in enumerate(test_ids):
        wanted, is_known = truth.read(image_id) > 0.5, truth.read_weights(image_id) > 0
        for key, label_sets in opened.items():
            for label_set, rows in zip(label_sets, counts[key], strict=True):
                found = label_set.read(image_id) > 0.5
                rows[index] = (found & wanted & is_known).sum(), (found | wanted)[is_known].sum()
    return counts


def count_found_boxes(config: Config, runs: Runs, test_ids: Sequence[str]) -> CountsOfRuns:
    """Count true positives, false positives and false negatives of each image, as the thesis."""
    from analysis.work.judging import count_label_set, find_judge

    judge = find_judge(config, find_images(config.data.images)).only(test_ids)
    store = config.paths.cells / "counts"
    return {
        key: [count_label_set(folder, judge, store)["boxes"][:, 0] for folder in folders]
        for key, folders in runs.items()
    }


def format_table(table: pd.DataFrame) -> str:
    """Lay the table out for the screen."""
    shown = table[["training", "student", "parameters", "file_kb", "cpu_ms"]].round(
        {"file_kb": 0, "cpu_ms": 1}
    )
    shown.insert(3, "Mmultiply_adds", (table["multiply_adds"] / 1e6).round(1))
    for score in ("iou", "iou_with_teacher", "f1"):
        if score in table:
            rows = table[[score, f"{score}_low", f"{score}_high"]].to_numpy(float)
            shown[score] = [format_interval(row, ".3f") for row in rows]
    return shown.to_string(index=False)


LABELS = {
    "iou": "IoU with the true masks",
    "iou_with_teacher": "IoU with the teacher",
    "f1": "box F1 (thesis)",
}


def draw(path: Path, table: pd.DataFrame) -> None:
    """Plot each score over the multiply-adds, a line a training, with its intervals, as PNG."""
    scores = [score for score in LABELS if score in table]
    figure = new_figure(width_inch=4.4 * len(scores), height_inch=3.8)
    students = table[table["training"] != TEACHER]
    sizes = students.drop_duplicates("student").sort_values("multiply_adds")
    ticks = [
        f"{name}\n{adds / 1e6:.0f} M"
        for name, adds in zip(sizes["student"], sizes["multiply_adds"], strict=True)
    ]
    for axis, score in zip(figure.subplots(1, len(scores), squeeze=False)[0], scores, strict=True):
        teacher = table[table["training"] == TEACHER].iloc[0]
        axis.axhline(teacher[score], color="gray", linestyle="--", label="the teacher")
        axis.axhspan(teacher[f"{score}_low"], teacher[f"{score}_high"], color="gray", alpha=0.12)
        for number, (training, rows) in enumerate(students.groupby("training", sort=False)):
            ordered = rows.sort_values("multiply_adds")
            ends = ordered[[f"{score}_low", f"{score}_high"]].to_numpy().T
            errors = abs(ordered[score].to_numpy() - ends)
            beside = ordered["multiply_adds"] * 1.06**number  # so that no bar hides another
            axis.errorbar(beside, ordered[score], errors, fmt="o-", label=training, capsize=3)
        axis.set(xscale="log", xlabel="student and multiply-adds an image", ylabel=LABELS[score])
        axis.set_xticks(sizes["multiply_adds"], ticks, fontsize="small")
        axis.minorticks_off()
        axis.set_ylim(0, 1)
    figure.axes[0].legend()
    write_figure(path, figure)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
