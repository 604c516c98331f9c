# PYTHON_ARGCOMPLETE_OK
"""How far a trained student can be shrunk: distil it into smaller and smaller ones.

    python analysis/compression_curve.py --teacher.checkpoint runs/large/best.pt

The teacher (teacher.checkpoint; else student.run's) labels all images, and students of every width
(of student.architecture) and architecture of the compression section learn from that on the
training split, with several seeds; if compression.labels names a label set of true masks, from
those too. All are tested on the test split. What is made is kept in paths.cells: a stopped run goes
on. Writes paths.runs/NAME: compression.csv, compression.png, and compression_differences.csv:
students against the teacher, and distilled ones against those of true masks, image by image.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import BOX_RULE, TILES, Config, keys_of, write_config
from util.config.command_line import load_config
from util.disk.whole_files import write_text
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import read_split, warn_of_shared_images
from util.metrics.groups import group_images
from util.running.ahead import count_cores
from util.running.run import run_script

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.compression.differences import CountsOfRuns
    from analysis.compression.measuring import Runs
    from analysis.work.images import Images
    from analysis.work.plan import Plan
    from util.metrics.intervals import Score

READS = keys_of("compression", "student", "tracking") | TILES | BOX_RULE
READS |= {"study.processes"}
READS |= {f"teacher.{key}" for key in ("checkpoint", "flips", "device")}
READS |= {"teacher.tile_size_px", "teacher.tile_overlap_px"}
READS -= {"student.label_set", "student.seed", "student.width"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    warn_of_shared_images(config.data)
    from analysis.compression.costs import find_seen_size
    from analysis.compression.differences import compare_students, draw_scores
    from analysis.compression.figure import draw_curve
    from analysis.compression.measuring import find_judged, find_predicted
    from analysis.compression.tables import format_compared, format_curve, tabulate_curve
    from analysis.work.images import Images
    from analysis.work.running import report_failures, run_plan

    data, checkpoint = config.data, choose_teacher(config)
    images = Images(find_images(data.images))
    test_ids = read_split(data.splits, data.test_split, images.paths)
    group_images(data.groups, test_ids)  # refuses ids without a group before any training
    plan = plan_work(config, checkpoint, test_ids, images)
    outcomes = run_plan(plan, config.study.processes or count_cores())
    if failures := report_failures(outcomes):
        return failures
    runs = find_predicted(plan)
    judged = find_judged(runs, test_ids, data.test_split, find_labels(config))
    groups = group_images(data.groups, judged)
    draws = draw_scores(count_all(config, runs, judged, images), groups)
    size_hw = find_seen_size(images.paths[judged[0]], config.prediction.tile_size_px)
    table = tabulate_curve(plan, checkpoint, draws, size_hw)
    differences = compare_students(list(plan.runs), draws)
    folder = config.paths.runs / config.compression.name
    write_text(folder / "compression.csv", table.to_csv(index=False))
    write_text(folder / "compression_differences.csv", differences.to_csv(index=False))
    write_config(folder, config)
    draw_curve(folder / "compression.png", table)
    print(groups.describe_intervals())
    print(format_curve(table))
    if len(differences):
        print(format_compared(differences, list(draws)))
    print(f"Wrote {folder}: compression.csv, compression_differences.csv, compression.png")
    return 0


def choose_teacher(config: Config) -> Path:
    """Find the checkpoint of the student that is the teacher.

    Raises:
        UserError: It has become an ONNX file.
    """
    from student.inference.label_sets import find_checkpoint

    checkpoint = config.teacher.checkpoint or find_checkpoint(config.student, config.paths.runs)
    if checkpoint.suffix == ".onnx":
        raise UserError(
            f"{checkpoint} cannot be measured beside students; give the .pt that it is of"
        )
    return checkpoint


def find_labels(config: Config) -> Path | None:
    """Name the folder of the label set of true masks; None without."""
    name = config.compression.labels
    return None if name is None else config.paths.label_sets / name


def plan_work(
    config: Config, checkpoint: Path, test_ids: Sequence[str], images: "Images"
) -> "Plan":
    """Give the teacher and all students their cells.

    Raises:
        UserError: There is no teacher or no student to train, or something is missing.
    """
    from analysis.compression.differences import TEACHER
    from analysis.compression.planning import gather_trainings, plan_curve
    from analysis.work.dependencies import open_school, teacher_cell
    from analysis.work.stages import Labelling, Learning
    from teacher.settings import as_student

    folder, losses = config.paths.cells, config.student.losses
    asked = {"checkpoint": checkpoint, "label_set": TEACHER, "logits": losses.get("kd", 0.0) > 0}
    teaching = as_student(config.teacher, config.own_sections(), **asked)
    labelling = Labelling(config.model_copy(update=teaching))
    teacher = teacher_cell(labelling, folder, f"the teacher {checkpoint}", [TEACHER], images)
    school = open_school(Learning(config), folder, images)
    trainings = gather_trainings(teacher, find_labels(config), losses, test_ids)
    section, architecture = config.compression, config.student.architecture
    return plan_curve(teacher, trainings, school, section, architecture)


def count_all(
    config: Config, runs: "Runs", judged: Sequence[str], images: "Images"
) -> "dict[str, tuple[CountsOfRuns, Score]]":
    """Count how all runs fare, by each score that there is a truth for.

    Raises:
        UserError: The true boxes cannot be read.
    """
    from analysis.compression.measuring import count_scores
    from analysis.work.judging import find_judge

    judge = None
    if config.data.ground_truth is not None:
        score = (config.study.score, config.study.score_iou)
        judge = find_judge(config.data, config.evaluation, *score, images.paths)
    store = config.paths.cells / "counts"
    return count_scores(runs, judged, find_labels(config), judge, store)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
