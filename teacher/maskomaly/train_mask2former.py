# PYTHON_ARGCOMPLETE_OK
"""Train a Mask2Former on the ordinary classes of road scenes.

    python teacher/maskomaly/train_mask2former.py --config configs/road.json

Reads data.images, the train and validation splits and the class masks (mask2former.masks, whose
classes are named by mask2former.classes); writes paths.runs/RUN: config.json, run.json, best.pt,
last.pt, metrics.csv with the IoU of each class, curves.png, train.log. A stopped run goes on after
its last epoch. Under `torchrun` or Slurm the processes train one network together.
Next: python teacher/maskomaly/inlier_queries.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from teacher.weights.libraries import installed
from util.config import keys_of, values_in
from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.learning.runs.run_plan import RunPlan
from util.running.run import print_next, run_script

READS = keys_of("mask2former", "tracking")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    warn_of_shared_images(config.data)
    with installed("road scenes"):
        from teacher.maskomaly.learning.training import train_network

    section, folder = config.mask2former, config.paths.runs / config.mask2former.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, options.overwrite)
    fabric = train_network(section, config.data, config.paths.weights, plan)
    if fabric.is_global_zero:
        print_next(["teacher/maskomaly/inlier_queries.py"], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
