# PYTHON_ARGCOMPLETE_OK
"""Join a label set of windows to one of the images that they were cut from.

    python util/windows/join_windows.py --windows.label_set classifier-cam --windows.output joined

Reads paths.windows, which util/windows/cut_windows.py has made, and in it the label set, or the
predictions of a run; writes paths.label_sets/OUTPUT. Where windows overlap, maps are averaged;
margins that were dropped have map 0, and weight 0 for a student. Images without any window in the
label set are left out; an image that lacks some of them is an error. Under `torchrun` or Slurm the
processes share the images.
Next: python student/train.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import BOX_RULE
from util.config.command_line import OVERWRITE, load_config
from util.label_set import LabelSet, find_label_set
from util.label_set.reporting import report_made
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.windows.joining import join_windows
from util.windows.records import read_windows

READS = BOX_RULE | {"windows.label_set", "windows.output"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    settings, paths, share = config.windows, config.paths, read_share()
    windows = read_windows(paths.windows)
    beside = (paths.windows / "label_sets", paths.windows / "runs")
    folder = find_label_set(settings.label_set, *beside, config.data.test_split)
    output, label_set = paths.label_sets / settings.output, LabelSet(folder)
    made = join_windows(label_set, windows, config.evaluation, output, options.overwrite, share)
    status = report_made(made, f"{folder.name} of windows, joined", share)
    if made.label_set is not None:
        more = ["--student.pixel_weights", "label_set"] if made.label_set.has_weights else []
        print_next(
            ["student/train.py", "--student.label_set", settings.output, *more], argv, BOX_RULE
        )
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
