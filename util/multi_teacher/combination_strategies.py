# PYTHON_ARGCOMPLETE_OK
"""Fuse the label sets of several teachers or prompts into one.

    python util/multi_teacher/combination_strategies.py --combination.strategy majority

Reads paths.label_sets/NAME for every name in combination.label_sets, or in teacher.prompts where
those are empty; to calibrate them, also data.masks of combination.calibration_split, and to tune
weights those of combination.tuning_split.
Writes paths.label_sets/OUTPUT. Memory does not grow with their number (median, agreement and pixel
weights: one image of each; tuning: a sample of the pixels of its split, 1 MB an image as a rule).
Under `torchrun` or Slurm the processes share the images.
Next: python student/train.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import BOX_RULE, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.label_set.reporting import report_made
from util.multi_teacher.combining import combine
from util.prompts import resolve_prompts
from util.running.run import print_next, run_script
from util.running.shares import read_share

READS = keys_of("combination") | {"teacher.prompts"} | BOX_RULE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    names = config.combination.label_sets or resolve_prompts(config.teacher.prompts)
    settings = config.combination.model_copy(update={"label_sets": names})
    share = read_share()
    combined = combine(
        settings,
        config.data,
        config.evaluation,
        config.paths.label_sets,
        options.overwrite,
        share,
    )
    status = report_made(
        combined, f"{settings.strategy} of {len(settings.label_sets)} label sets", share
    )
    if combined.label_set is not None:
        more = ["--student.pixel_weights", "label_set"] if settings.pixel_weights else []
        student = ["student/train.py", "--student.label_set", settings.output, *more]
        print_next(student, argv, BOX_RULE)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
