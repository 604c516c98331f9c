"""Which label sets and runs an analysis is about, and what they are called in its tables."""

from pathlib import Path

from util.config import Config
from util.errors import UserError
from util.label_set import MANIFEST, PREDICTION


def find_label_sets(config: Config) -> list[Path]:
    """Find what to judge: what the config names, else all label sets and tested runs.

    Raises:
        UserError: Nothing is named, and there is no label set.
    """
    test_split = config.data.test_split
    teachers = config.paths.label_sets.glob(f"*/{MANIFEST}")
    students = config.paths.runs.glob(f"*/{test_split}/{MANIFEST}")
    found = [path.parent for path in [*sorted(teachers), *sorted(students)]]
    given = config.evaluation.predictions or found
    if not given:
        raise UserError(
            f"there is no label set in {config.paths.label_sets} or {config.paths.runs}; run the "
            "teacher first, or name what to judge with --evaluation.predictions"
        )
    return given


def name_by_place(path: Path, config: Config) -> str:
    """Name a label set or its CSV by its place below the folder of label sets or runs."""
    named = path.parent if path.name == PREDICTION else path
    for folder in (config.paths.label_sets, config.paths.runs):
        if named.is_relative_to(folder):
            return named.relative_to(folder).as_posix()
    return str(named)
