"""Several label sets that are read as one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.images.identity import ImageIdentity
from util.label_set.comparing import common_box_settings
from util.label_set.finding import list_own_label_sets, say_there
from util.label_set.reading import LabelSet
from util.label_set.told import hash_maps
from util.settings import settings_hash


class JoinedLabelSet:
    """Several label sets as one: an image has the soft label of the first set that has one.

    So `truth+combined` has true masks where there are any, and a teacher's maps elsewhere. Logits
    are of the first set that has some: an image with a true mask can have a teacher's.

    Attributes:
        parts: The label sets, the first counts.
        name: Theirs, joined by `+`.
        folder: Beside theirs, by this name, for messages.
        ids: The images that have a soft label, sorted.
        failed: Why each of the other images has none, by id.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open finished label sets.

        Raises:
            UserError: One of them is missing, empty or unfinished.
        """
        self.parts = [LabelSet(folder) for folder in folders]
        self.name = "+".join(part.name for part in self.parts)
        self.folder = folders[0].with_name(self.name)
        self._having = [(part, set(part.ids)) for part in self.parts]
        labelled = set().union(*(ids for _, ids in self._having))
        self.ids = sorted(labelled)
        self.failed = {
            image_id: reason
            for part in self.parts
            for image_id, reason in part.failed.items()
            if image_id not in labelled
        }

    @property
    def box_settings(self) -> BoxSettings:
        """How the boxes of all were found; the usual settings where they differ."""
        return common_box_settings(self.parts, self.name)

    @property
    def chosen_on(self) -> frozenset[ImageIdentity]:
        """Images by whose truth the settings of any were chosen."""
        return frozenset().union(*(part.chosen_on for part in self.parts))

    def fingerprint(self) -> str:
        """Tell these sets, in this order, from any others; reads no map."""
        return settings_hash({"parts": [part.fingerprint() for part in self.parts]})

    def content_of(self, image_ids: Sequence[str]) -> str:
        """Hash the maps of some images by their ids, each of the part that it is of."""
        hashes: dict[str, str] = {}
        for part, ids in self.sort_by_part(image_ids).items():
            hashes |= part.map_hashes(ids)
        return hash_maps(image_ids, hashes)

    def _of(self, image_id: str) -> list[LabelSet]:
        """The label sets that have an image, the one that counts first; all if none has it."""
        return [part for part, ids in self._having if image_id in ids] or self.parts

    def sort_by_part(self, image_ids: Iterable[str]) -> dict[LabelSet, list[str]]:
        """Say which images have their soft label of each of the parts."""
        ids_of: dict[LabelSet, list[str]] = {part: [] for part in self.parts}
        for image_id in image_ids:
            ids_of[self._of(image_id)[0]].append(image_id)
        return ids_of

    def path(self, image_id: str) -> Path:
        """Where the soft label of an image lies."""
        return self._of(image_id)[0].path(image_id)

    def read(self, image_id: str) -> np.ndarray:
        """Read a soft label, (H, W) float32 in [0, 1], as the set that it is of does."""
        return self._of(image_id)[0].read(image_id)

    def is_weighted(self, image_id: str) -> bool:
        """Whether the pixels of an image's soft label have weights, be they lost or not."""
        return self._of(image_id)[0].is_weighted(image_id)

    def weights_path(self, image_id: str) -> Path:
        """Where the weights of an image's pixels lie, if its soft label has them."""
        return self._of(image_id)[0].weights_path(image_id)

    def read_weights(self, image_id: str) -> np.ndarray:
        """Read how much each pixel counts, (H, W) float32 in [0, 1]; 1 where there is no file."""
        return self._of(image_id)[0].read_weights(image_id)

    def logits_path(self, image_id: str) -> Path:
        """Where the logits of an image lie, if any of the sets has them."""
        return self._with_logits(image_id).logits_path(image_id)

    def read_logits(self, image_id: str) -> np.ndarray:
        """Read the logits of an image, (H, W) float32, of the first set that has some.

        Raises:
            UserError: The file is missing, truncated, or holds something else.
        """
        return self._with_logits(image_id).read_logits(image_id)

    def _with_logits(self, image_id: str) -> LabelSet:
        """The first of the sets that have an image which has logits of it, else the first."""
        parts = self._of(image_id)
        return next((part for part in parts if part.logits_path(image_id).exists()), parts[0])


AnyLabelSet = LabelSet | JoinedLabelSet
"""What `open_label_set` gives: what a student learns from."""


def open_label_set(folder: Path, name: str) -> AnyLabelSet:
    """Open a label set, or several joined by `+` (see `JoinedLabelSet`).

    Args:
        folder: Holds the label sets.
        name: Of one, such as `combined`, or of several, such as `truth+combined`.

    Raises:
        UserError: A name is missing or there twice; a set is missing, empty or unfinished.
    """
    parts = name.split("+")
    if "" in parts or len(set(parts)) < len(parts):
        raise UserError(
            f"the label set is {name!r}; expected a name, or different names joined by +"
        )
    folders = [on_disk(folder / part) for part in parts]
    if missing := [str(each) for each in folders if not each.exists()]:
        raise UserError(
            f"the label set {listed(missing)} does not exist; "
            f"{say_there(list_own_label_sets(folder))}. Make it first, or name another"
        )
    return LabelSet(folders[0]) if len(folders) == 1 else JoinedLabelSet(folders)
