"""Judges label sets on the test images, by counts an image, which are kept on disk."""

import io
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from analysis.work.contents import content_of, held_in_turn
from analysis.work.imported_code import code_hash
from analysis.work.versions import IMAGES, releases
from util.bbox_csv import boxes_to_table, split_ignored
from util.config import DataSection, EvaluationSection
from util.data_classes import Boxes, BoxSettings, least_confidence
from util.disk.whole_files import write_bytes
from util.errors import UserError
from util.ground_truth.reading import read_truths
from util.images.files import image_size_hw
from util.images.masks import TrueMasks, open_masks
from util.images.splits import read_split
from util.label_set import LabelSet
from util.masks_to_bboxes import as_in_thesis, soft_label_to_boxes
from util.metrics.box_scores import count_boxes
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import ImageGroups, group_images
from util.metrics.pixelwise.binned_pixels import BinnedPixels
from util.metrics.pixelwise.pixels import PixelHistogram
from util.settings import settings_hash


class Counts(Protocol):
    """How a label set fares on the N test images, as arrays by name.

    `boxes`: (N, M, 3) true positives, false positives and false negatives of each image, by the
    thesis's metric, one-to-one at each IoU, and at image level; there if there are true boxes.
    `pixels`: (N, 2 B) anomalous, then normal pixels of each image by bins of probability; and
    `levels`: (2, 65536) normal, then anomalous pixels of all images by level; there if there are
    true masks. `is_empty`: (N,) bool, whether no pixel of an image is above the threshold of boxes.
    """

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the array of a name; KeyError if it is not there."""


@dataclass(frozen=True)
class KeptCounts:
    """Counts in an npz file, each array read when it is asked for.

    Attributes:
        path: Of the file.
    """

    path: Path

    def __getitem__(self, name: str) -> np.ndarray:
        """Read the array of a name; pickles are refused."""
        with np.load(self.path, allow_pickle=False) as file:
            array: np.ndarray = file[name]
            return array


@dataclass(frozen=True, eq=False)
class Judge:
    """What label sets are judged by.

    Attributes:
        split: Name of the test images' split.
        image_ids: The N test images.
        truths: Table of their true boxes; None without.
        masks: Their true masks; None without.
        box_settings: How maps become boxes that are of no label set, which says so itself.
        min_confidence: Boxes count above it; None = as `box_settings` say.
        iou_thresholds: Of the one-to-one metric.
        classes: Of the truth that count; none = all.
        group_pattern: Which images intervals resample together (see `data.groups`).
    """

    split: str
    image_ids: tuple[str, ...]
    truths: pd.DataFrame | None
    masks: TrueMasks | None
    box_settings: BoxSettings
    min_confidence: float | None
    iou_thresholds: tuple[float, ...]
    classes: tuple[str, ...] = ()
    group_pattern: str | None = None

    @cached_property
    def image_groups(self) -> ImageGroups:
        """Groups of the N images."""
        return group_images(self.group_pattern, self.image_ids)

    @cached_property
    def hash(self) -> str:
        """Hash of everything that decides the counts, beside the label set."""
        masks = None if self.masks is None else self.masks.fingerprint()
        truths = None if self.truths is None else self.truths.to_csv()
        facts: dict[str, Any] = {
            "code": code_hash(__name__),
            "libraries": releases(IMAGES),
            "images": self.image_ids,
            "boxes": [asdict(self.box_settings), self.min_confidence, self.iou_thresholds],
        }
        return settings_hash(facts | {"masks": masks, "truths": truths})

    def of_boxes(self, box_settings: BoxSettings) -> "Judge":
        """Judge boxes that are found otherwise; their class is this judge's, it only names them."""
        object_class = self.box_settings.object_class
        return replace(self, box_settings=replace(box_settings, object_class=object_class))

    def needing(self, needs: Literal["boxes", "pixels"]) -> "Judge":
        """Judge by boxes or by pixels alone, and count nothing else."""
        return replace(self, truths=None) if needs == "pixels" else replace(self, masks=None)

    def only(self, image_ids: Collection[str]) -> "Judge":
        """Judge some of the images, in the same order."""
        kept = frozenset(image_ids)
        return replace(self, image_ids=tuple(i for i in self.image_ids if i in kept))


class Tally:
    """Counts of one label set in the making, an image at a time, in the judge's order."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._waiting = iter(judge.image_ids)
        self._boxes: list[tuple[str, tuple[int, int], Boxes]] = []
        self._pixels = BinnedPixels()
        self._pooled = PixelHistogram()
        self._is_empty: list[bool] = []

    def add(self, soft_label: np.ndarray) -> None:
        """Count the next image's map, (H, W) float32 in [0, 1]."""
        image_id = next(self._waiting)
        self._is_empty.append(not (soft_label > self.judge.box_settings.sure_threshold).any())
        if self.judge.truths is not None:
            height, width = soft_label.shape
            boxes = soft_label_to_boxes(soft_label, self.judge.box_settings)
            self._boxes.append((image_id, (height, width), boxes))
        if self.judge.masks is not None:
            histogram, truth = PixelHistogram(), self.judge.masks.read(image_id)
            try:
                histogram.add(soft_label, truth)
            except ValueError as error:
                raise UserError(f"the mask of {image_id} does not fit: {error}") from None
            self._pixels.add(histogram)
            self._pooled += histogram

    def counts(self) -> dict[str, np.ndarray]:
        """Sum up, once all images are in (see `Counts`)."""
        judge = self.judge
        arrays = {"is_empty": np.array(self._is_empty)}
        if judge.truths is not None:
            table = boxes_to_table(self._boxes, judge.box_settings.object_class)
            sizes_hw = {image_id: size_hw for image_id, size_hw, _ in self._boxes}
            in_thesis = as_in_thesis(table, judge.box_settings, sizes_hw.__getitem__)
            least = least_confidence(judge.min_confidence, judge.box_settings)
            matcher = BoxMatcher(judge.truths, table, judge.image_ids, least, in_thesis)
            arrays["boxes"] = count_boxes(matcher, judge.iou_thresholds)
        if judge.masks is not None:
            arrays["pixels"] = self._pixels.rows()
            arrays["levels"] = np.stack([self._pooled.negatives, self._pooled.positives])
        return arrays


def find_judge(
    data: DataSection,
    evaluation: EvaluationSection,
    score: str,
    score_iou: float,
    image_paths: Mapping[str, Path],
) -> Judge:
    """Read what the test images are judged by.

    Args:
        data: Names the split and the ground truth.
        evaluation: How maps become boxes, and how these are judged.
        score: That is needed, as study.score.
        score_iou: IoU at which boxes are judged one-to-one too.
        image_paths: All images, by id.

    Raises:
        UserError: There is neither ground truth nor masks, or not what `study.score` needs; or
            `data.groups` does not fit.
    """
    test_ids = read_split(data.splits, data.test_split, image_paths)
    is_pixels = score == "average_precision"
    _check_named(data, is_pixels)
    truths = None
    if data.ground_truth is not None:
        truths = read_truths(data, image_paths, test_ids)
        if split_ignored(truths)[0].empty and not is_pixels:
            raise UserError(
                f"the {data.test_split} images have no true box of the classes "
                f"{data.ground_truth_classes}: nothing can be found in them; see "
                "data.ground_truth_classes and data.test_split"
            )
    group_images(data.groups, test_ids)  # refuses ids without a group before anything is made
    thresholds = dict.fromkeys([*evaluation.iou_thresholds, score_iou])
    return Judge(
        data.test_split,
        tuple(test_ids),
        truths,
        None if data.masks is None else open_masks(data, image_paths).of(test_ids),
        evaluation.box_settings(BoxSettings()),
        evaluation.min_confidence,
        tuple(thresholds),
        tuple(data.ground_truth_classes),
        data.groups,
    )


def _check_named(data: DataSection, is_pixels: bool) -> None:
    """Make sure that the config names the truth that pixels, or else boxes, are judged by."""
    if is_pixels and data.masks is None:
        raise UserError("study.score is average_precision, which needs true masks; set data.masks")
    if not is_pixels and data.ground_truth is None:
        raise UserError(
            "data.ground_truth is null: the study has nothing to judge boxes by; name true boxes, "
            "or data.masks and study.score average_precision"
        )


def count_label_set(folder: Path, judge: Judge, store: Path) -> Counts:
    """Count a label set by its own rule of boxes, unless its counts are in the store.

    Args:
        folder: Of a label set that has all images of the judge.
        judge: What is right.
        store: Folder of counts, by the hash of what they depend on.
    """
    judge = judge.of_boxes(LabelSet(folder, needs_maps=False).box_settings)
    facts = {"label_set": content_of(folder), "judge": judge.hash}
    path = store / f"{settings_hash(facts)}.npz"
    with held_in_turn(path):
        if not path.exists():
            label_set, tally = LabelSet(folder), Tally(judge)
            for image_id in judge.image_ids:
                tally.add(label_set.read(image_id))
            write_arrays(path, tally.counts())
    return KeptCounts(path)


def count_everything(judge: Judge, image_paths: Mapping[str, Path], store: Path) -> Counts:
    """Count what marking everything gives: the chance level that a score is to be seen beside.

    It is that of a map that is 1 everywhere, which is one box over the whole image. Its average
    precision is the share of anomalous pixels, its ROC AUC 0.5.

    Args:
        judge: What is right.
        image_paths: Of the judge's images, by id.
        store: See `count_label_set`.
    """
    sizes = [image_size_hw(image_paths[image_id]) for image_id in judge.image_ids]
    facts = {"everything": sizes, "judge": judge.hash}
    path = store / f"{settings_hash(facts)}.npz"
    with held_in_turn(path):
        if not path.exists():
            tally = Tally(judge)
            for size_hw in sizes:
                tally.add(np.ones(size_hw, np.float32))
            write_arrays(path, tally.counts())
    return KeptCounts(path)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as an npz file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())
