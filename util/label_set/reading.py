"""Label sets on disk, to read from."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from util.ahead import map_ahead
from util.bbox_csv import boxes_to_table, write_bbox_csv
from util.data_classes import Boxes, BoxSettings, parse_box_settings
from util.errors import UserError, listed
from util.files import write_json
from util.image_files import (
    find_images,
    fingerprint,
    id_to_path,
    image_size_hw,
    read_soft_label,
)
from util.label_set.records import (
    MANIFEST,
    PREDICTION,
    WEIGHTS,
    is_finished,
    logits_path,
    read_manifest,
    weights_path,
)
from util.masks_to_bboxes import soft_label_to_boxes
from util.progress import track
from util.settings import settings_hash


def prompt_to_folder(prompt: str) -> str:
    """Name the folder of a prompt's label set: lower case, words of letters and digits, `_`.

    Example:
        >>> prompt_to_folder("White crest")
        'white_crest'
    """
    plain = unicodedata.normalize("NFC", prompt).lower()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


class LabelSet:
    """A label set on disk, to read from.

    Attributes:
        folder: Where it is.
        manifest: Content of `label_set.json`; {} for a bare folder of soft labels.
        ids: The images that have a soft label, sorted.
        failed: Why each of the other images has none, by id.
    """

    def __init__(self, folder: Path) -> None:
        """Open a finished label set, or any folder of gray PNGs.

        Raises:
            UserError: The folder is missing, empty or unfinished.
        """
        if not folder.is_dir():
            raise UserError(f"the label set {folder} does not exist; make it first")
        if not is_finished(folder):
            raise UserError(f"the label set {folder} is unfinished; run what makes it again")
        self.folder = folder
        self.manifest = read_manifest(folder)
        if self.manifest:
            images: dict[str, Any] = self.manifest["images"]
            self.ids = sorted(i for i, record in images.items() if record["status"] != "failed")
            self.failed = {i: r["reason"] for i, r in images.items() if r["status"] == "failed"}
        else:
            found = find_images(folder)
            weights = {f"{WEIGHTS}/{image_id}" for image_id in found}
            self.ids = sorted(set(found) - weights)
            self.failed = {}

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def box_settings(self) -> BoxSettings:
        """How its boxes were found; the usual settings and a class of its name if nobody knows.

        Raises:
            UserError: The manifest is damaged there.
        """
        if "boxes" not in self.manifest:
            return BoxSettings(object_class=self.name)
        return parse_box_settings(self.manifest["boxes"], self.folder / MANIFEST)

    @property
    def has_weights(self) -> bool:
        """Whether there is an image whose pixels do not all count alike."""
        return any(map(self.is_weighted, self.ids))

    def is_weighted(self, image_id: str) -> bool:
        """Whether an image's pixels have weights, be they lost or not."""
        if not self.manifest:
            return self.weights_path(image_id).exists()
        return "weights" in self.manifest["images"].get(image_id, {})

    def fingerprint(self) -> str:
        """Tell this set from any other: what made it, and from which files; reads no map."""
        if not self.manifest:
            return fingerprint(self.path(image_id) for image_id in self.ids)
        sources = {i: r.get("source") for i, r in self.manifest["images"].items()}
        return settings_hash({"settings": self.manifest["settings"], "sources": sources})

    def path(self, image_id: str) -> Path:
        """Where the soft label of an image lies."""
        return id_to_path(self.folder, image_id)

    def read(self, image_id: str) -> np.ndarray:
        """Read a soft label, (H, W) float32 in [0, 1]."""
        return read_soft_label(self.path(image_id))

    def weights_path(self, image_id: str) -> Path:
        """Where the weights of an image's pixels lie, if the set has them."""
        return weights_path(self.folder, image_id)

    def read_weights(self, image_id: str) -> np.ndarray:
        """Read how much each pixel counts, (H, W) float32 in [0, 1]; 1 where there is no file."""
        path = self.weights_path(image_id)
        if not path.exists():
            return np.ones(image_size_hw(self.path(image_id)), np.float32)
        return read_soft_label(path)

    def logits_path(self, image_id: str) -> Path:
        """Where the logits of an image lie, if the set has them."""
        return logits_path(self.folder, image_id)

    def read_logits(self, image_id: str) -> np.ndarray:
        """Read the logits of an image, (H, W) float32.

        Raises:
            UserError: The file is missing, truncated, or holds something else.
        """
        path = self.logits_path(image_id)
        try:
            logits = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} cannot be read as logits: {error}") from None
        is_array = isinstance(logits, np.ndarray) and logits.ndim == 2 and logits.dtype.kind == "f"
        if not is_array or not np.isfinite(logits).all():
            raise UserError(f"{path} holds no logits: expected finite floats, (height, width)")
        return logits.astype(np.float32)

    def write_boxes(
        self, settings: BoxSettings, known: Mapping[str, "FoundBoxes"] = MappingProxyType({})
    ) -> pd.DataFrame:
        """Write `prediction.csv`: the boxes of all soft labels, images in the order of their ids.

        Args:
            settings: How maps become boxes.
            known: What `find_boxes` gives for images whose maps need not be read, by id.

        Returns:
            Table of the boxes (see `util.bbox_csv`).
        """
        table = self.find_boxes(self.ids, settings, known)
        write_bbox_csv(self.folder / PREDICTION, table)
        if self.manifest:
            self.manifest["boxes"] = asdict(settings)
            write_json(self.folder / MANIFEST, self.manifest)
        return table

    def find_boxes(
        self,
        image_ids: Sequence[str],
        settings: BoxSettings,
        known: Mapping[str, "FoundBoxes"] = MappingProxyType({}),
    ) -> pd.DataFrame:
        """Find the boxes of some soft labels, a few maps in memory at a time; see `write_boxes`."""

        def find(image_id: str) -> tuple[str, tuple[int, int], Boxes]:
            found = known.get(image_id) or find_boxes(self.read(image_id), settings)
            return image_id, *found

        found = map_ahead(find, image_ids)
        bar = track(found, f"boxes of {self.name}", len(image_ids), transient=True)
        return boxes_to_table(bar, settings.object_class)


FoundBoxes = tuple[tuple[int, int], Boxes]
"""(height, width) of an image, and its boxes."""


def find_boxes(soft_label: np.ndarray, settings: BoxSettings) -> FoundBoxes:
    """Find the boxes of a soft label, (H, W) float32 in [0, 1]."""
    height, width = soft_label.shape
    return (height, width), soft_label_to_boxes(soft_label, settings)


def common_box_settings(label_sets: Sequence[LabelSet], name: str) -> BoxSettings:
    """Tell how the boxes of several label sets were found.

    Args:
        label_sets: One or more.
        name: Class of the boxes where those of the label sets differ.

    Returns:
        What they have in common; the usual settings where they differ in more than the class.
    """
    all_settings = [label_set.box_settings for label_set in label_sets]
    classes = {settings.object_class for settings in all_settings}
    object_class = classes.pop() if len(classes) == 1 else name
    common = {replace(settings, object_class=object_class) for settings in all_settings}
    return common.pop() if len(common) == 1 else BoxSettings(object_class=object_class)


def check_same_images(label_sets: Sequence[LabelSet]) -> list[str]:
    """Check that label sets have the same images.

    Returns:
        The ids that all have; images that failed in all of them are left out.

    Raises:
        UserError: Some set lacks an image that another has; the ids are listed for each set.
    """
    every = set().union(*(label_set.ids for label_set in label_sets))
    lacking = {label_set.name: sorted(every.difference(label_set.ids)) for label_set in label_sets}
    problems = [f"{name} lacks {listed(ids)}" for name, ids in lacking.items() if ids]
    if problems:
        raise UserError(f"the label sets have different images: {'; '.join(problems)}")
    if not every:
        raise UserError("the label sets have no labelled image")
    return sorted(every)
