"""The images of a study: found once, and each fingerprinted once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from util.disk.fingerprints import fingerprint
from util.running.ahead import map_ahead
from util.settings import settings_hash


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a study.

    Attributes:
        paths: Of each, by its id.
    """

    paths: Mapping[str, Path]

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprint of each image's file, by its id."""
        found = map_ahead(lambda path: fingerprint([path]), self.paths.values())
        return dict(zip(self.paths, found, strict=True))

    def hash(self, image_ids: Iterable[str]) -> str:
        """Hash the names and content of some images, in this order, wherever they lie."""
        return settings_hash({"images": [[i, self.fingerprints[i]] for i in image_ids]})
