"""Several label sets that are read as one."""

from collections.abc import Sequence
from pathlib import Path

from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.label_set.comparing import common_box_settings
from util.label_set.finding import list_own_label_sets, say_there
from util.label_set.reading import LabelSet
from util.settings import settings_hash


class JoinedLabelSet(LabelSet):
    """Several label sets as one: an image has the soft label of the first set that has one.

    So `truth+combined` has true masks where there are any, and a teacher's maps elsewhere. Logits
    are of the first set that has some: an image with a true mask can have a teacher's.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open finished label sets.

        Raises:
            UserError: One of them is missing, empty or unfinished.
        """
        self.parts = [LabelSet(folder) for folder in folders]
        self.folder = folders[0].with_name("+".join(part.name for part in self.parts))
        self.manifest = {}
        self.ids = sorted({image_id for part in self.parts for image_id in part.ids})
        labelled = set(self.ids)
        self.failed = {
            image_id: reason
            for part in self.parts
            for image_id, reason in part.failed.items()
            if image_id not in labelled
        }
        self._having = [(part, set(part.ids)) for part in self.parts]

    @property
    def box_settings(self) -> BoxSettings:
        """How the boxes of all were found; the usual settings where they differ."""
        return common_box_settings(self.parts, self.name)

    def _of(self, image_id: str) -> list[LabelSet]:
        """The label sets that have an image, the one that counts first; all if none has it."""
        return [part for part, ids in self._having if image_id in ids] or self.parts

    def fingerprint(self) -> str:
        """Tell these sets, in this order, from any others; reads no map."""
        return settings_hash({"parts": [part.fingerprint() for part in self.parts]})

    def path(self, image_id: str) -> Path:
        """Where the soft label of an image lies."""
        return self._of(image_id)[0].path(image_id)

    def is_weighted(self, image_id: str) -> bool:
        """Whether the pixels of an image's soft label have weights, be they lost or not."""
        return self._of(image_id)[0].is_weighted(image_id)

    def weights_path(self, image_id: str) -> Path:
        """Where the weights of an image's pixels lie, if its soft label has them."""
        return self._of(image_id)[0].weights_path(image_id)

    def logits_path(self, image_id: str) -> Path:
        """Where the logits of an image lie, if any of the sets has them."""
        paths = [part.logits_path(image_id) for part in self._of(image_id)]
        return next((path for path in paths if path.exists()), paths[0])


def open_label_set(folder: Path, name: str) -> LabelSet:
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
