# PYTHON_ARGCOMPLETE_OK
"""Export a trained student to one ONNX file that runs without torch, in float32 and int8.

    python student/export.py --student.run student --export.int8 true

Reads a checkpoint of student/train.py; for int8 also data.images and its splits, no labels. Writes
student.onnx beside the checkpoint (export.output): it takes uint8 RGB images of any number and
size, gives logits and probabilities, and says in its metadata how these become boxes. The file is
compared with torch; int8 with float32, and with data.masks where there are any.
Next: python student/predict.py --student.checkpoint runs/student/student.onnx
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.deployment.mask_comparison import Images, choose_images, compare_masks
from student.deployment.output import choose_output, needing_exporter
from student.inference.label_sets import (
    PREDICTION_KEYS,
    find_checkpoint,
    hash_checkpoint,
    prediction_settings,
)
from util.config import BOX_RULE, TILES, Config, keys_of
from util.config.command_line import load_config
from util.disk.whole_files import write_bytes
from util.images.splits import spread
from util.learning.inference.opening import read_box_settings
from util.running.run import print_next, run_script
from util.words import count_of

READS = PREDICTION_KEYS - {"student.device"} | keys_of("export")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    checkpoint = find_checkpoint(config.student, config.paths.runs)
    output = choose_output(config.export.output, checkpoint, "student")
    images = choose_images(config.data) if config.export.int8 else None
    with TemporaryDirectory() as folder:  # all is made and measured before a file is replaced
        exported = Path(folder) / output.name
        difference = export(config, checkpoint, exported)
        said = [
            f"{output}: opset {config.export.opset}, {exported.stat().st_size / 1000:.0f} kB, "
            f"logits within {difference:.1e} of torch's"
        ]
        made = [exported]
        if images is not None:
            int8 = exported.with_stem(f"{exported.stem}_int8")
            size, *losses = make_int8(config, exported, int8, images)
            said += [f"{output.with_name(int8.name)}: {size}", *losses]
            made.append(int8)
        elif (older := output.with_stem(f"{output.stem}_int8")).exists():
            said.append(f"{older} is of an earlier export; export.int8 true makes it anew")
        for path in made:
            write_bytes(output.with_name(path.name), path.read_bytes())
    print(*said, sep="\n")
    smallest = output.with_name(made[-1].name)
    print_next(
        ["student/predict.py", "--student.checkpoint", str(smallest)], argv, TILES | BOX_RULE
    )
    return 0


def export(config: Config, checkpoint: Path, output: Path) -> float:
    """Write the float32 file; returns the largest difference of its logits from torch's."""
    from util.learning.checkpoint import read_checkpoint
    from util.learning.networks.models import load_model

    content = read_checkpoint(checkpoint)
    model, temperature = load_model(content, checkpoint)
    with needing_exporter():
        from student.deployment.onnx_file import export_onnx
    facts: dict[str, Any] = {
        "architecture": content["architecture"],
        "checkpoint_sha256": hash_checkpoint(checkpoint),
        "boxes": asdict(config.evaluation.box_settings(read_box_settings(checkpoint))),
    }
    return export_onnx(output, model.eval(), temperature, config.export.opset, facts)


def make_int8(config: Config, exported: Path, int8: Path, images: Images) -> list[str]:
    """Write the int8 version; returns its size, and what it loses on images it has not seen."""
    from student.deployment.onnx_file import quantise
    from util.learning.inference.onnx_predictor import OnnxPredictor

    chosen = spread([*images.calibration.values()], config.export.calibration_images)
    num_read = quantise(exported, int8, chosen, config.prediction.tile_size_px)
    students = {"float32": OnnxPredictor(exported), "int8": OnnxPredictor(int8)}
    threshold = read_box_settings(exported).sure_threshold
    compared = compare_masks(students, images, prediction_settings(config.prediction), threshold)
    said = [
        f"{int8.stat().st_size / 1000:.0f} kB, ranges found on {count_of(num_read, 'image')}; on "
        f"{count_of(compared.num_images, 'other')}:",
        *(f"IoU of {what}: {value:.4f}" for what, value in compared.iou.items()),
    ]
    if not compared.num_marked:
        said.append("neither marks any pixel of them, so this says nothing of what int8 loses")
    if images.masks is not None and len(compared.iou) == 1:
        said.append(
            "no mask of these images has an anomalous pixel to compare with: the masks in "
            f"{images.masks.folder} are read as {images.masks.read_as}"
        )
    if lost := len(chosen) - num_read + len(images.others) - compared.num_images:
        said.append(f"{count_of(lost, 'image')} cannot be read: left out")
    return said


if __name__ == "__main__":
    raise SystemExit(run_script(main))
