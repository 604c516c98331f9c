"""What tells weights apart: their content, whatever they are called and wherever they lie."""

import hashlib
from functools import lru_cache
from pathlib import Path

from util.weights.known import MODELS, SUFFIXES, ModelWeights


def weights_identity(path: Path) -> dict[str, str]:
    """Tell weights apart by all of their content, so that a label set records what made it.

    Args:
        path: Of a file, or of a folder, whose weights, vocabularies and json files count.

    Returns:
        `name` and `sha256`. What was hashed once in this process is not read again.
    """
    if path.is_file():
        return {"name": path.name, "sha256": sha256(path)}
    suffixes = {*SUFFIXES, ".json", ".txt"}
    files = sorted(file for file in path.iterdir() if file.suffix in suffixes and file.is_file())
    lines = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
    is_cached = path.parent.name == "snapshots"  # models--owner--name/snapshots/<commit>
    name = path.parents[1].name.removeprefix("models--") if is_cached else path.name
    return {"name": name, "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def sha256(path: Path) -> str:
    """Hash the whole of a file; one that has not changed since is not read again."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recognise(path: Path) -> ModelWeights | None:
    """Find the row of the table that a file is, by all of its content; None if it is none."""
    if not path.is_file():
        return None
    digest = sha256(path)
    return next((row for row in MODELS if digest in (row.sha256, *row.other_sha256)), None)
