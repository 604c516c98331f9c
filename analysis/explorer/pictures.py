"""The images that the explorer looks at: those of the data set, and those that were dropped in."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import numpy as np

from util.errors import UserError
from util.images.files import read_image

MOST_READ = 8
"""So many images are held in memory."""

MOST_DROPPED = 32
"""So many images that were dropped in are kept; the oldest goes."""

MOST_LISTED = 50
"""So many names are given at once."""

IMAGE, DROPPED = "image:", "dropped:"
"""What the names of both kinds begin with."""


class Listed(NamedTuple):
    """Some of the images that were looked for.

    Attributes:
        ids: The first of them.
        total: How many there are.
    """

    ids: list[str]
    total: int


class Pictures:
    """Images by their names: `image:ID` of the data set, `dropped:NUMBER` of others."""

    def __init__(self, image_paths: Mapping[str, Path], dropped: Path) -> None:
        """Look at a data set.

        Args:
            image_paths: Path of each image by its id.
            dropped: Folder for images that are dropped in.
        """
        self._paths = image_paths
        self._folder = dropped
        self._dropped: OrderedDict[str, str] = OrderedDict()
        self._num_dropped = 0
        self._read: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = RLock()  # a browser asks for several things at once

    def find(self, text: str) -> Listed:
        """List the images whose ids contain a text, whatever its case."""
        found = self._having(text)
        return Listed(found[:MOST_LISTED], len(found))

    def _having(self, text: str) -> list[str]:
        wanted = text.strip().casefold()
        return [image_id for image_id in self._paths if wanted in image_id.casefold()]

    def step(self, name: str, by: int, sought: str = "") -> str:
        """The id of the image of the data set that comes after, or before, one of a name.

        Args:
            name: Of an image; behind one that was dropped, or is not among them, comes the first.
            by: 1 or -1; behind the last one comes the first.
            sought: Text that was looked for: images are those of `find`; a whole id is all of them.

        Raises:
            UserError: No image has the text.
        """
        ids = self._having("" if sought.strip() in self._paths else sought)
        if not ids:
            raise UserError(f"no image has {sought.strip()!r} in its id; look for another text")
        image_id = name.removeprefix(IMAGE)
        return ids[(ids.index(image_id) + by) % len(ids)] if image_id in ids else ids[0]

    def drop(self, data: bytes, file_name: str) -> str:
        """Take in an image file; returns its name.

        Raises:
            UserError: It is no image that can be read; it is not kept.
        """
        with self._lock:
            name = f"{DROPPED}{self._num_dropped}"
            path = self._path_of(name)
            path.write_bytes(data)
            try:
                self._keep(name, read_image(path))
            except UserError as error:
                path.unlink()
                raise UserError(str(error).replace(str(path), file_name)) from None
            self._num_dropped += 1
            self._dropped[name] = file_name
            if len(self._dropped) > MOST_DROPPED:
                oldest, _ = self._dropped.popitem(last=False)
                self._read.pop(oldest, None)
                self._path_of(oldest).unlink()
            return name

    def read(self, name: str) -> np.ndarray:
        """Read an image, (H, W, 3) uint8 RGB; the last few are held.

        Raises:
            UserError: There is no such image, or it cannot be read.
        """
        with self._lock:
            if name in self._read:
                self._read.move_to_end(name)
                return self._read[name]
            if name in self._dropped:
                path = self._path_of(name)
            elif name.startswith(IMAGE) and name.removeprefix(IMAGE) in self._paths:
                path = self._paths[name.removeprefix(IMAGE)]
            else:
                raise UserError(self._describe_missing(name))
            return self._keep(name, read_image(path))

    def _describe_missing(self, name: str) -> str:
        if name.startswith(DROPPED):
            return f"there is no image {name} any more; drop it in again"
        image_id = name.removeprefix(IMAGE)
        like_it = self.find(image_id).ids or self.find("").ids
        return f"there is no image {image_id}; choose one, such as {', '.join(like_it[:3])}"

    def _keep(self, name: str, image_rgb: np.ndarray) -> np.ndarray:
        self._read[name] = image_rgb
        if len(self._read) > MOST_READ:
            self._read.popitem(last=False)
        return image_rgb

    def _path_of(self, dropped: str) -> Path:
        return self._folder / dropped.removeprefix(DROPPED)
