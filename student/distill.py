# PYTHON_ARGCOMPLETE_OK
"""Distil a trained student into another one, on images that need no labels.

    python student/distill.py --teacher.checkpoint runs/large/best.pt --student.run small

Reads data.images, its splits and teacher.checkpoint, a .pt or .onnx. The teacher labels all images
(paths.label_sets/NAME, see teacher.label_set), with logits if student.losses asks for kd; then the
student learns from that as in student/train.py: paths.runs/RUN. Both go on where they were stopped.
Next: python student/test.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.data.material import find_splits, gather_material
from student.inference.label_sets import TrainedStudent, predict_images
from util.config import BOX_RULE, Config, keys_of, values_in
from util.config.command_line import OVERWRITE, load_config
from util.disk.walking import on_disk
from util.errors import UserError
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.label_set.reporting import report
from util.learning.inference.opening import read_box_settings
from util.learning.inference.student_teacher import (
    find_checkpoint,
    name_label_set,
    prediction_settings,
)
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.running.run import print_next, run_script
from util.running.shares import read_share

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from lightning_fabric import Fabric

READS = keys_of("student", "tracking") - {"student.checkpoint", "student.label_set"} | BOX_RULE
READS |= {f"teacher.{key}" for key in ("checkpoint", "label_set", "flips", "device")}
READS |= {"teacher.tile_size_px", "teacher.tile_overlap_px"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run both stages."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    teacher = configured_teacher(config)
    config = plan_student(config, teacher.checkpoint)
    from student.training import start_processes, train_student

    student, paths = config.student, config.paths
    fabric, share = start_processes(student), read_share()
    if share.count != fabric.world_size:
        raise UserError(
            f"{share.count} tasks of a job array cannot train one student; let them label with "
            "teacher/soft_label_generation.py, and train with student/train.py afterwards"
        )
    check_student(config, fabric)
    image_paths = find_images(config.data.images)
    folder = on_disk(paths.label_sets / student.label_set)
    labelled = predict_images(teacher, image_paths, folder, options.overwrite, share)
    fabric.barrier()  # until all shares are labelled
    status = 0 if labelled is None else report([labelled])
    material = gather_material(student, config.data, config.evaluation, paths.label_sets)
    run = paths.runs / student.run
    plan = RunPlan(run, values_in(run, config), config.tracking, options.overwrite)
    fabric = train_student(student, material, paths.weights, plan)
    if fabric.is_global_zero:
        test = ["student/test.py", "--student.run", student.run]
        print_next(test, argv, BOX_RULE | {"student.device"})
    return status


def configured_teacher(config: Config) -> TrainedStudent:
    """Give the student that teaches, as the config says it labels; with logits for the loss kd.

    Raises:
        UserError: There is none, or its tiles are too small for their overlap.
    """
    settings, student = config.teacher, config.student
    checkpoint = find_checkpoint(settings)
    return TrainedStudent(
        checkpoint,
        prediction_settings(settings, logits=student.losses.get("kd", 0.0) > 0),
        config.evaluation.box_settings(read_box_settings(checkpoint)),
        settings.device,
        student.memory_gb,
    )


def plan_student(config: Config, checkpoint: Path) -> Config:
    """Let the student learn from what the teacher writes.

    Raises:
        UserError: The teacher would be replaced by its student, or nothing names its label set.
    """
    run = config.student.run
    if checkpoint.parent == config.paths.runs / run:
        raise UserError(
            f"student.run is {run!r}, the run of teacher.checkpoint itself; name another"
        )
    student = config.student.model_copy(update={"label_set": name_label_set(config.teacher)})
    return config.model_copy(update={"student": student})


def check_student(config: Config, fabric: "Fabric") -> None:
    """Make sure that a student can be trained so, before images are labelled for hours.

    Raises:
        UserError: It cannot.
    """
    from student.training import build_checked

    if config.student.pixel_weights == "label_set":
        raise UserError(
            "student.pixel_weights is 'label_set', but what a student labels has no weights of "
            "pixels; take it out"
        )
    splits = find_splits(config.data)
    if config.student.validate_against == "ground_truth":
        read_truths(config.data, splits.image_paths, splits.validation_ids)
    check_installed(config.tracking.mode)
    build_checked(config.student, config.paths.weights, fabric, len(splits.train_ids))


if __name__ == "__main__":
    raise SystemExit(run_script(main))
