"""A copy of all code, which tests may change."""

import shutil
from pathlib import Path

from analysis.work import imported_code
from tests.conftest import ROOT


def copy_code(folder: Path) -> None:
    """Copy all code of the repository that studies may depend on into a folder."""
    for stage in ("analysis", "student", "teacher", "util"):
        for path in (ROOT / stage).rglob("*.py"):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def forget_code() -> None:
    """Forget what files of code were found to say."""
    imported_code.code_hash.cache_clear()
    imported_code._read.cache_clear()
