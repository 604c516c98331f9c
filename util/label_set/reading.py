"""Label sets on disk, to read from."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from util.bbox_csv import boxes_to_table, read_bbox_csv
from util.data_classes import BoxSettings, parse_box_settings
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import count_pixels, find_files, image_size_hw, read_soft_label
from util.images.identity import ImageIdentity, parse_images
from util.images.ids import id_to_path
from util.label_set.boxes import BYTES_A_PIXEL, FoundBoxes, find_boxes
from util.label_set.pixel_files import WEIGHTS, is_mask, logits_path, mask_path, weights_path
from util.label_set.records import (
    CHOSEN_ON,
    MANIFEST,
    PREDICTION,
    is_finished,
    read_manifest,
    read_records,
    record_files,
)
from util.label_set.told import Told, hash_maps
from util.running.ahead import map_ahead
from util.running.progress import track
from util.settings import settings_hash


class LabelSet:
    """A label set on disk, to read from.

    Attributes:
        folder: Where it is.
        manifest: Content of `label_set.json`; {} for a bare folder of soft labels.
    """

    def __init__(self, folder: Path, needs_maps: bool = True) -> None:
        """Open a finished label set, or any folder of gray PNGs.

        Args:
            folder: Of the label set.
            needs_maps: Whether one that holds boxes alone is refused.

        Raises:
            UserError: The folder is missing, empty or unfinished, or lacks maps that are needed.
        """
        if not folder.is_dir():
            is_file = "is a file, expected the folder"
            what = is_file if folder.exists() else "does not exist; make it first"
            raise UserError(f"the label set {folder} {what}")
        self.folder = folder
        self._found: dict[str, Path] = {}  # files of a bare folder, whose names are anybody's
        self.manifest = read_manifest(folder)
        if self.manifest or record_files(folder):
            if not is_finished(folder, self.manifest):
                raise UserError(f"the label set {folder} is unfinished; run what makes it again")
            if needs_maps and not self.has_maps:
                raise UserError(
                    f"the label set {folder} holds the boxes of a detector and no maps, which are "
                    "needed here; choose one of a teacher or student that gives maps"
                )
        else:
            files = find_files(folder, {".png"})
            self._found = {i: path for i, path in files.items() if not is_mask(i)}
            found = set(self._found)
            if not found:
                raise UserError(f"the label set {folder} has no soft label (.png)")
            weights = {f"{WEIGHTS}/{image_id}": image_id for image_id in found}
            weighted = {weights[each] for each in found.intersection(weights)}
            self._told = Told(sorted(found.difference(weights)), weighted=weighted)

    @cached_property
    def _told(self) -> Told:
        """What the records tell of the images that are part, read in one pass."""
        told = Told()
        for record, _ in read_records(record_files(self.folder)):
            if "absent" not in record:
                told.add(record)
        return told

    @property
    def ids(self) -> list[str]:
        """The images that have a soft label or, in a set of boxes alone, were looked at; sorted."""
        return self._told.ids

    @property
    def failed(self) -> dict[str, str]:
        """Why each of the other images has none, by id."""
        if self.manifest and not self.manifest["counts"]["failed"]:  # so no record need be read
            return {}
        return self._told.failed

    @property
    def num_masks(self) -> dict[str, int]:
        """How many masks of things each image has, by id; images where none were looked for lack.

        A bare folder has none.
        """
        return self._told.num_masks

    @property
    def name(self) -> str:
        """Name of the folder, its accents composed."""
        return unicodedata.normalize("NFC", self.folder.name)

    @property
    def identity(self) -> list[str | None]:
        """Tells it from others, for the settings of what is made of it: name, hash of its own."""
        return [self.name, self.manifest.get("settings_hash")]

    @property
    def has_maps(self) -> bool:
        """Whether it has maps; else it holds boxes alone."""
        return bool(self.manifest.get("holds") != ["boxes"])

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
    def chosen_on(self) -> frozenset[ImageIdentity]:
        """Images by whose truth its settings were chosen: its figures there are in sample."""
        return parse_images(self.manifest.get("facts", {}).get(CHOSEN_ON, []))

    @property
    def has_weights(self) -> bool:
        """Whether there is an image whose pixels do not all count alike."""
        return any(map(self.is_weighted, self.ids))

    def is_weighted(self, image_id: str) -> bool:
        """Whether an image's pixels have weights, be they lost or not."""
        return image_id in self._told.weighted

    def is_empty(self, image_id: str) -> bool:
        """Whether nothing was found in an image; in a bare folder its map is read to tell.

        Raises:
            UserError: It has to be read and cannot be.
        """
        if not self.manifest:
            return not self.read(image_id).any()
        return image_id in self._told.empty

    def fingerprint(self) -> str:
        """Tell this set from any other: what made it, and from which files; reads no map.

        Where maps were mended since, they tell it, too.
        """
        if not self.manifest:
            return fingerprint(self.path(image_id) for image_id in self.ids)
        told = ("settings", "sources", *(["maps"] if self.manifest.get("mended") else []))
        facts = {key: self.manifest[key] for key in told}
        return settings_hash(facts)

    @property
    def content(self) -> str:
        """Hash of all maps by their ids; sets that are equal in it are equal, whatever made them.

        Of a bare folder, that of the files.
        """
        return str(self.manifest["maps"]) if self.manifest else self.fingerprint()

    def content_of(self, image_ids: Sequence[str]) -> str:
        """Hash the maps of some images by their ids, as `content` those of all.

        Args:
            image_ids: Of the images; those that it lacks count as lacking.
        """
        return hash_maps(image_ids, self.map_hashes(image_ids))

    def map_hashes(self, image_ids: Iterable[str]) -> dict[str, str]:
        """Hash of the map of each image that has one, as its record tells it, by id.

        In a bare folder, of its file.
        """
        if not self.manifest:
            wanted = set(image_ids)
            return {i: fingerprint([self.path(i)]) for i in self.ids if i in wanted}
        return self._tell(image_ids, "map")

    def sources(self, image_ids: Iterable[str]) -> dict[str, str]:
        """Fingerprint of what the map of each image was made from, as its record tells it, by id.

        {} of a bare folder.
        """
        return self._tell(image_ids, "source")

    def _tell(self, image_ids: Iterable[str], key: str) -> dict[str, str]:
        """What records tell of some images by a key that they need not have, by id."""
        wanted, records = set(image_ids), read_records(record_files(self.folder))
        return {r["id"]: r[key] for r, _ in records if r["id"] in wanted and key in r}

    def path(self, image_id: str) -> Path:
        """Where the soft label of an image lies."""
        return self._found.get(image_id) or id_to_path(self.folder, image_id)

    def read(self, image_id: str) -> np.ndarray:
        """Read a soft label, (H, W) float32 in [0, 1].

        Raises:
            UserError: The file is missing, truncated or not gray; or, in a bare folder, a mask of 0
                and 1, which would be probabilities of 1/255 or, of 16 bits, 1/65535.
        """
        soft_label = read_soft_label(self.path(image_id))
        peak = 0 if self.manifest else soft_label.max(initial=0)
        for largest in (255, 65535):
            if peak == np.float32(1 / largest):
                raise UserError(
                    f"{self.path(image_id)} has the values 0 and 1 of {largest}, probabilities of "
                    f"0 and {1 / largest:.1g}: for a label set of masks multiply it by {largest}, "
                    "or set data.masks to the folder and run util/label_set_from_truth.py"
                )
        return soft_label

    def weights_path(self, image_id: str) -> Path:
        """Where the weights of an image's pixels lie, if the set has them."""
        found = self._found.get(f"{WEIGHTS}/{image_id}")
        return found or weights_path(self.folder, image_id)

    def read_weights(self, image_id: str) -> np.ndarray:
        """Read how much each pixel counts, (H, W) float32 in [0, 1]; 1 where there is no file.

        Raises:
            UserError: A file is truncated, not gray, or of another size than the map.
        """
        path, size_hw = self.weights_path(image_id), image_size_hw(self.path(image_id))
        if not path.exists():
            return np.ones(size_hw, np.float32)
        weights = read_soft_label(path)
        if weights.shape != size_hw:
            raise UserError(
                f"{path} has the (height, width) {weights.shape}, its map has {size_hw}; make "
                "weights of the map's size, or remove them"
            )
        return weights

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

    def mask_path(self, image_id: str, number: int) -> Path:
        """Where a mask of a thing in an image lies, by its number from 0."""
        return mask_path(self.folder, image_id, number)

    def read_boxes(self) -> pd.DataFrame:
        """Read the boxes that it has, a table of `util.bbox_csv`.

        Raises:
            UserError: There are none, or of images that are no part of it.
        """
        path = self.folder / PREDICTION
        if not path.exists():
            raise UserError(
                f"{self.folder} has no {PREDICTION}; find its boxes by util/csv_from_soft_labels.py"
            )
        table = read_bbox_csv(path)
        if strangers := sorted(set(table["image"]).difference(self.ids)):
            raise UserError(
                f"{path} has boxes of images that are no part of the label set: "
                f"{listed(strangers)}; find them anew by util/csv_from_soft_labels.py"
            )
        return table

    def find_boxes(self, image_ids: Sequence[str], settings: BoxSettings) -> pd.DataFrame:
        """Find the boxes of some soft labels: a table of `util.bbox_csv`."""
        bar = track(
            self.iterate_boxes(image_ids, settings),
            f"boxes of {self.name}",
            len(image_ids),
            transient=True,
        )
        rows = ((found.image_id, found.size_hw, found.boxes) for found in bar)
        return boxes_to_table(rows, settings.object_class)

    def iterate_boxes(
        self, image_ids: Iterable[str], settings: BoxSettings
    ) -> Iterator[FoundBoxes]:
        """Find the boxes of some soft labels, as many maps in memory at once as fit."""
        return map_ahead(
            lambda image_id: find_boxes(image_id, self.read(image_id), settings),
            image_ids,
            cost_bytes=lambda image_id: map_cost(self.path(image_id)),
        )


def map_cost(path: Path) -> int:
    """Memory that the map at a path takes while its boxes are found; 0 if it cannot be read."""
    return count_pixels(path) * BYTES_A_PIXEL
