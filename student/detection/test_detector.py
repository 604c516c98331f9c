# PYTHON_ARGCOMPLETE_OK
"""Test a detector: find the boxes of the test split, and judge them camera by camera.

    python student/detection/test_detector.py --detector.run cam1

Reads data.images, the test split, the best checkpoint of detector.run (or detector.checkpoint, a
.pt or .onnx) and the ground truth; writes the label set paths.runs/RUN/SPLIT of its boxes, and
RUN/SPLIT_metrics.csv, beside the checkpoint. Cameras are told apart by data.groups, or else by
folder. Without ground truth it only finds boxes, of any split: a label set for
util/streams/select_frames.py, which chooses by its confidences.
Next: python analysis/cross_performance.py, or without ground truth util/streams/select_frames.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.label_set.reporting import report_failed
from util.running.run import print_next, run_script

ANSWERING = ("run", "checkpoint", "confidence", "overlap", "max_boxes", "device")

READS = {f"detector.{key}" for key in ANSWERING}
READS |= {"streams.time", "streams.time_format", "streams.block"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    warn_of_shared_images(config.data)
    from student.detection.testing import evaluate_detector

    found = evaluate_detector(
        config.detector, config.data, config.streams, config.paths.runs, options.overwrite
    )
    if config.data.ground_truth is None:
        chosen_by = ["--streams.label_set", str(found.folder)]
        print_next(["util/streams/select_frames.py", *chosen_by], argv)
    else:
        print_next(["analysis/cross_performance.py"], argv)
    return report_failed(found.failed)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
