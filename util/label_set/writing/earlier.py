"""What earlier runs have left in the folder of a label set."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from util.errors import UserError
from util.label_set.records import MANIFEST, read_manifest, read_records, record_files
from util.running.locks import BusyError
from util.settings import is_same_work, settings_hash

_OPTIONS = {
    "teacher": "paths.label_sets",
    "combination": "combination.output",
    "refinement": "refinement.output",
    "novelty": "novelty.output",
    "windows": "windows.output",
    "mask proposals": "proposals.output",
    "ground truth": "--name",
    "review": "review.output",
}
"""What names the folder of a label set, by its producer; students name theirs in several ways."""


class Earlier:
    """The manifest and the records that earlier runs have left of a label set.

    Attributes:
        manifest: Of a run whose work is gone on with; else {}.
        damaged: Files of records that cannot be read, where they are to be replaced.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
        """Look at a folder, be it there or not; nothing is written.

        Args:
            folder: Of the label set.
            settings: All that decides what its maps shall be.
            overwrite: Whether it may be made anew where it was made with others, or is damaged.

        Raises:
            UserError: The set was made with other settings, is damaged, or the folder is no label
                set.
        """
        self._folder = folder
        self._found = _read_hash(folder)
        self.damaged = _find_damaged(folder) if overwrite else []
        self.manifest = self._find_manifest(settings, overwrite)

    def _find_manifest(self, settings: Mapping[str, Any], overwrite: bool) -> dict[str, Any]:
        """Read the manifest; {} where its work is not gone on with."""
        if not (self._folder / MANIFEST).exists():
            if any(p.is_file() and not p.name.startswith(".") for p in self._folder.rglob("*")):
                raise UserError(
                    f"{self._folder} holds other files but no {MANIFEST}; choose another folder"
                )
            return {}
        try:
            manifest = read_manifest(self._folder)
        except UserError:
            if not overwrite:
                raise
            return {}
        made = manifest.get("settings", {})
        may_replace = overwrite or not self._has_labelled(settings_hash(made))
        option = _OPTIONS.get(settings.get("producer", ""))
        elsewhere = f"another {option}" if option else "choose another folder"
        is_same = is_same_work(self._folder, made, settings, may_replace, elsewhere)
        return manifest if is_same else {}

    def is_of_others(self, own_hash: str) -> bool:
        """Whether the label set was made with other settings last, be it finished or not."""
        return self._found not in (None, own_hash)

    def refuse_others(self, own_hash: str) -> None:
        """Make sure that nobody has made the label set with other settings since it was looked at.

        Raises:
            BusyError: Another process has.
        """
        if _read_hash(self._folder) not in (self._found, own_hash):
            raise BusyError(
                f"another process has made {self._folder} with other settings meanwhile; choose "
                "another folder, or start again with --overwrite"
            )

    def _has_labelled(self, made_by: str) -> bool:
        """Tell whether there is an image that was labelled by the settings of this hash."""
        return any(
            record["status"] != "failed" and place.head.settings_hash == made_by
            for record, place in read_records(self.files())
        )

    def files(self) -> list[Path]:
        """The files with records that can be read, those of today's processes among them."""
        return [path for path in record_files(self._folder) if path not in self.damaged]

    def remove_damaged(self) -> None:
        """Remove the damaged files; from now on, files of these names are those of today."""
        for path in self.damaged:
            path.unlink(missing_ok=True)
        self.damaged = []


def _read_hash(folder: Path) -> str | None:
    """Tell by what settings a label set was made; None where there is none, or a damaged one."""
    with suppress(UserError):
        made_by: str | None = read_manifest(folder).get("settings_hash")
        return made_by
    return None


def _find_damaged(folder: Path) -> list[Path]:
    """Find the files of records that cannot be read."""
    damaged = []
    for path in record_files(folder):
        try:
            deque(read_records([path]), maxlen=0)
        except UserError:
            damaged.append(path)
    return damaged
