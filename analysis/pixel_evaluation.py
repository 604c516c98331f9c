"""Judge maps pixel by pixel: label sets against the true masks of a split.

    python analysis/pixel_evaluation.py --evaluation.predictions label_sets/bird

Reads evaluation.predictions (by default every label set and tested run), data.masks and the test
split; shows a table with 95 % bootstrap intervals over images and writes
paths.runs/pixel_evaluation.csv, and pixel_evaluation_images.csv with a row an image.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.found_label_sets import find_label_sets, name_by_place
from util.component_metrics import (
    ANOMALY_TRACK,
    OBSTACLE_TRACK,
    ComponentScores,
    measure_components,
)
from util.config import Config, load_config
from util.errors import UserError, listed
from util.files import write_text
from util.ground_truth import read_mask
from util.image_files import find_images, id_to_path
from util.label_set import LabelSet
from util.pixel_metrics import (
    IGNORED,
    MAX_LEVEL,
    TRUE_POSITIVE_RATE,
    PixelHistogram,
    measure_pixels,
)
from util.progress import track
from util.run import run_script
from util.splits import read_split
from util.statistics_over_images import bootstrap

TRACKS = {"anomaly": ANOMALY_TRACK, "obstacle": OBSTACLE_TRACK}

CURVE_SCORES = ("average_precision", "roc_auc", "fpr_at_95_tpr")
THRESHOLD_SCORES = ("precision", "recall", "iou", "dice")

BIN_STARTS = np.unique(
    np.append(0, MAX_LEVEL / (1 + np.exp(-np.linspace(-11, 11, 1024))).round(9)).astype(np.int64)
)
"""First levels of the bins that curves are resampled in: fine near 0 and 1, where maps are."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv)
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    masks = find_masks(config.data.masks, test_ids)
    pooled, images = [], []
    for name, label_set in open_label_sets(config, test_ids).items():
        of_all, of_images = measure(label_set, masks, config.evaluation.threshold)
        pooled.append({"label_set": name, **of_all})
        images.append(of_images.assign(label_set=name))
    table = pd.DataFrame(pooled)
    print(format_table(table))
    output = config.paths.runs / "pixel_evaluation.csv"
    write_text(output, table.to_csv(index=False))
    by_image = output.with_name("pixel_evaluation_images.csv")
    write_text(by_image, pd.concat(images).set_index(["label_set", "image"]).to_csv())
    print(f"Wrote {output} and {by_image}")
    return 0


def find_masks(folder: Path | None, image_ids: Sequence[str]) -> dict[str, Path]:
    """Find the true mask of each image.

    Raises:
        UserError: There is no folder, or it lacks masks.
    """
    if folder is None or not folder.is_dir():
        raise UserError(f"the folder of true masks {folder} does not exist; set data.masks")
    paths = {image_id: id_to_path(folder, image_id) for image_id in image_ids}
    missing = [image_id for image_id, path in paths.items() if not path.exists()]
    if missing:
        raise UserError(f"{len(missing)} images have no mask in {folder}: {listed(missing)}")
    return paths


def open_label_sets(config: Config, image_ids: Sequence[str]) -> dict[str, LabelSet]:
    """Open the label sets to judge, by a name to show.

    Raises:
        UserError: There is none, one has boxes alone, or lacks images of the split.
    """
    given = find_label_sets(config)
    files = [str(path) for path in given if path.is_file()]
    if files:
        raise UserError(f"{listed(files)} holds no maps; give folders of label sets instead")
    opened = {name_by_place(path, config): LabelSet(path) for path in given}
    lacking = {
        name: sorted(set(image_ids).difference(label_set.ids)) for name, label_set in opened.items()
    }
    problems = [f"{name} lacks {listed(ids)}" for name, ids in lacking.items() if ids]
    if problems:
        raise UserError(f"label sets have no map of some test images: {'; '.join(problems)}")
    return opened


def measure(
    label_set: LabelSet, masks: Mapping[str, Path], threshold: float
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure a label set pooled over images, with intervals, and each image by itself.

    Returns:
        Values of `PixelMetrics` by name, with `NAME_low` and `NAME_high` for those that have
        intervals, and of `ComponentMetrics` as TRACK_NAME; and a table of the values of
        `PixelMetrics` with a row an image.
    """
    pooled = PixelHistogram()
    tracks = {name: ComponentScores(limits) for name, limits in TRACKS.items()}
    rows, binned = [], []
    for image_id in track(masks, label_set.name, transient=True):
        histogram = PixelHistogram()
        soft_label, truth = label_set.read(image_id), read_truth(masks[image_id])
        try:
            histogram.add(soft_label, truth)
            for scores in tracks.values():
                scores.add(soft_label > threshold, truth)
        except ValueError as error:
            raise UserError(f"{image_id} of {label_set.folder}: {error}") from None
        pooled += histogram
        rows.append({"image": image_id, **asdict(measure_pixels(histogram, threshold))})
        both = np.stack([histogram.positives, histogram.negatives])
        binned.append(np.add.reduceat(both, BIN_STARTS, axis=1).reshape(-1))
    table = pd.DataFrame(rows)
    counts = table[["true_positives", "false_positives", "false_negatives"]].to_numpy(float)
    if not pooled.positives.any():
        raise UserError(
            "no mask of the split has an anomalous pixel: 0 is normal, 255 is ignored, and "
            "anomalies are any other value, such as 1"
        )
    found: dict[str, float] = asdict(measure_pixels(pooled, threshold))
    for names, values, score in (
        (THRESHOLD_SCORES, counts, threshold_scores),
        (CURVE_SCORES, np.array(binned, float), curve_scores),
    ):
        interval = bootstrap(values, score)
        ends = zip(names, interval.low.tolist(), interval.high.tolist(), strict=True)
        for name, low, high in ends:
            found |= {f"{name}_low": low, f"{name}_high": high}
    for track_name, scores in tracks.items():
        components = asdict(measure_components(scores))
        found |= {f"{track_name}_{name}": value for name, value in components.items()}
    return found, table


def read_truth(path: Path) -> np.ndarray:
    """Read a true mask as (H, W) uint8: 0 normal, 1 anomalous, 255 ignored."""
    mask = read_mask(path)
    return np.where(mask == IGNORED, IGNORED, mask > 0).astype(np.uint8)


def threshold_scores(sums: np.ndarray) -> np.ndarray:
    """Precision, recall, IoU and Dice (..., 4) of sums (..., 3) of TP, FP, FN; nan as 0/0."""
    tp, fp, fn = np.moveaxis(sums, -1, 0)
    pairs = ((tp, tp + fp), (tp, tp + fn), (tp, tp + fp + fn), (2 * tp, 2 * tp + fp + fn))
    return np.stack([_ratio(top, bottom) for top, bottom in pairs], axis=-1)


def curve_scores(sums: np.ndarray) -> np.ndarray:
    """AP, ROC AUC and FPR at 95 % TPR (..., 3) of pixels by bin (..., 2 B), positives first.

    As in `util.pixel_metrics`, with the pixels of a bin found together: a little coarser, so this
    serves the spread over resamples; nan where undefined.
    """
    positives, negatives = np.split(sums[..., ::-1], 2, axis=-1)[::-1]
    tp, fp = positives.cumsum(axis=-1), negatives.cumsum(axis=-1)
    all_positives, all_negatives = tp[..., -1:], fp[..., -1:]
    recall, fpr = _ratio(tp, all_positives), _ratio(fp, all_negatives)
    precision = np.nan_to_num(_ratio(tp, tp + fp))
    average = (_ratio(positives, all_positives) * precision).sum(axis=-1)
    before = np.concatenate([np.zeros_like(recall[..., :1]), recall[..., :-1]], axis=-1)
    area = (_ratio(negatives, all_negatives) * (recall + before) / 2).sum(axis=-1)
    first = (recall >= TRUE_POSITIVE_RATE).argmax(axis=-1)[..., None]
    at_95 = np.take_along_axis(fpr, first, axis=-1)[..., 0]
    at_95 = np.where(all_positives[..., 0] > 0, at_95, np.nan)
    return np.stack([average, area, at_95], axis=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; nan where the denominator is 0."""
    return np.divide(numerator, np.where(denominator > 0, denominator, np.nan))


def format_table(table: pd.DataFrame) -> str:
    """Lay the most asked-for values out for the screen, with their intervals."""
    shown = table[["label_set"]].copy()
    for name in (*CURVE_SCORES, "iou"):
        shown[name] = [
            f"{value:.3f} [{low:.3f}, {high:.3f}]"
            for value, low, high in table[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        ]
    for name in ("best_f1", "brier_score", "calibration_error", "obstacle_mean_f1"):
        shown[name] = table[name].map("{:.3f}".format)
    return shown.to_string(index=False)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
