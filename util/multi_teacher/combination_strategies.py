"""Fuse the label sets of several teachers or prompts into one.

    python util/multi_teacher/combination_strategies.py --combination.strategy majority

Reads paths.label_sets/NAME for every name in combination.label_sets; to calibrate them, also
data.masks of combination.calibration_split, and to tune weights those of combination.tuning_split.
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
from util.errors import listed
from util.multi_teacher.combining import combine
from util.running.run import print_next, run_script
from util.running.shares import read_share

READS = keys_of("combination") | BOX_RULE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    settings, share = config.combination, read_share()
    combined = combine(
        settings,
        config.data,
        config.evaluation,
        config.paths.label_sets,
        options.overwrite,
        share,
    )
    if combined.label_set is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    counts, problems = combined.label_set.manifest["counts"], combined.problems
    print(
        f"{combined.label_set.folder}: {settings.strategy} of {len(settings.label_sets)} label "
        f"sets, {counts['labelled']} labelled, {counts['empty']} empty, {counts['failed']} failed"
    )
    if problems:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in problems.items()])
        print(f"{len(problems)} images failed, the rest is done: {reasons}", file=sys.stderr)
    more = ["--student.pixel_weights", "label_set"] if settings.pixel_weights else []
    print_next(["student/train.py", "--student.label_set", settings.output, *more], argv, BOX_RULE)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
