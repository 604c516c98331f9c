"""Label sets by their names, wherever a path may be given too."""

from collections.abc import Mapping
from pathlib import Path

from util.disk.places import name_in, path_of
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.label_set.records import MANIFEST
from util.words import split_words


def prompt_to_folder(prompt: str) -> str:
    """Name the folder of a prompt's label set: its words (see `split_words`), joined by `_`.

    Example:
        >>> prompt_to_folder("White crest")
        'white_crest'
    """
    return "_".join(split_words(prompt))


def find_label_set(place: str, label_sets: Path, runs: Path, split: str) -> Path:
    """Find the label set that a user means.

    Args:
        place: Of `util.disk.places.to_place`: the prompt or the folder name of a label set, the
            name of a run, whose predictions of the split are meant, RUN/SPLIT, or else a path of
            any of these; what has `..` in it is a path.
        label_sets: Folder of the label sets.
        runs: Folder of the runs.
        split: Of the runs that are named alone.

    Returns:
        A folder, or a file.

    Raises:
        UserError: There is nothing.
    """
    name = name_in(place)
    if ".." not in Path(name).parts:  # it would lead out of the folder that has the name
        known = (label_sets / name, label_sets / prompt_to_folder(name), runs / name / split)
        for folder in map(on_disk, (*known, runs / name)):
            if (folder / MANIFEST).is_file():
                return folder
        if (bare := on_disk(label_sets / name)).is_dir():
            return bare
    path = on_disk(path_of(place))
    of_run = on_disk(path / split)
    if not (path / MANIFEST).is_file() and (of_run / MANIFEST).is_file():
        return of_run
    is_word = len(Path(name).parts) == 1
    if path.exists() and not (is_word and _is_folder_of_other_things(path)):
        return path
    predicted = sorted(runs.glob(f"*/predicted*/*/{MANIFEST}"))
    there = list_label_sets(label_sets, runs, split) | {each.parent: runs for each in predicted}
    raise UserError(f"there is no label set, run, file or folder {name!r}; {say_there(there)}")


def _is_folder_of_other_things(path: Path) -> bool:
    """Tell a folder that is no label set, such as one of source code that has a run's name."""
    return path.is_dir() and not (path / MANIFEST).is_file() and not any(path.rglob("*.png"))


def list_own_label_sets(label_sets: Path) -> dict[Path, Path]:
    """List the label sets in their folder, with that; none of a run."""
    return {manifest.parent: label_sets for manifest in sorted(label_sets.glob(f"*/{MANIFEST}"))}


def say_there(found: Mapping[Path, Path]) -> str:
    """Say which label sets there are, for an error: `there are: boat, student/Test`.

    Args:
        found: Of `list_label_sets`.
    """
    names = [folder.relative_to(root).as_posix() for folder, root in found.items()]
    return f"there are: {listed(names, 20) or 'none'}"


def list_label_sets(label_sets: Path, runs: Path, split: str) -> dict[Path, Path]:
    """List all label sets, and the predictions that all runs have of a split, with their roots."""
    found = list_own_label_sets(label_sets)
    tested = {manifest.parent: runs for manifest in sorted(runs.glob(f"*/{split}/{MANIFEST}"))}
    return found | tested
