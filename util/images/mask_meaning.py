"""What the values of the masks in a folder mean, from all that is known of them."""

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from util.errors import UserError, listed
from util.images.class_table import CLASS_NAMES, ClassTable
from util.images.mask_values import (
    ANOMALOUS,
    MAX_VALUE,
    UNKNOWN,
    choose_classes,
    doubt,
    list_values,
    meaning_of_names,
    meaning_of_settings,
    recognise,
)
from util.images.seen_masks import Seen
from util.words import count_of, did_you_mean


def find_meaning(
    folder: Path,
    seen: Seen,
    table: ClassTable,
    classes: Sequence[str],
    values: Mapping[str, str],
    has_other_numbers: bool,
) -> tuple[np.ndarray, list[int]]:
    """Find what the values of masks mean.

    Args:
        folder: Has the masks.
        seen: What was seen in them.
        table: Names of their classes.
        classes: Those that count, by name or by number; [] = all.
        values: What values mean, as data.mask_values; {} = what names or values themselves say.
        has_other_numbers: Whether numbers among the classes are names, and no values.

    Returns:
        The meaning (see `util.images.mask_values`), and the values of the classes that count; [] =
        all that are anomalous.

    Raises:
        UserError: It cannot be told, values have none, or there is no such class.
    """
    if seen.are_jpeg and len(seen.values) > 2 and not (values or table.colours):
        named = _name_masks(folder, seen, [mask.is_jpeg for mask in seen.masks])
        why = f"some are JPEG, which changes class numbers and edges ({named})"
        raise _cannot_tell(folder, seen, why)
    meaning = _find_any(folder, seen, table, values)
    is_named = has_other_numbers or bool(table.colours)
    numbers = _find_numbers(folder, seen, table.names, meaning, classes, is_named)
    if numbers:
        return choose_classes(meaning, numbers), numbers
    if meaning is None:
        why, odd = doubt(seen.values, seen.are_mixed)
        why += f" ({_name_having(folder, seen, odd)})"
        raise _cannot_tell(folder, seen, why, f", or name class numbers in {folder / CLASS_NAMES}")
    return meaning, []


def _cannot_tell(folder: Path, seen: Seen, why: str, otherwise: str = "") -> UserError:
    """Make the error of masks whose values might mean several things."""
    example = '{"0-127": "normal", "128-255": "anomalous"}'
    if seen.are_mixed:  # numbers of classes beside void, it may be
        example = '{"0": "normal", "1-254": "anomalous", "255": "ignored"}'
    return UserError(
        f"what the values {list_values(seen.values)} of the masks in {folder} mean cannot be told: "
        f"{why}; mend the masks, or set data.mask_values, such as {example}{otherwise}"
    )


def _find_any(
    folder: Path, seen: Seen, table: ClassTable, values: Mapping[str, str]
) -> np.ndarray | None:
    """Tell what values mean, from what is said of them or from themselves; None: it cannot be."""
    if not (values or table.names):
        return recognise(seen.values, seen.are_numbers, seen.are_mixed)
    if values and table.colours:
        raise UserError(
            f"data.mask_values says what values mean, but {folder / CLASS_NAMES} has colours; take "
            "it out, name null there what is ignored, and choose by data.ground_truth_classes"
        )
    meaning = meaning_of_settings(values) if values else meaning_of_names(table.names)
    if odd := [value for value in seen.values if meaning[value] == UNKNOWN]:
        where = "data.mask_values" if values else table.source or folder / CLASS_NAMES
        raise UserError(
            f"the masks in {folder} have the values {list_values(odd)}, of which {where} says "
            f"nothing ({_name_having(folder, seen, odd)})"
        )
    return meaning


def _name_having(folder: Path, seen: Seen, values: Sequence[int]) -> str:
    """Say which masks have some of these values."""
    return _name_masks(folder, seen, [bool(np.isin(values, m.values).any()) for m in seen.masks])


def _name_masks(folder: Path, seen: Seen, are_meant: Sequence[bool]) -> str:
    """Say how many of the masks that were looked at are meant, and which are the first of them."""
    named = [mask.path.relative_to(folder) for mask in compress(seen.masks, are_meant)]
    return f"{len(named)} of {count_of(len(seen.masks), 'mask')}: {listed(named)}"


def _find_numbers(
    folder: Path,
    seen: Seen,
    names: Mapping[int, Sequence[str]],
    meaning: np.ndarray | None,
    classes: Sequence[str],
    has_other_numbers: bool,
) -> list[int]:
    """Find the values of the classes that count; [] = all that are anomalous."""
    of_class = {name: [v for v, having in names.items() if name in having] for name in classes}
    numbers = {n: int(n) for n in classes if n.isdecimal() and not has_other_numbers}
    is_one_class = meaning is not None and (meaning[list(seen.values)] == ANOMALOUS).sum() <= 1
    for name, number in numbers.items():
        is_there = number in seen.values or (not seen.is_complete and number <= MAX_VALUE)
        if is_there and not (is_one_class and number == 0):
            of_class[name].append(number)
    unknown = [name for name in classes if not of_class[name]]
    if not names and (is_one_class or meaning is None):
        unknown = [name for name in unknown if name in numbers]
    if unknown:
        of_values = [names.get(value, (str(value),)) for value in seen.values if value]
        there = [given[0] for given in of_values if given]
        known = [name for given in names.values() for name in given]
        told = listed([f"{name}{did_you_mean(name, known)}" for name in unknown])
        raise UserError(
            f"data.ground_truth_classes has {told}, but the masks in {folder} have "
            f"{listed(there, 8)}; set it to some of these, or name class numbers in "
            f'{folder / CLASS_NAMES}, such as {{"1": "bird"}}'
        )
    return sorted(set().union(*of_class.values()))
