"""Which label sets and runs an analysis is about, and what they are called in its tables."""

from pathlib import Path

from student.predicting import is_of_another_checkpoint
from util.config import Config
from util.errors import UserError, listed
from util.label_set import MANIFEST, PREDICTION


def find_label_sets(config: Config) -> list[Path]:
    """Find what to judge: what the config names, else all label sets and tested runs.

    Runs that were trained anew since they were tested are said, and left out if not named.

    Raises:
        UserError: Nothing is named, and there is no label set.
    """
    test_split = config.data.test_split
    teachers = config.paths.label_sets.glob(f"*/{MANIFEST}")
    students = config.paths.runs.glob(f"*/{test_split}/{MANIFEST}")
    found = [path.parent for path in [*sorted(teachers), *sorted(students)]]
    named = config.evaluation.predictions
    if stale := [path for path in named or found if is_of_another_checkpoint(_folder_of(path))]:
        how = "judged as named" if named else "left out"
        print(
            f"{how}, though trained anew since they were tested: {listed(stale)}; test them again: "
            "student/test.py --overwrite"
        )
    given = named or [path for path in found if path not in stale]
    if not given:
        raise UserError(
            f"there is no label set in {config.paths.label_sets} or {config.paths.runs}; run the "
            "teacher first, or name what to judge with --evaluation.predictions"
        )
    return given


def _folder_of(path: Path) -> Path:
    """The label set that a path names, itself or by its CSV."""
    return path.parent if path.name == PREDICTION else path


def name_by_place(path: Path, config: Config) -> str:
    """Name a label set or its CSV by its place below the folder of label sets or runs."""
    named = _folder_of(path)
    for folder in (config.paths.label_sets, config.paths.runs):
        if named.is_relative_to(folder):
            return named.relative_to(folder).as_posix()
    return str(named)
