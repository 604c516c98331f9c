# PYTHON_ARGCOMPLETE_OK
"""Sharpen maps of fixed cameras by what their empty frames do not show.

    python teacher/novelty/mark_novelty.py --novelty.label_set classifier-cam

Reads a label set, the images that it is of (data.images) and which of them one camera took
(data.groups); writes paths.label_sets/OUTPUT. Frames whose maps are empty say what a camera shows
anyway: what differs from them, in the features of a pretrained network, is marked within each map.
A stopped run goes on where it was; under `torchrun` or Slurm the processes share the images.
Next: python util/refinement/refine_label_set.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from teacher.weights.libraries import installed
from util.config import BOX_RULE, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.images.files import find_images
from util.label_set import LabelSet, find_label_set
from util.label_set.reporting import report_made
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.weights.finding import find_encoder

READS = keys_of("novelty") | BOX_RULE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    section, paths, share = config.novelty, config.paths, read_share()
    folder = find_label_set(section.label_set, paths.label_sets, paths.runs, config.data.test_split)
    with installed("a comparison of frames"):
        from teacher.novelty.describing import NETWORK, WEIGHTS
        from teacher.novelty.making import mark_novelty

    made = mark_novelty(
        section,
        config.evaluation,
        config.data.groups,
        find_encoder(WEIGHTS, NETWORK, "novelty", paths.weights),
        LabelSet(folder),
        find_images(config.data.images),
        paths.label_sets / section.output,
        options.overwrite,
        share,
    )
    status = report_made(made, f"what is novel of {folder.name}", share)
    if made.label_set is not None:
        refine = ["util/refinement/refine_label_set.py", "--refinement.label_set", section.output]
        print_next(refine, argv, BOX_RULE)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
