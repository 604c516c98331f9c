"""Classes of masks: their names in `classes.json`, which lies among the masks, and their numbers.

    {"1": "bird", "2": ["vehicle", "boat"], "9": null}
    {"#000000": "background", "#800000": "bird", "#e0e0c0": null}

An entry is a value of masks, or a colour where masks show classes by colours. Of several names the
first is that of the class, so entries that begin alike are one class; data.ground_truth_classes may
choose by any. null is of no class (void), and so is 255 without a name; 0 without a name is
background.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from util.disk.whole_files import read_json
from util.errors import UserError, listed
from util.images.mask_values import CHUNK_PX, IGNORED, MAX_VALUE, UNKNOWN, list_values

CLASS_NAMES = "classes.json"
"""Names of class numbers or colours, in the folder of the masks."""

UNNAMED = 254
"""Instead of the class number of values that have no name; classes are numbered below it."""

MOST_CLASSES = UNNAMED - 1
"""Besides what is none of them; so many can be read again from a mask."""

_BACKGROUND = "background"
_BLACK = 0

Colours = tuple[tuple[int, int], ...]
"""Colours as 0xRRGGBB, rising, and the value of each; () where masks have the values themselves."""


@dataclass(frozen=True)
class ClassTable:
    """Names of what masks have.

    Attributes:
        names: Of each value, that of its class first; () = of no class.
        colours: That stand for these values: 0 is black, the others follow as in the file.
        source: What says so, for messages; '' = `classes.json` in the folder of the masks.
    """

    names: Mapping[int, tuple[str, ...]]
    colours: Colours = ()
    source: str = ""

    def show(self, values: Sequence[int]) -> str:
        """List values for a message, the first eight and how many more: `0, 50, 85-90`, or colours.

        Args:
            values: Rising.
        """
        if not self.colours:
            return list_values(values)
        of_value = {value: show_colour(colour) for colour, value in self.colours}
        return listed([of_value[value] for value in values], 8)


class Classes(NamedTuple):
    """Classes that masks have.

    Attributes:
        names: Of the classes, at their numbers.
        of_value: (65536,) uint8 class number of each value of a mask; `IGNORED` or `UNNAMED`.
    """

    names: tuple[str, ...]
    of_value: np.ndarray


def read_class_table(path: Path) -> ClassTable:
    """Read names of classes; without names where there is no file.

    Raises:
        UserError: It holds something else, or both numbers and colours.
    """
    content = read_json(path, "mend or delete it")
    names = {key: _read_names(path, key, given) for key, given in content.items()}
    codes = {key: int(key[1:], 16) for key in names if re.fullmatch("#[0-9a-fA-F]{6}", key)}
    if len(set(codes.values())) < len(codes):
        raise UserError(f"{path} names a colour twice, in capital and in small letters; keep one")
    if 0 < len(codes) < len(names):
        numbers = listed([key for key in names if key not in codes], 3)
        raise UserError(
            f"{path} has both colours and numbers ({numbers}); name all of the one kind"
        )
    if not codes:
        return ClassTable({int(key): given for key, given in names.items()})
    values: dict[int, int] = {}
    for code in codes.values():
        values[code] = 0 if code == _BLACK else len(values) + (_BLACK not in values)
    by_value = {values[code]: names[key] for key, code in codes.items()}
    return ClassTable(by_value, tuple(sorted(values.items())))


def write_class_names(classes: Sequence[str], key: str) -> str:
    """Write `classes.json` for masks of classes that are numbered from 1.

    Args:
        classes: In the order of their numbers.
        key: Of the config that chooses them, for the error.

    Raises:
        UserError: There are more than masks can tell apart.
    """
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{len(classes)} classes do not fit into a mask, but {MOST_CLASSES}; choose some by "
            f"{key}"
        )
    names = {str(number): name for number, name in enumerate(classes, start=1)}
    return json.dumps(names, ensure_ascii=False, indent=2) + "\n"


def _read_names(path: Path, key: str, given: Any) -> tuple[str, ...]:
    """Read the names of one entry."""
    several = [] if given is None else [given] if isinstance(given, str) else given
    is_list = isinstance(several, list) and all(isinstance(name, str) for name in several)
    is_key = re.fullmatch("[0-9]{1,5}|#[0-9a-fA-F]{6}", key)
    is_value = is_key and (key.startswith("#") or int(key) <= MAX_VALUE)
    if not (is_list and is_value and (several or given is None)):
        raise UserError(
            f"{path} has {key!r}: {given!r}; expected a value or a colour with its name or names, "
            'such as {"1": "bird"} or {"#ff0000": "bird"}, or null for what is of no class'
        )
    return tuple(several)


def number_classes(table: ClassTable, meaning: np.ndarray, seen: Sequence[int]) -> Classes:
    """Number the classes of masks in the order of the values that they have.

    Args:
        table: Their names.
        meaning: Of each value (see `util.images.mask_values`); what is ignored is of no class.
        seen: The values that masks have; one that has a meaning, but no name, is called by itself.

    Raises:
        UserError: There are too many.
    """
    named = {0: (_BACKGROUND,)} | dict(table.names)
    if table.colours and 0 not in table.names:
        del named[0]
    named |= {v: (str(v),) for v in seen if v not in named and meaning[v] != UNKNOWN}
    firsts = {v: names[0] for v, names in sorted(named.items()) if names and meaning[v] != IGNORED}
    numbers = {name: number for number, name in enumerate(dict.fromkeys(firsts.values()))}
    if len(numbers) > UNNAMED:
        raise UserError(f"masks have {len(numbers)} classes; expected at most {UNNAMED}")
    of_value = np.full(MAX_VALUE + 1, UNNAMED, np.uint8)
    of_value[list(firsts)] = [numbers[name] for name in firsts.values()]
    of_value[[value for value, names in named.items() if not names]] = IGNORED
    of_value[meaning == IGNORED] = IGNORED
    return Classes(tuple(numbers), of_value)


def number_colours(path: Path, image_rgb: np.ndarray, colours: Colours) -> np.ndarray:
    """Give the values, (H, W) uint16, that the colours of a mask, (H, W, 3) uint8, stand for.

    Raises:
        UserError: It has colours without a value.
    """
    known, values = np.array(colours).T
    pixels = image_rgb.reshape(-1, 3)
    found, odd = np.empty(len(pixels), np.uint16), set()
    for start in range(0, len(pixels), CHUNK_PX):
        chunk = slice(start, start + CHUNK_PX)
        codes = pixels[chunk].astype(np.int64) @ np.array([0x10000, 0x100, 1])
        places = np.searchsorted(known, codes).clip(max=len(known) - 1)
        odd |= set(np.unique(codes[known[places] != codes]).tolist())
        found[chunk] = values[places]
    if odd:
        shown = listed([show_colour(code) for code in sorted(odd)], 8)
        raise UserError(
            f"the mask {path} has the colours {shown}, of which {CLASS_NAMES} says nothing; name "
            "them there, null for what is of no class, or save the mask without loss"
        )
    return found.reshape(image_rgb.shape[:2])


def show_colour(code: int) -> str:
    """Write a colour, 0xRRGGBB, as `#rrggbb`."""
    return f"#{code:06x}"
