# PYTHON_ARGCOMPLETE_OK
"""Export a trained detector to one ONNX file that runs without torch.

    python student/detection/export_detector.py --detector.run cam1

Reads the best checkpoint of detector.run, or detector.checkpoint. Writes detector.onnx beside it
(export.output): it takes uint8 RGB images of any number, whose sides are multiples of 32, and gives
for each cell of the network scores of the classes, and a box in pixels. Its metadata names classes,
and the size that images are brought to first. The file is compared with torch.
Next: python student/detection/test_detector.py --detector.checkpoint runs/cam1/detector.onnx
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from student.deployment.output import choose_output, needing_exporter
from student.inference.label_sets import find_checkpoint
from util.config.command_line import load_config
from util.learning.inference.opening import check_there, hash_checkpoint
from util.running.run import print_next, run_script

READS = {"detector.run", "detector.checkpoint", "export.output", "export.opset"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    checkpoint = find_checkpoint(config.detector, config.paths.runs)
    output = choose_output(config.export.output, checkpoint, "detector")
    check_there(checkpoint, "student/detection/train_detector.py")
    with needing_exporter():
        from student.detection.exporting import write_detector
    from util.learning.detection.network import Detector

    facts = {"checkpoint_sha256": hash_checkpoint(checkpoint)}
    detector, opset = Detector.load(checkpoint), config.export.opset
    difference = write_detector(output, detector, opset, facts)
    settings = detector.settings
    print(
        f"{output}: {', '.join(settings.classes)} at {settings.size_px} pixels, opset {opset}, "
        f"{output.stat().st_size / 1000:.0f} kB, within {difference:.1e} of torch"
    )
    script = "student/detection/test_detector.py"
    print_next([script, "--detector.checkpoint", str(output)], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
