# PYTHON_ARGCOMPLETE_OK
"""Outline things in images, without saying what they are, for the step sepl of a refinement.

    python teacher/mask_proposals.py --proposals.label_set classifier-cam --saa.segmenter u2net

Reads data.images and the boxes of a label set (proposals.label_set), or asks SAM for whatever is at
each point of a grid over the image (proposals.source points, of the images of teacher.split);
writes paths.label_sets/OUTPUT, a label set of their boxes and masks. A stopped run goes on where it
was; under `torchrun` or Slurm the processes share the images.
Next: python util/refinement/refine_label_set.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from teacher.proposing.making import make_masks
from teacher.proposing.planning import plan_boxes, plan_points
from teacher.proposing.settings import describe_unread
from util.config import keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import find_split
from util.label_set import LabelSet, check_output, find_label_set
from util.label_set.reporting import report_made
from util.running.run import print_next, run_script
from util.running.shares import read_share

READS = keys_of("proposals") | {
    *("saa.segmenter", "saa.segmenter_model", "saa.boxes_per_batch"),
    *("teacher.split", "teacher.device", "teacher.precision", "teacher.compile"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    section, paths, share = config.proposals, config.paths, read_share()
    output = paths.label_sets / section.output
    given = {key for key in READS if getattr(options, key)}
    if sentence := describe_unread(section, config.teacher, config.saa, given):
        raise UserError(sentence)
    settings = section, config.teacher, config.saa, paths.weights
    refined = []
    if section.source == "boxes":
        folder = find_label_set(
            section.label_set, paths.label_sets, paths.runs, config.data.test_split
        )
        image_paths = find_images(config.data.images)
        label_set = LabelSet(folder, needs_maps=False)
        plan = plan_boxes(*settings, label_set, image_paths)
        if label_set.has_maps:  # else masks of its boxes refine the maps of another
            refined = ["--refinement.label_set", section.label_set]
        check_output(output, [label_set], "proposals.output")
    else:
        image_paths = find_split(config.data, config.teacher.split)
        plan = plan_points(*settings, image_paths)
    made = make_masks(plan, image_paths, output, options.overwrite, share)
    status = report_made(made, plan.words, share)
    if made.label_set is not None:
        steps = ["--refinement.steps", "sepl", "--refinement.sepl_masks", str(output)]
        print_next(["util/refinement/refine_label_set.py", *refined, *steps], argv)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
