"""Fingerprints of files, by which it is known whether they have changed."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from util.disk.whole_files import open_file

_FINGERPRINT_BYTES = 65536


def fingerprint(paths: Iterable[Path]) -> str:
    """Tell whether files have changed since they were used: 16 hexadecimal digits.

    Hashes the size and the first and last 64 kB of each, which survives copying and stays quick on
    large images. A file that is missing counts as empty.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(_read_ends(path))
    return digest.hexdigest()


def fingerprint_each(paths: Iterable[Path]) -> tuple[str, list[str]]:
    """Give the `fingerprint` of files together, and that of each; reads them once."""
    together, each = hashlib.blake2b(digest_size=8), []
    for path in paths:
        ends = _read_ends(path)
        together.update(ends)
        each.append(hashlib.blake2b(ends, digest_size=8).hexdigest())
    return together.hexdigest(), each


def _read_ends(path: Path) -> bytes:
    """Read what a file is known by; see `fingerprint`."""
    try:
        with open_file(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            start = f"{size} ".encode() + file.read(_FINGERPRINT_BYTES)
            file.seek(max(size - _FINGERPRINT_BYTES, 0))
            return start + file.read()
    except OSError:
        return b"missing"
