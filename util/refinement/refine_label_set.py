# PYTHON_ARGCOMPLETE_OK
"""Refine a label set by the colours of its images.

    python util/refinement/refine_label_set.py --refinement.label_set bird --refinement.steps par

Reads a label set, the images that it is of (data.images) and, for the step sepl, masks of things
(refinement.sepl_masks, which teacher/mask_proposals.py makes); writes paths.label_sets/OUTPUT. The
step trimap gives weight 0 to pixels that are unsure; otherwise weights stay as they are. Memory
does not grow with the number of images. Under `torchrun` or Slurm the processes share the images.
Next: python student/train.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import BOX_RULE, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.images.files import find_images
from util.label_set import LabelSet, find_label_set
from util.label_set.reporting import report_made
from util.refinement.refining import refine_label_set
from util.running.run import print_next, run_script
from util.running.shares import read_share

READS = keys_of("refinement") | BOX_RULE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    settings, paths, share = config.refinement, config.paths, read_share()
    folder = find_label_set(
        settings.label_set, paths.label_sets, paths.runs, config.data.test_split
    )
    refined = refine_label_set(
        settings,
        config.evaluation,
        LabelSet(folder),
        find_images(config.data.images),
        paths.label_sets / settings.output,
        options.overwrite,
        share,
    )
    status = report_made(refined, f"{folder.name} by {', '.join(settings.steps)}", share)
    if refined.label_set is not None:
        has_weights = refined.label_set.has_weights
        more = ["--student.pixel_weights", "label_set"] if has_weights else []
        student = ["student/train.py", "--student.label_set", settings.output, *more]
        print_next(student, argv, BOX_RULE)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
