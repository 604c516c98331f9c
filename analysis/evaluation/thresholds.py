"""The threshold of a label set, one for all images, chosen where it is not judged."""

from collections.abc import Collection
from dataclasses import dataclass

from student.inference.label_sets import (
    checkpoint_beside,
    folder_beside,
    is_of_another_checkpoint,
)
from util.errors import UserError, listed
from util.images.masks import TrueMasks
from util.label_set import LabelSet
from util.metrics.pixelwise.pixels import PixelCurve, PixelHistogram
from util.running.progress import track


@dataclass(frozen=True)
class DevelopmentSplit:
    """Images that settings may be chosen on.

    Attributes:
        name: Of the split.
        masks: True masks of its images.
    """

    name: str
    masks: TrueMasks

    def choose_threshold(self, label_set: LabelSet) -> float:
        """Find the threshold of the best F1 of all pixels together, which is that of the best IoU.

        Args:
            label_set: Has maps of these images, or is of a run, in whose folder another has that
                is of the same checkpoint.

        Raises:
            UserError: There are no maps of some of them, those of a run are of an earlier
                training, they do not fit their masks, or no mask has an anomaly.
        """
        maps = label_set
        beside = folder_beside(checkpoint_beside(label_set.folder), self.name)
        if set(self.masks.paths).isdisjoint(maps.ids) and beside.is_dir():
            if _producer(found := LabelSet(beside)) == _producer(label_set):
                maps = found  # and no truth, or other label set, that has the split's name
            if is_of_another_checkpoint(maps.folder):
                raise UserError(
                    f"{maps.folder}, on which its threshold is chosen, was predicted before it was "
                    "trained anew; test it again: student/test.py --overwrite --data.test_split "
                    f"{self.name}"
                )
        there = set(maps.ids)
        if lacking := [image_id for image_id in self.masks.paths if image_id not in there]:
            raise UserError(
                f"its threshold is chosen on {self.name} (evaluation.threshold_split), and "
                f"{maps.folder} has no map of {listed(lacking)}"
            )
        histogram = PixelHistogram()
        for image_id in track(self.masks.paths, f"{maps.name}, {self.name}", transient=True):
            try:
                histogram.add(maps.read(image_id), self.masks.read(image_id))
            except ValueError as error:
                raise UserError(f"{image_id} of {maps.folder}: {error}") from None
        if not histogram.positives.any():
            raise UserError(
                f"no mask of {self.name} (evaluation.threshold_split) has an anomalous pixel"
            )
        return max(float(PixelCurve.of(histogram).best_threshold()), 0.0)


def _producer(label_set: LabelSet) -> object:
    """Name what kind of thing made a label set; None where nothing says so."""
    return label_set.manifest.get("settings", {}).get("producer")


def check_apart(split: str, ids: Collection[str], judged: str, judged_ids: Collection[str]) -> None:
    """Make sure that no image chooses the threshold by which it is judged.

    Args:
        split: Name of the split that chooses.
        ids: Its images.
        judged: Name of the split that is judged.
        judged_ids: Its images.

    Raises:
        UserError: They share images.
    """
    if shared := sorted(set(ids) & set(judged_ids)):
        raise UserError(
            f"evaluation.threshold_split {split} shares images with {judged}, which is judged: "
            f"{listed(shared)}; choose thresholds on other images"
        )
