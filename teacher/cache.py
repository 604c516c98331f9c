"""A folder that remembers arrays under keys, within a limit of size, shared by any processes.

Files appear whole or not at all, and those that were used longest ago go first. Nothing in it is
needed: what is missing or damaged is computed again.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

logger = logging.getLogger(__name__)

_SUFFIX = ".safetensors"
_SHARE_BETWEEN_SCANS = 0.05
"""Share of the limit that a process writes before it looks at the whole folder again."""
_KEPT_AFTER_EVICTION = 0.9


class Cache:
    """A size-bounded folder of arrays.

    Attributes:
        folder: Where the files are.
        limit_bytes: What they may take together; several processes may exceed it by 5 % each.
        hits: How often something was found.
        misses: How often it was not.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.hits = 0
        self.misses = 0
        self._is_broken = False
        self._written = limit_bytes  # so that the first write looks at the folder

    def read(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays under a key, or None; a damaged file is removed."""
        path = self._path(key)
        try:
            arrays: dict[str, np.ndarray] = load(path.read_bytes())
            os.utime(path)  # used just now: goes last
        except FileNotFoundError:
            self.misses += 1
            return None
        except SafetensorError:
            path.unlink(missing_ok=True)
            self.misses += 1
            return None
        self.hits += 1
        return arrays

    def write(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays under a key; what is too large for the limit is not kept.

        Where the disk cannot be written that is said once, and nothing is kept any more.
        """
        data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        if len(data) > self.limit_bytes or self._is_broken:
            return
        try:
            self._write(self._path(key), data)
        except OSError as error:
            self._is_broken = True
            logger.warning(
                "the cache %s cannot be written (%s); going on without", self.folder, error
            )

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file beside its place, then rename it there, and make room for the next."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Each process has a file of its own to write, since two may keep one key at once.
        descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._written += len(data)
        if self._written > _SHARE_BETWEEN_SCANS * self.limit_bytes:
            self._evict()
            self._written = 0

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def _evict(self) -> None:
        """Remove what was used longest ago, if the folder exceeds its limit."""
        found = []
        for path in self.folder.glob(f"??/*{_SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was quicker
                continue
            found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self.limit_bytes:
            return
        for _, size, path in sorted(found):
            if total <= _KEPT_AFTER_EVICTION * self.limit_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def image_key(image_rgb: np.ndarray) -> str:
    """Hash the content of an image, (H, W, 3) uint8."""
    digest = hashlib.blake2b(repr(image_rgb.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image_rgb).data)
    return digest.hexdigest()


def cache_key(**parts: Any) -> str:
    """Hash what decides a result: names and JSON values."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
