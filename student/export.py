"""Export a trained student to one ONNX file that runs without torch, in float32 and int8.

    python student/export.py --student.run student --export.int8 true

Reads a checkpoint of student/train.py; for int8 also data.images and its splits, no labels. Writes
student.onnx beside the checkpoint (export.output): it takes uint8 RGB images of any number and
size, gives logits and probabilities, and says in its metadata how these become boxes. The file is
compared with torch; int8 with float32, and with data.masks where there are any.
Next: python student/predict.py --student.checkpoint runs/student/student.onnx
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from student.predicting import describe_student, find_checkpoint, prediction_settings
from student.prediction import Predictor, logits_to_soft_label, predict_in_tiles
from student.predictors import read_box_settings
from util.config import Config, load_config
from util.errors import UserError
from util.ground_truth import check_size, present_masks, read_truth
from util.image_files import find_images, read_image
from util.pixel_metrics import IGNORED
from util.progress import track
from util.run import print_next, run_script
from util.splits import read_split
from util.statistics_over_images import iou


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, _ = load_config(__doc__ or "", argv)
    checkpoint = find_checkpoint(config)
    output = config.export.output or checkpoint.with_name("student.onnx")
    if output.suffix != ".onnx":
        raise UserError(f"export.output is {output}; expected a name that ends in .onnx")
    difference = export(config, checkpoint, output)
    print(
        f"{output}: opset {config.export.opset}, {output.stat().st_size / 1000:.0f} kB, logits "
        f"within {difference:.1e} of torch's"
    )
    if config.export.int8:
        int8 = output.with_stem(f"{output.stem}_int8")
        report_int8(config, output, int8)
    print_next(["student/predict.py", "--student.checkpoint", str(output)], argv)
    return 0


def export(config: Config, checkpoint: Path, output: Path) -> float:
    """Write the float32 file; returns the largest difference of its logits from torch's."""
    made_by = describe_student(checkpoint, prediction_settings(config.prediction))
    from student.checkpoint import load_model, read_checkpoint

    content = read_checkpoint(checkpoint)
    model, temperature = load_model(content, checkpoint)
    try:
        from student.exporting import export_onnx
    except ModuleNotFoundError as error:
        raise UserError(
            f"exporting needs {error.name}, which is not installed; run `python -m pip install "
            "--no-deps -r requirements.txt`"
        ) from None
    facts: dict[str, Any] = {
        "architecture": content["architecture"],
        "checkpoint_sha256": made_by["checkpoint_sha256"],
        "boxes": asdict(config.evaluation.box_settings(read_box_settings(checkpoint))),
    }
    return export_onnx(output, model.eval(), temperature, config.export.opset, facts)


def report_int8(config: Config, exported: Path, int8: Path) -> None:
    """Write the int8 version and print what it loses on images that it was not calibrated on."""
    from student.exporting import quantise
    from student.onnx_predictor import OnnxPredictor

    calibration, others = split_images(config)
    chosen = list(calibration.values())[: config.export.calibration_images]
    quantise(exported, int8, chosen, config.prediction.tile_size_px)
    print(
        f"{int8}: {int8.stat().st_size / 1000:.0f} kB, ranges found on {len(chosen)} images; "
        f"on {len(others)} others:"
    )
    students = {"float32": OnnxPredictor(exported), "int8": OnnxPredictor(int8)}
    threshold = read_box_settings(exported).threshold
    for compared, value in compare_masks(config, students, others, threshold).items():
        print(f"IoU of {compared}: {value:.4f}")


def split_images(config: Config) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images to calibrate on, and others to measure on: the first two splits, or halves."""
    paths = find_images(config.data.images)
    data = config.data
    if data.splits is None:
        ids = list(paths)
        halves = (ids[::2], ids[1::2] or ids)
    else:
        halves = (
            read_split(data.splits, data.train_split, paths),
            read_split(data.splits, data.validation_split, paths),
        )
    first, second = ({image_id: paths[image_id] for image_id in half} for half in halves)
    return first, second


def compare_masks(
    config: Config,
    students: Mapping[str, Predictor],
    image_paths: Mapping[str, Path],
    threshold: float,
) -> dict[str, float]:
    """Intersection over union of masks, pooled over images; 1 where both are empty.

    Args:
        config: Says how images are put before students, and where true masks are.
        students: Two of them, by name.
        image_paths: Of the images.
        threshold: A pixel is in a mask above this probability.

    Returns:
        Of the two, and of each with the truth on images that have one, by what was compared.
    """
    masks = {} if config.data.masks is None else present_masks(config.data.masks, image_paths)
    settings = prediction_settings(config.prediction)
    first, second = students
    pairs = [(first, second), *(("truth", name) for name in students if masks)]
    overlaps = np.zeros((len(pairs), 2), np.int64)
    for image_id, path in track(image_paths.items(), "int8", len(image_paths), transient=True):
        image = read_image(path)
        found: dict[str, np.ndarray] = {}
        for name, student in students.items():
            logits = predict_in_tiles(student, image, settings)
            found[name] = logits_to_soft_label(logits, student.temperature) > threshold
        is_known = np.ones(image.shape[:2], bool)
        if image_id in masks:
            truth = read_truth(masks[image_id])
            check_size(masks[image_id], truth, image.shape[:2])
            found["truth"], is_known = truth == 1, truth != IGNORED
        for overlap, (one, other) in zip(overlaps, pairs, strict=True):
            if one in found:
                either = found[one] | found[other]
                overlap += (found[one] & found[other] & is_known).sum(), (either & is_known).sum()
    names = [f"{one} and {other}" for one, other in pairs]
    return dict(zip(names, map(float, iou(overlaps)), strict=True))


if __name__ == "__main__":
    raise SystemExit(run_script(main))
