# PYTHON_ARGCOMPLETE_OK
"""Train a detector that is small enough for a camera on the boxes of a label set.

    python student/detection/train_detector.py --detector.label_set yolox_nano-boxes

Reads data.images, the train and validation splits, such as util/streams/select_frames.py writes
(--data.splits), and the boxes of detector.label_set in them, or the ground truth where that is
null. Writes paths.runs/RUN: config.json, run.json, images.json, best.pt, last.pt, metrics.csv,
curves.png, train.log. A stopped run goes on after its last epoch. Under `torchrun` or Slurm the
processes train one detector together.
Next: python student/detection/test_detector.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from student.detection.labelled_frames import gather_labelled_frames
from util.config import keys_of, values_in
from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.learning.runs.run_plan import RunPlan
from util.running.run import print_next, run_script

READS = keys_of("detector", "tracking") - {"detector.checkpoint"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    section, paths = config.detector, config.paths
    warn_of_shared_images(config.data)
    from student.detection.training import train_detector

    frames = gather_labelled_frames(section, config.data, paths)
    folder = paths.runs / section.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, options.overwrite)
    fabric = train_detector(section, frames, paths.runs, paths.weights, plan)
    if fabric.is_global_zero:
        print_next(["student/detection/test_detector.py", "--detector.run", section.run], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
