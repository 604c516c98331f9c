# PYTHON_ARGCOMPLETE_OK
"""Judge maps pixel by pixel: label sets against the true masks of a split.

    python analysis/pixel_evaluation.py --evaluation.predictions bird

Reads evaluation.predictions (by default every label set and tested run), data.masks and the test
split; shows tables with 95 % bootstrap intervals over images, or over data.groups, and writes
paths.runs/pixel_evaluation.csv, and pixel_evaluation_images.csv with a row an image; rows of other
splits stay in them. pixel_evaluation_parts.csv has the figures of each folder of images or, where
there are no folders, of each group of data.groups, if there are some. Where the masks have names of
classes, pixel_evaluation_classes.csv says which share of the pixels of each class is found.
evaluation.baseline names a label set that the others are compared with, by image:
pixel_differences.csv. Pixels count above evaluation.threshold, or above the larger of the threshold
and the least confidence by which the boxes of the label set were found; with
evaluation.threshold_split above the best one of another split. evaluation.benchmark adds a table in
the words of the road-anomaly benchmark, by its code of 2021 or 2023: road_anomaly.csv. With
evaluation.trivial_baselines there are rows of maps that know nothing of anomalies, and of each
label set's maps on other images, which take no part in comparisons.
Next: python analysis/heatmaps.py
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import pandas as pd

from analysis.evaluation.common_images import Compared, open_compared
from analysis.evaluation.found_label_sets import Found
from analysis.evaluation.pixels import Maps, Measured, check_distractors, measure, open_maps
from analysis.evaluation.reading_order import ORDER_KEYS, name_in_order
from analysis.evaluation.road_anomaly import BENCHMARK, tell_road_anomaly
from analysis.evaluation.shelves import Shelves
from analysis.evaluation.thresholds import DevelopmentSplit, check_apart
from analysis.evaluation.trivial_baselines import build_baselines
from analysis.interval_tables import (
    SplitTables,
    format_scores,
    say_what_is_empty,
    say_what_is_in_sample,
    tell_differences,
    with_ends,
)
from util.config import Config
from util.config.command_line import load_config
from util.images.files import find_images
from util.images.masks import TrueMasks, open_masks
from util.images.splits import read_split, warn_of_shared_images
from util.label_set import LabelSet, describe_equal
from util.metrics.found_shares import format_found, tabulate_found
from util.metrics.groups import format_parts, name_parts
from util.metrics.pixelwise.pixel_scores import FRAME_SCORES
from util.running.run import print_next, run_script
from util.words import count_of

READS = {"evaluation.predictions", "evaluation.threshold", "evaluation.baseline"}
READS |= {"evaluation.benchmark", "evaluation.trivial_baselines"}
READS |= {"evaluation.threshold_split", "evaluation.distractors"} | ORDER_KEYS

SCORES, IMAGES = "pixel_evaluation", "pixel_evaluation_images"
PARTS, CLASSES = "pixel_evaluation_parts", "pixel_evaluation_classes"
DIFFERENCES = "pixel_differences"
TABLES = (SCORES, IMAGES, PARTS, CLASSES, DIFFERENCES, BENCHMARK)

SHOWN = ("average_precision", "roc_auc", "fpr_at_95_tpr", "iou")
FRAMES_SHOWN = (*FRAME_SCORES, "threshold")
ALSO_SHOWN = ("best_f1", "brier_score", "calibration_error", "obstacle_mean_f1", "empty_share")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    tables = SplitTables(config.paths.runs, config.data.test_split)
    tables.check(TABLES)
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    warn_of_shared_images(config.data)
    masks = open_masks(config.data, image_paths)
    check_distractors(config.evaluation.distractors, masks)
    chosen_by = open_development_split(config, masks, image_paths, test_ids)
    compared = open_compared(
        Shelves(
            config.paths.label_sets,
            config.paths.runs,
            config.data.test_split,
            name_in_order(config.teacher, config.combination, config.student),
            need_maps=True,
        ),
        config.evaluation.predictions,
        config.evaluation.baseline,
        {image_id: image_paths[image_id] for image_id in test_ids},
        config.data.groups,
        lambda path: open_maps(path, test_ids),
    )
    thresholds = choose_thresholds(config, compared.found, chosen_by)
    judged = gather_judged(config, compared, thresholds, image_paths)
    what, parts = name_parts(config.data.groups, compared.image_ids)
    measured = measure_all(config, compared, judged, thresholds, masks, image_paths, parts)
    tell(tables, compared, measured.sets, masks.class_names)
    tell_parts(tables, what, measured.sets)
    if config.evaluation.benchmark != "none":
        exact = {name: one.values for name, one in measured.sets.items()}
        fitting = {name: judged.sets[name] for name in exact}
        truths = masks.of(compared.image_ids)
        tell_road_anomaly(tables, config.evaluation.benchmark, fitting, truths, exact)
    else:
        tables.forget(BENCHMARK)
    print_next(["analysis/heatmaps.py"], argv, {"evaluation.predictions"})
    return measured.report()


def open_development_split(
    config: Config, masks: TrueMasks, image_paths: Mapping[str, Path], test_ids: Sequence[str]
) -> DevelopmentSplit | None:
    """Open the split that thresholds are chosen on; None if they are not chosen so.

    Raises:
        UserError: It is missing, or shares images with the test split.
    """
    split = config.evaluation.threshold_split
    if split is None:
        return None
    ids = read_split(config.data.splits, split, image_paths)
    check_apart(split, ids, config.data.test_split, test_ids)
    return DevelopmentSplit(split, masks.of(ids))


def choose_thresholds(
    config: Config, found: Found[LabelSet], chosen_by: DevelopmentSplit | None
) -> Found[float]:
    """Choose the threshold of each label set: on another split, as asked for, or its own.

    Raises:
        UserError: None has one.
    """
    choose = (
        partial(find_usual_threshold, config) if chosen_by is None else chosen_by.choose_threshold
    )
    return found.map(choose).checked()


def find_usual_threshold(config: Config, maps: Maps) -> float:
    """Find the threshold that is asked for; else that by which boxes are found in the maps."""
    asked = config.evaluation.threshold
    return maps.box_settings.sure_threshold if asked is None else asked


def gather_judged(
    config: Config,
    compared: Compared[LabelSet],
    thresholds: Found[float],
    image_paths: Mapping[str, Path],
) -> Found[Maps]:
    """Gather the label sets that have a threshold and, if asked for, trivial maps beside them."""
    judged: dict[str, Maps] = {name: compared.found.sets[name] for name in thresholds.sets}
    if config.evaluation.trivial_baselines:
        folder = config.data.images
        judged |= build_baselines(judged, compared.image_ids, image_paths, folder)
    return Found(judged, thresholds.problems)


def measure_all(
    config: Config,
    compared: Compared[LabelSet],
    judged: Found[Maps],
    thresholds: Found[float],
    masks: TrueMasks,
    image_paths: Mapping[str, Path],
    parts: Sequence[str],
) -> Found[Measured]:
    """Measure all maps on the images that are compared.

    Raises:
        UserError: None can be measured.
    """
    # By folder, so that the maps of a label set on other images are judged by its own.
    threshold_of = {judged.sets[name].folder: value for name, value in thresholds.sets.items()}

    def measure_one(one: Maps) -> Measured:
        return measure(
            one,
            masks.of(compared.image_ids),
            image_paths,
            threshold_of.get(one.folder, find_usual_threshold(config, one)),
            config.evaluation.distractors,
            compared.groups,
            parts,
            compared.num_resamples,
        )

    return judged.map(measure_one).checked()


def tell(
    tables: SplitTables,
    compared: Compared[LabelSet],
    measured: Mapping[str, Measured],
    class_names: Sequence[str],
) -> None:
    """Print and write how label sets fare: together, by class, beside the baseline, by image."""
    num_images = len(compared.image_ids)
    rows = [
        {"label_set": name, "images": num_images, **with_ends(one.values, one.scores)}
        for name, one in measured.items()
    ]
    table = pd.DataFrame(rows)
    print(format_scores(table, "label_set", SHOWN))
    print(format_scores(table, "label_set", ALSO_SHOWN, decimals=4))
    frames_shown = [*FRAMES_SHOWN, *({"spurious_rate"} & set(table))]
    print(format_scores(table, "label_set", frames_shown))
    print(f"Pixels of {count_of(num_images, f'{tables.split} image')}, {describe_chance(table)}.")
    print(compared.groups.describe_intervals())
    say_what_is_empty(table, "label_set", "pixel above the threshold")
    say_what_is_in_sample(table, "label_set")
    if equal := describe_equal(compared.found.sets):
        print(f"{equal}.")
    written = tables.write(SCORES, table)
    if class_names:
        tell_classes(tables, measured, class_names)
    else:
        tables.forget(CLASSES)
    label_sets = measured.keys() & compared.found.sets.keys()
    scores = {name: measured[name].scores for name in measured if name in label_sets}
    tell_differences(tables, DIFFERENCES, compared.baseline, scores, (*SHOWN, "dice"))
    images = pd.concat({n: one.images for n, one in measured.items()}, names=["label_set"])
    by_image = tables.write(IMAGES, images.reset_index("label_set"))
    print(f"Wrote {written} and {by_image}")


def tell_classes(
    tables: SplitTables, measured: Mapping[str, Measured], class_names: Sequence[str]
) -> None:
    """Print and write which share of each class of the masks is found."""
    by_class = {
        name: dict(zip(class_names, one.by_class, strict=True)) for name, one in measured.items()
    }
    shares = tabulate_found("label_set", "class", "pixels", by_class)
    print(f"Share of pixels above the threshold, by class:\n{format_found(shares)}")
    tables.write(CLASSES, shares)


def tell_parts(tables: SplitTables, what: str, measured: Mapping[str, Measured]) -> None:
    """Print and write how label sets fare in each part of the images, if there are some."""
    found = {name: one.parts for name, one in measured.items() if len(one.parts)}
    if not found:
        tables.forget(PARTS)
        return
    table = pd.concat(found, names=["label_set"]).reset_index("label_set")
    shown = format_parts(table, "label_set", "average_precision")
    print(f"Average precision by {what}, its images in brackets:\n{shown}")
    tables.write(PARTS, table)


def describe_chance(table: pd.DataFrame) -> str:
    """Say what a map that marks every pixel would score, which needs no knowledge."""
    share, dice = table.loc[0, ["chance_average_precision", "chance_dice"]]
    return f"{share:.3%} of them anomalous (marking all: AP and IoU {share:.4f}, F1 {dice:.4f})"


if __name__ == "__main__":
    raise SystemExit(run_script(main))
