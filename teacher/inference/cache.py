"""A folder that remembers arrays under keys, within a limit of size, shared by any processes.

Files appear whole or not at all. Nothing in it is needed: what is missing or damaged is computed
again. Encodings are large and serve new questions; answers are small and serve the same questions
again. So a full folder takes no more encodings, and answers make room for themselves: encodings go
first, then what was used longest ago. (If new encodings made room, a pass over more images than the
folder holds would always find the one just thrown out.)
"""

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

logger = logging.getLogger(__name__)

_SUFFIX = ".safetensors"
_SHARE_BETWEEN_SCANS = 0.05
"""Share of the limit that a process writes before it looks at the whole folder again."""
_KEPT_AFTER_EVICTION = 0.9
_STALE_S = 3600
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
"""Tells backups, and our own search for images, that a folder is a cache (bford.info/cachedir)."""

Kind = Literal["answers", "encodings"]


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
        self._total = 0
        self._unseen = limit_bytes  # so that the first write looks at the folder

    def read(self, kind: Kind, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays under a key, or None; a damaged file is removed."""
        path = self._path(kind, key)
        try:
            arrays: dict[str, np.ndarray] = load(path.read_bytes())
        except (OSError, SafetensorError) as error:
            if isinstance(error, SafetensorError):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            self.misses += 1
            return None
        with suppress(OSError):  # the cache may be another's, to read alone
            os.utime(path)  # used just now: goes last
        self.hits += 1
        return arrays

    def write(self, kind: Kind, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays under a key; what is too large for the limit is not kept.

        Where the disk cannot be written that is said once, and nothing is kept any more.
        """
        data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        try:
            if self._has_room(kind, len(data)):
                self._write(self._path(kind, key), data)
        except OSError as error:
            self._is_broken = True
            logger.warning(
                "the cache %s cannot be written (%s); going on without", self.folder, error
            )

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file beside its place, then rename it there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (tag := self.folder / "CACHEDIR.TAG").exists():
            tag.write_text(_TAG, encoding="ascii")
        # Each process has a file of its own to write, since two may keep one key at once.
        descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._total += len(data)
        self._unseen += len(data)

    def _has_room(self, kind: Kind, size: int) -> bool:
        """Tell whether a file may be added, after making room for answers."""
        if self._is_broken or size > self.limit_bytes:
            return False
        if self._unseen > _SHARE_BETWEEN_SCANS * self.limit_bytes:
            self._scan()
        if self._total + size > self.limit_bytes and kind == "answers":
            self._evict()
        return self._total + size <= self.limit_bytes

    def _path(self, kind: Kind, key: str) -> Path:
        return self.folder / kind / key[:2] / f"{key}{_SUFFIX}"

    def _scan(self) -> list[tuple[bool, int, int, Path]]:
        """Look at all files, the first to go first: whether an answer, time of use, size, path."""
        found = []
        for path in self.folder.glob("*/??/*"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was quicker
                continue
            if path.suffix == _SUFFIX:
                is_answer = path.parts[-3] == "answers"
                found.append((is_answer, status.st_mtime_ns, status.st_size, path))
            elif status.st_mtime < time.time() - _STALE_S:  # of a process that was killed
                path.unlink(missing_ok=True)
        self._total = sum(size for _, _, size, _ in found)
        self._unseen = 0
        return sorted(found)

    def _evict(self) -> None:
        """Remove encodings, then answers, those first that were used longest ago."""
        for _, _, size, path in self._scan():
            if self._total <= _KEPT_AFTER_EVICTION * self.limit_bytes:
                return
            path.unlink(missing_ok=True)
            self._total -= size


def open_cache(folder: Path, gigabytes: float) -> Cache | None:
    """Open the cache that the config asks for; None for 0 gigabytes."""
    return Cache(folder, int(gigabytes * 10**9)) if gigabytes else None


def image_key(image_rgb: np.ndarray) -> str:
    """Hash the content of an image, (H, W, 3) uint8."""
    digest = hashlib.blake2b(repr(image_rgb.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image_rgb).data)
    return digest.hexdigest()


def cache_key(**parts: Any) -> str:
    """Hash what decides a result: names and JSON values."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
