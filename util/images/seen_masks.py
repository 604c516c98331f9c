"""What masks have in them: the values of each, and of all together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from util.disk.whole_files import open_file
from util.images.class_table import Colours
from util.images.mask_files import DamagedMaskError, read_values
from util.images.mask_values import CHUNK_PX, MAX_VALUE
from util.images.splits import sample
from util.running.ahead import map_ahead

MOST_LOOKED_AT = 1000
"""So many masks of a folder, drawn by chance, show which values there are: 2 s for 512x512."""


class SeenMask(NamedTuple):
    """What was seen in a mask.

    Attributes:
        path: Of its file.
        values: uint16, all that it has, rising.
        are_numbers: Whether it has a palette of colours.
        is_jpeg: Whether it is JPEG, whatever its suffix says.
    """

    path: Path
    values: np.ndarray
    are_numbers: bool
    is_jpeg: bool


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen in masks.

    Attributes:
        num_masks: How many were looked at.
        is_complete: Whether these are all.
        masks: Those of them that are not damaged, one at least.
    """

    num_masks: int
    is_complete: bool
    masks: Sequence[SeenMask]

    @cached_property
    def values(self) -> tuple[int, ...]:
        """All that they have, rising."""
        return tuple(np.unique(np.concatenate([mask.values for mask in self.masks])).tolist())

    @cached_property
    def are_numbers(self) -> bool:
        """Whether all have a palette of colours, so that values are class numbers."""
        return all(mask.are_numbers for mask in self.masks)

    @cached_property
    def are_mixed(self) -> bool:
        """Whether some have 255 and others values between 0 and 255, but none has both."""
        have = [(255 in mask.values, _has_between(mask.values)) for mask in self.masks]
        have_255, have_between = (any(each) for each in zip(*have, strict=True))
        return have_255 and have_between and not any(all(both) for both in have)

    @cached_property
    def are_jpeg(self) -> bool:
        """Whether some are JPEG, whose values are not quite those that were painted."""
        return any(mask.is_jpeg for mask in self.masks)


def _has_between(values: np.ndarray) -> bool:
    return bool(((values > 0) & (values < 255)).any())


def look_at_some(paths: Sequence[Path], colours: Colours = ()) -> Seen:
    """Look at masks, or at `MOST_LOOKED_AT` of them; those that are damaged show nothing.

    By chance, as every hundredth may show the same part of a scene. Where none of these shows any
    value but 0, all are looked at.

    Args:
        paths: Of the masks.
        colours: That stand for values; see `read_values`.

    Raises:
        UserError: All are damaged, or one is no mask.
    """
    for chosen in (sample(paths, MOST_LOOKED_AT), list(paths)):
        masks = _look_at(tuple(_state_of(path) for path in chosen), colours)
        if len(chosen) == len(paths) or any(mask.values.any() for mask in masks):
            break  # else those that show something are among the others
    return Seen(len(chosen), len(chosen) == len(paths), masks)


def _state_of(path: Path) -> tuple[Path, int, int]:
    """Tell a file from what it may be later, by size and time; one that is not there has none."""
    try:
        state = path.stat()
    except OSError:
        return path, 0, 0
    return path, state.st_size, state.st_mtime_ns


@lru_cache(maxsize=8)
def _look_at(files: tuple[tuple[Path, int, int], ...], colours: Colours) -> tuple[SeenMask, ...]:
    """Look at files, once a process while they stay the same: path, size and time of each."""

    def look(file: tuple[Path, int, int]) -> SeenMask | DamagedMaskError:
        try:
            values, are_numbers = read_values(file[0], colours)
        except DamagedMaskError as error:
            return error
        is_there = np.zeros(MAX_VALUE + 1, bool)
        flat = values.ravel()
        for start in range(0, len(flat), CHUNK_PX):
            is_there[flat[start : start + CHUNK_PX]] = True
        there = np.flatnonzero(is_there).astype(np.uint16)
        return SeenMask(file[0], there, are_numbers, _is_jpeg(file[0]))

    found = list(map_ahead(look, files))
    masks = tuple(each for each in found if isinstance(each, SeenMask))
    if not masks:
        raise next(each for each in found if isinstance(each, DamagedMaskError))
    return masks


def _is_jpeg(path: Path) -> bool:
    """Tell whether a file is JPEG, whatever its suffix says."""
    with open_file(path) as file:
        return file.read(2) == b"\xff\xd8"
