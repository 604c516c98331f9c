"""Judge maps pixel by pixel: label sets against the true masks of a split.

    python analysis/pixel_evaluation.py --evaluation.predictions label_sets/bird

Reads evaluation.predictions (by default every label set and tested run), data.masks and the test
split; shows tables with 95 % bootstrap intervals over images and writes
paths.runs/pixel_evaluation.csv, and pixel_evaluation_images.csv with a row an image.
evaluation.baseline names a label set that the others are compared with, by image:
pixel_differences.csv.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.found_label_sets import find_label_sets, name_by_place
from analysis.interval_tables import (
    Scores,
    compare_with,
    format_differences,
    format_scores,
    name_scores,
    with_ends,
)
from analysis.pixel_scores import (
    CALIBRATION_SCORES,
    CURVE_SCORES,
    THRESHOLD_SCORES,
    calibration_scores,
    calibration_sums,
    curve_scores,
    pixels_by_bin,
    threshold_scores,
)
from util.component_metrics import (
    ANOMALY_TRACK,
    OBSTACLE_TRACK,
    ComponentScores,
    component_scores,
    measure_components,
)
from util.config import Config, load_config
from util.errors import UserError, listed
from util.files import write_text
from util.ground_truth import find_masks, read_truth
from util.image_files import find_images
from util.label_set import LabelSet
from util.pixel_metrics import PixelHistogram, measure_pixels
from util.progress import track
from util.run import run_script
from util.splits import read_split
from util.statistics_over_images import Interval, bootstrap

TRACKS = {"anomaly": ANOMALY_TRACK, "obstacle": OBSTACLE_TRACK}

COMPONENT_SCORES = ("mean_siou", "mean_ppv", "mean_f1")
SHOWN = ("average_precision", "roc_auc", "fpr_at_95_tpr", "iou")
ALSO_SHOWN = ("best_f1", "brier_score", "calibration_error", "obstacle_mean_f1")


@dataclass(frozen=True, eq=False)
class Measured:
    """How the maps of a label set fare.

    Attributes:
        values: Those of `PixelMetrics`, and of `ComponentMetrics` as TRACK_NAME, of all images.
        scores: Those of them that have intervals.
        images: The values of `PixelMetrics`, a row an image.
    """

    values: dict[str, float]
    scores: Scores
    images: pd.DataFrame


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv)
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    masks = find_masks(config.data.masks, test_ids)
    measured = {
        name: measure(
            label_set, masks, config.evaluation.box_settings(label_set.box_settings).threshold
        )
        for name, label_set in open_label_sets(config, test_ids).items()
    }
    rows = [
        {"label_set": name, **with_ends(one.values, one.scores)} for name, one in measured.items()
    ]
    table = pd.DataFrame(rows)
    print(format_scores(table, "label_set", SHOWN))
    print(format_scores(table, "label_set", ALSO_SHOWN, decimals=4))
    output = config.paths.runs / "pixel_evaluation.csv"
    write_text(output, table.to_csv(index=False))
    baseline = config.evaluation.baseline
    if baseline is not None:
        differences = compare_with(baseline, {name: one.scores for name, one in measured.items()})
        print(f"Minus {baseline}:\n{format_differences(differences, (*SHOWN, 'dice'))}")
        write_text(output.with_stem("pixel_differences"), differences.to_csv(index=False))
    by_image = output.with_stem("pixel_evaluation_images")
    images = pd.concat({name: one.images for name, one in measured.items()}, names=["label_set"])
    write_text(by_image, images.reset_index("label_set").to_csv(index=False))
    print(f"Wrote {output} and {by_image}")
    return 0


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


def measure(label_set: LabelSet, masks: Mapping[str, Path], threshold: float) -> Measured:
    """Measure a label set, pooled over images with intervals, and each image by itself.

    Raises:
        UserError: A map and its mask do not fit, or no mask has an anomaly.
    """
    pooled = PixelHistogram()
    tracks = {name: ComponentScores(limits) for name, limits in TRACKS.items()}
    rows, by_bin, calibration = [], [], []
    for image_id in track(masks, label_set.name, transient=True):
        histogram = PixelHistogram()
        soft_label, truth = label_set.read(image_id), read_truth(masks[image_id])
        try:
            histogram.add(soft_label, truth)
            for components in tracks.values():
                components.add(soft_label > threshold, truth)
        except ValueError as error:
            raise UserError(f"{image_id} of {label_set.folder}: {error}") from None
        pooled += histogram
        rows.append({"image": image_id, **asdict(measure_pixels(histogram, threshold))})
        by_bin.append(pixels_by_bin(histogram))
        calibration.append(calibration_sums(histogram))
    if not pooled.positives.any():
        raise UserError(
            "no mask of the split has an anomalous pixel: 0 is normal, 255 is ignored, and "
            "anomalies are any other value, such as 1"
        )
    images = pd.DataFrame(rows)
    counts = images[["true_positives", "false_positives", "false_negatives"]].to_numpy()
    values = asdict(measure_pixels(pooled, threshold))
    curve = bootstrap(np.array(by_bin), curve_scores)
    scores = {
        **name_scores(THRESHOLD_SCORES, bootstrap(counts, threshold_scores)),
        **name_scores(CURVE_SCORES, move_to([values[s] for s in CURVE_SCORES], curve)),
        **name_scores(CALIBRATION_SCORES, bootstrap(np.array(calibration), calibration_scores)),
    }
    for name, components in tracks.items():
        found = asdict(measure_components(components))
        values |= {f"{name}_{key}": value for key, value in found.items()}
        names = [f"{name}_{score}" for score in COMPONENT_SCORES]
        scores |= name_scores(names, bootstrap(components.counts(), component_scores))
    return Measured(values, scores, images)


def move_to(exact: Sequence[float], interval: Interval) -> Interval:
    """Move an interval of scores in [0, 1], and all resamples, by what bins made its estimate err.

    Args:
        exact: (S,) scores of all images.
        interval: Of shape (S,).
    """
    error = interval.estimate - exact
    return replace(
        interval,
        estimate=np.array(exact),
        low=np.clip(interval.low - error, 0, 1),
        high=np.clip(interval.high - error, 0, 1),
        resampled=np.clip(interval.resampled - error, 0, 1),
    )


if __name__ == "__main__":
    raise SystemExit(run_script(main))
