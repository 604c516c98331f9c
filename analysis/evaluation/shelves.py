"""Where label sets and the predictions of runs are found, and what they are called."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from util.disk.walking import on_disk
from util.label_set import PREDICTION, find_label_set, list_label_sets


@dataclass(frozen=True)
class Shelves:
    """Where label sets are found by their names.

    Attributes:
        label_sets: Folder of the label sets.
        runs: Folder of the runs, which have label sets of what they predicted.
        split: Of the images that are judged, whose predictions a run's name stands for.
        order: Names of label sets and runs as a reader compares them; see
            `reading_order.name_in_order`.
        need_maps: Whether those that hold boxes alone cannot be judged.
    """

    label_sets: Path
    runs: Path
    split: str
    order: Sequence[str] = ()
    need_maps: bool = False

    def find(self, place: str) -> Path:
        """Find the label set, or its CSV, that a user means (see `find_label_set`).

        Raises:
            UserError: There is nothing.
        """
        return find_label_set(place, self.label_sets, self.runs, self.split)

    def find_all(self) -> list[Path]:
        """Find all label sets, then what all tested runs predicted of the split.

        Of either come first those that have a place in the order, then the others by name.
        """
        found = list_label_sets(self.label_sets, self.runs, self.split)
        places = {name: place for place, name in reversed([*enumerate(self.order)])}

        def place(path: Path) -> tuple[bool, int]:
            name = unicodedata.normalize("NFC", path.relative_to(found[path]).parts[0])
            return found[path] == self.runs, places.get(name, len(self.order))

        return sorted(found, key=place)

    def name(self, path: Path) -> str:
        """Name a label set or its CSV by its place below the folder of label sets or runs."""
        named = folder_of(path)
        for folder in map(on_disk, (self.label_sets, self.runs)):
            if named.is_relative_to(folder):
                return named.relative_to(folder).as_posix()
        return str(named)


def folder_of(path: Path) -> Path:
    """The label set that a path names, itself or by its CSV."""
    return path.parent if path.name == PREDICTION else path
