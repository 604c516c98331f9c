"""What the numbers of classes mean in YOLO's files."""

import functools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from util.errors import UserError

logger = logging.getLogger(__name__)

CLASS_LIST = "classes.txt"
"""Names the classes, one a line from number 0; labelling tools put it beside the labels."""

DATA_FILE = "data.yaml"
"""Names them too, by `names`, for who learns from the labels."""

_LABELS = "labels"
"""Usual name, in any case, of a folder of labels of which a data.yaml above tells."""


def read_class_names(folder: Path) -> dict[str, str]:
    """Read the names of classes by their numbers; the log says once which file names them.

    Args:
        folder: Of the labels. `classes.txt` in it counts, else `data.yaml` in it, else, where it is
            called `labels`, `data.yaml` in the folder above. That one may be of something else, so
            it is passed over with a warning where it cannot be understood.

    Returns:
        Names by numbers; {} where nothing names them.

    Raises:
        UserError: `data.yaml` in it is no YAML, or its names are neither a list nor by numbers.
    """
    if (path := folder / CLASS_LIST).is_file():
        names = _read_list(path)
    elif not ((path := folder / DATA_FILE).is_file() and (names := _read_names(path))):
        path = folder.parent / DATA_FILE
        names = _read_names_above(path) if folder.name.casefold() == _LABELS else {}
    if names:
        _log_once(logging.INFO, f"Classes of {folder} have the names of {path}")
    return names


def _read_list(path: Path) -> dict[str, str]:
    """Read the names in a `classes.txt`; lines without one are passed over."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    names = (line.strip() for line in text.splitlines())
    return {str(number): name for number, name in enumerate(names) if name}


def _read_names_above(path: Path) -> dict[str, str]:
    """Read the names in a `data.yaml` if it is there and one of YOLO's."""
    try:
        return _read_names(path) if path.is_file() else {}
    except UserError as error:
        _log_once(logging.WARNING, f"{error}; it was passed over, so classes have no names")
        return {}


@functools.cache
def _log_once(level: int, text: str) -> None:
    """Log what this process has not logged before."""
    logger.log(level, text)


def _read_names(path: Path) -> dict[str, str]:
    """Read the names in a `data.yaml`; {} where it has none.

    Raises:
        UserError: See `read_class_names`.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        told = yaml.load(text, yaml.BaseLoader)  # which makes texts, lists and dicts, nothing else
        names = told.get("names", {}) if isinstance(told, dict) else {}
        return dict(_iterate_names(names))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be understood ({reason}); expected YAML whose names are a list, or a "
            f"name for each number, such as names: {{0: gull, 1: boat}}; mend it, or name the "
            f"classes in {CLASS_LIST} beside the labels, one a line"
        ) from None


def _iterate_names(names: object) -> Iterator[tuple[str, str]]:
    """Yield numbers and names of a list or dict; what has no name is passed over.

    Raises:
        ValueError: It is something else.
    """
    pairs: Iterable[tuple[object, object]] = ()
    if isinstance(names, dict):
        pairs = names.items()
    elif isinstance(names, list):
        pairs = enumerate(names)
    elif names:
        raise ValueError(f"its names are {str(names)[:40]!r}")
    for number, name in pairs:
        if not isinstance(name, str):
            raise ValueError(f"the name of {number} is no text")
        if name.strip():
            yield str(int(str(number))), " ".join(name.split())
