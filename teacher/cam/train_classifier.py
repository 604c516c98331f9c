# PYTHON_ARGCOMPLETE_OK
"""Train a classifier that says which images show what is looked for, on labels of whole images.

    python teacher/cam/train_classifier.py --data.image_labels my/labels.csv

Reads data.images, the train and validation splits and data.image_labels, of which those in
classifier.positive_labels count; writes paths.runs/RUN: config.json, run.json, best.pt, last.pt,
metrics.csv with the AUC and the best threshold of each epoch, curves.png, train.log. A stopped run
goes on after its last epoch. Another classifier's run, classifier.teacher, can show it what to see
(classifier.consistency). Under `torchrun` or Slurm the processes train one network together.
Next: python teacher/soft_label_generation.py --teacher.name cam
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from teacher.weights.libraries import installed
from util.config import keys_of, values_in
from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.learning.runs.run_plan import RunPlan
from util.running.run import print_next, run_script

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "layers": {
        "action": "store_true",
        "help": "list the layers of classifier.network that cam.layer can name, and train nothing",
    },
}

READS = keys_of("classifier", "tracking")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    section, folder = config.classifier, config.paths.runs / config.classifier.run
    if options.layers:
        with installed("a classifier of images"):
            from teacher.cam.layers import describe_layers

        print(*describe_layers(section.network, section.size_px, section.output_stride), sep="\n")
        return 0
    warn_of_shared_images(config.data)
    with installed("a classifier of images"):
        from teacher.cam.learning.training import train_classifier

    plan = RunPlan(folder, values_in(folder, config), config.tracking, options.overwrite)
    fabric = train_classifier(section, config.data, config.paths.weights, plan)
    if fabric.is_global_zero:
        script = "teacher/soft_label_generation.py"
        print_next([script, "--teacher.name", "cam", "--cam.networks", section.run], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
