"""Pixels of label sets beside true masks: counted an image at a time, then scored."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from analysis.interval_tables import Scores, name_scores
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.images.identity import ImageIdentity, count_among
from util.images.masks import TrueMasks
from util.label_set import LabelSet, refuse_changed_maps
from util.metrics.components import (
    TRACKS,
    ComponentScores,
    component_scores,
    measure_components,
)
from util.metrics.groups import ImageGroups
from util.metrics.intervals import Interval, Score, bootstrap
from util.metrics.pixelwise.binned_pixels import BinnedPixels
from util.metrics.pixelwise.classes import count_pairs
from util.metrics.pixelwise.pixel_calibration import (
    CALIBRATION_SCORES,
    calibration_scores,
    calibration_sums,
)
from util.metrics.pixelwise.pixel_metrics import measure_pixels
from util.metrics.pixelwise.pixel_scores import (
    CURVE_SCORES,
    FRAME_SCORES,
    THRESHOLD_SCORES,
    curve_scores,
    frame_scores,
    frame_sums,
    spurious_rate,
    threshold_scores,
)
from util.metrics.pixelwise.pixels import PixelHistogram
from util.running.progress import track

COMPONENT_SCORES = ("mean_siou", "mean_ppv", "mean_f1")
COUNTS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
CHANCE_SCORES = ("average_precision", "iou", "dice")


class Maps(Protocol):
    """Maps of images, such as those of a label set."""

    @property
    def name(self) -> str:
        """To show."""

    @property
    def folder(self) -> Path:
        """Where they, or what they are made of, lie."""

    @property
    def box_settings(self) -> BoxSettings:
        """How boxes are found in them; pixels count where they are sure."""

    @property
    def chosen_on(self) -> frozenset[ImageIdentity]:
        """Images by whose truth their settings were chosen."""

    def read(self, image_id: str, /) -> np.ndarray:
        """Read the map of an image, (H, W) float32 in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Measured:
    """How the maps of a label set fare.

    Attributes:
        values: Those of `PixelMetrics`, and of `ComponentMetrics` as TRACK_NAME, of all images;
            `CHANCE_SCORES` of a map that marks every pixel as chance_NAME; the share of maps that
            are nowhere above the threshold, empty_share; the threshold; how many of the images
            chose the settings of the maps, in_sample; `FRAME_SCORES`; and where there are
            distractors, the sum of the maps over their pixels by that over anomalous ones,
            spurious_rate, as the reference for spurious correlations has it.
        scores: Those of them that have intervals.
        images: The values of `PixelMetrics` and whether the map is_empty, a row an image.
        by_class: (C, 2) int64, pixels of each class that are not above the threshold, and that are.
        parts: The values of `PixelMetrics` of the pixels of each part of the images, a row each,
            with the columns `part` and `images`; empty without parts.
    """

    values: dict[str, float]
    scores: Scores
    images: pd.DataFrame
    by_class: np.ndarray
    parts: pd.DataFrame


def open_maps(path: Path, image_ids: Sequence[str]) -> LabelSet:
    """Open a label set, which must have maps, to look at those of some images.

    Raises:
        UserError: It is damaged, or a file, or maps are no longer those that were made.
    """
    if path.is_file():
        raise UserError(f"{path} holds no maps; give the folder of a label set instead")
    label_set = LabelSet(path)
    refuse_changed_maps(label_set, image_ids)
    return label_set


def check_distractors(names: Sequence[str], masks: TrueMasks) -> None:
    """Make sure that the masks have classes of these names.

    Raises:
        UserError: They have none of a name.
    """
    if unknown := [name for name in names if name not in masks.class_names]:
        there = ", ".join(masks.class_names) or "no names of classes"
        raise UserError(
            f"evaluation.distractors names {listed(unknown)}; the masks in {masks.folder} have: "
            f"{there}"
        )


def measure(
    maps: Maps,
    masks: TrueMasks,
    image_paths: Mapping[str, Path],
    threshold: float,
    distractors: Sequence[str],
    groups: ImageGroups,
    parts: Sequence[str],
    num_resamples: int,
) -> Measured:
    """Measure maps, pooled over images with intervals, and each image by itself.

    Args:
        maps: Have one of each image.
        masks: True masks by id of the images.
        image_paths: Of all images, by id.
        threshold: Pixels above it are found.
        distractors: Classes of the masks that maps shall not be drawn to.
        groups: Of the images, which resamples draw together.
        parts: Of the images, to be measured by themselves; () = none.
        num_resamples: For the intervals.

    Raises:
        UserError: A map and its mask do not fit, or no mask has an anomaly.
    """
    sums = Sums(threshold, masks.class_names, distractors)
    part_of = dict(zip(masks.paths, parts, strict=True)) if parts else {}
    for image_id in track(masks.paths, maps.name, transient=True):
        soft_label, truth = maps.read(image_id), masks.read(image_id)
        try:
            sums.add(image_id, soft_label, truth, part_of.get(image_id))
            if masks.class_names:
                sums.add_classes(soft_label, truth, masks.read_classes(image_id))
        except ValueError as error:
            raise UserError(f"{image_id} of {maps.folder}: {error}") from None
    if not sums.pooled.positives.any():
        raise UserError(
            f"no mask of the split has an anomalous pixel: the masks in {masks.folder} are read as "
            f"{masks.read_as}; see data.ground_truth_classes and data.mask_values"
        )
    measured = sums.measure(
        lambda counts, score: bootstrap(groups.sum(counts), score, num_resamples)
    )
    in_sample = count_among(masks.paths, image_paths, maps.chosen_on)
    return replace(measured, values=measured.values | {"in_sample": in_sample})


class Sums:
    """What is counted of the maps of a label set, an image at a time.

    Attributes:
        pooled: Pixels of all images.
    """

    def __init__(
        self, threshold: float, class_names: Sequence[str] = (), distractors: Collection[str] = ()
    ) -> None:
        self.pooled = PixelHistogram()
        self._by_class = np.zeros((len(class_names), 2), np.int64)
        self._distracts = np.array([name in distractors for name in class_names] + [False])
        self._drawn_to: list[tuple[float, float]] = []
        self._threshold = threshold
        self._tracks = {name: ComponentScores(limits) for name, limits in TRACKS.items()}
        self._rows: list[dict[str, Any]] = []
        self._parts: dict[str, PixelHistogram] = {}
        self._sizes: Counter[str] = Counter()
        self._binned = BinnedPixels()
        self._calibration: list[np.ndarray] = []

    def add(
        self, image_id: str, soft_label: np.ndarray, truth: np.ndarray, part: str | None = None
    ) -> None:
        """Count an image: (H, W) float32 in [0, 1], and uint8, 0 normal, 1 anomalous, 255 ignored.

        It belongs to a part of the images, or to none.

        Raises:
            ValueError: They do not fit each other.
        """
        histogram = PixelHistogram()
        histogram.add(soft_label, truth)
        is_found = soft_label > self._threshold
        for components in self._tracks.values():
            components.add(is_found, truth)
        self.pooled += histogram
        if part is not None:
            self._parts[part] = self._parts.get(part, PixelHistogram()) + histogram
            self._sizes[part] += 1
        values = asdict(measure_pixels(histogram, self._threshold))
        self._rows.append({"image": image_id, "is_empty": not is_found.any(), **values})
        self._binned.add(histogram)
        self._calibration.append(calibration_sums(histogram))

    def add_classes(self, soft_label: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> None:
        """Count an image by class: map and truth as for `add`, and (H, W) uint8, 255 of no class.

        Raises:
            ValueError: They do not fit each other.
        """
        is_found = soft_label > self._threshold
        self._by_class += count_pairs(classes, is_found, *self._by_class.shape)
        number = np.minimum(classes, len(self._distracts) - 1)
        shown = self._distracts[number], truth == 1
        drawn_to, sought = (float(soft_label.sum(where=where, dtype=np.float64)) for where in shown)
        self._drawn_to.append((drawn_to, sought))

    def measure(self, resample: Callable[[np.ndarray, Score], Interval]) -> Measured:
        """Measure what was counted.

        Args:
            resample: Finds the interval of a score of counts (N, ..., K), a row an image.
        """
        images = pd.DataFrame(self._rows)
        counts = images[list(COUNTS)].to_numpy()
        frames = frame_sums(counts)
        values = asdict(measure_pixels(self.pooled, self._threshold))
        calibration = np.array(self._calibration)
        curve = resample(self._binned.rows(), curve_scores)
        scores = {
            **name_scores(THRESHOLD_SCORES, resample(counts, threshold_scores)),
            **name_scores(FRAME_SCORES, resample(frames, frame_scores)),
            **name_scores(CURVE_SCORES, move_to([values[s] for s in CURVE_SCORES], curve)),
            **name_scores(CALIBRATION_SCORES, resample(calibration, calibration_scores)),
        }
        if self._distracts.any():
            drawn_to = np.array(self._drawn_to)
            scores |= name_scores(["spurious_rate"], resample(drawn_to, spurious_rate))
            values["spurious_rate"] = float(scores["spurious_rate"].estimate)
        values |= {name: float(scores[name].estimate) for name in FRAME_SCORES}
        for name, components in self._tracks.items():
            found = asdict(measure_components(components))
            values |= {f"{name}_{key}": value for key, value in found.items()}
            names = [f"{name}_{score}" for score in COMPONENT_SCORES]
            scores |= name_scores(names, resample(components.counts(), component_scores))
        chance = asdict(measure_pixels(mark_everything(self.pooled)))
        values |= {f"chance_{score}": chance[score] for score in CHANCE_SCORES}
        values |= {"empty_share": float(images["is_empty"].mean()), "threshold": self._threshold}
        return Measured(values, scores, images, self._by_class, self._measure_parts())

    def _measure_parts(self) -> pd.DataFrame:
        rows = [
            {
                "part": part,
                "images": self._sizes[part],
                **asdict(measure_pixels(histogram, self._threshold)),
            }
            for part, histogram in sorted(self._parts.items())
        ]
        return pd.DataFrame(rows)


def mark_everything(pixels: PixelHistogram) -> PixelHistogram:
    """Give every pixel probability 1, for which nothing need be known."""
    everything = PixelHistogram()
    everything.positives[-1] = pixels.positives.sum()
    everything.negatives[-1] = pixels.negatives.sum()
    return everything


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
