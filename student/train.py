# PYTHON_ARGCOMPLETE_OK
"""Train a student on a label set.

    python student/train.py --student.label_set combined --student.run student

Reads data.images, the train and validation splits and paths.label_sets/LABEL_SET; writes
paths.runs/RUN: config.json, run.json, images.json, best.pt, last.pt, metrics.csv, curves.png and
train.log. Needs no ground truth. A stopped run goes on after its last epoch. Under `torchrun` or
Slurm the processes train one student together, each with batches of student.batch_size.
Next: python student/test.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.data.material import gather_material
from util.config import BOX_RULE, keys_of, values_in
from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.learning.runs.run_plan import RunPlan
from util.running.run import print_next, run_script

READS = keys_of("student", "tracking") - {"student.checkpoint"} | BOX_RULE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    warn_of_shared_images(config.data)
    from student.training import train_student

    student, paths = config.student, config.paths
    material = gather_material(student, config.data, config.evaluation, paths.label_sets)
    folder = paths.runs / student.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, options.overwrite)
    fabric = train_student(student, material, paths.weights, plan)
    if fabric.is_global_zero:
        test = ["student/test.py", "--student.run", config.student.run]
        print_next(test, argv, BOX_RULE | {"student.device"})
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
