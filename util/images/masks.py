"""True masks of images: found, read and understood, in one place for all who need them.

The mask of an image has its id, or the name that data.mask_names makes of it. It is gray, or has a
palette; what its values mean is recognised from the masks of the folder or said by data.mask_values
(see `util.images.mask_values`). Classes may have names, by number or by colour, in `classes.json`
in the folder (see `util.images.class_table`).
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from util.config import DataSection
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.class_table import (
    CLASS_NAMES,
    UNNAMED,
    Classes,
    ClassTable,
    number_classes,
    read_class_table,
    show_colour,
)
from util.images.mask_files import check_size, find_mask_paths, read_values
from util.images.mask_meaning import find_meaning
from util.images.mask_values import (
    ANOMALOUS,
    UNKNOWN,
    describe,
    list_values,
    look_up,
    to_settings,
    to_word,
)
from util.images.seen_masks import Seen, look_at_some
from util.settings import settings_hash
from util.words import count_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrueMasks:
    """True masks, and what their values mean.

    Attributes:
        folder: Where they lie.
        paths: Of each mask, by the id of its image.
        meaning: (65536,) uint8 of each value (see `util.images.mask_values`).
        seen: What was seen in the masks of the folder.
        table: Names of the classes in them; without any where they have no names.
    """

    folder: Path
    paths: Mapping[str, Path]
    meaning: np.ndarray
    seen: Seen
    table: ClassTable

    def of(self, image_ids: Sequence[str]) -> "TrueMasks":
        """Take the masks of some images, in this order.

        Raises:
            UserError: Some have none.
        """
        if missing := [image_id for image_id in image_ids if image_id not in self.paths]:
            raise UserError(
                f"{count_of(len(missing), 'image has', 'images have')} no mask in {self.folder}: "
                f"{listed(missing)}"
            )
        return replace(self, paths={image_id: self.paths[image_id] for image_id in image_ids})

    def read(self, image_id: str, size_hw: tuple[int, int] | None = None) -> np.ndarray:
        """Read a mask as (H, W) uint8: 0 normal, 1 anomalous, 255 ignored.

        Args:
            image_id: Has a mask.
            size_hw: Height and width of the image, which the mask must have; None = any.

        Raises:
            UserError: The file is missing, damaged, no mask, or of another size, or has values
                without a meaning.
        """
        return self._tell_meaning(image_id, self._read_values(image_id, size_hw))

    def read_marked(self, image_id: str, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Read which pixels of a mask are anomalous, (H, W) bool, and the values of all, (H, W).

        Raises:
            UserError: As `read`.
        """
        values = self._read_values(image_id, size_hw)
        return self._tell_meaning(image_id, values) == ANOMALOUS, values

    def _tell_meaning(self, image_id: str, values: np.ndarray) -> np.ndarray:
        """Tell what the values of a mask mean, as `read` gives it."""
        truth = look_up(self.meaning, values)
        if (is_unknown := truth == UNKNOWN).any():
            odd = np.unique(values[is_unknown]).tolist()
            raise UserError(
                f"the mask {self.paths[image_id]} has the values {list_values(odd)}, but the masks "
                f"in {self.folder} are read as {self.read_as}; mend it, or set data.mask_values"
            )
        return truth

    @property
    def described(self) -> str:
        """What values are taken for: `0 = normal, 1-2 = anomalous (1 duck, 2 goose)`."""
        taken = describe(self.meaning, self.seen.values, self.table.show)
        marked = [v for v in self.seen.values if self.meaning[v] == ANOMALOUS]
        named = [(v, given[0]) for v in marked if (given := self.table.names.get(v))]
        told = listed([f"{self.table.show([value])} {name}" for value, name in named], 8)
        return f"{taken} ({told})" if told else taken

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of classes, at their numbers; () where `classes.json` gives none."""
        return self._classes.names if self.table.names else ()

    @property
    def class_of_value(self) -> dict[str, str]:
        """The name of the class of each value that masks have and that is of one."""
        numbers = self._classes.of_value[list(self.seen.values)].tolist()
        named = zip(self.seen.values, numbers, strict=True)
        names = self._classes.names
        return {str(value): names[number] for value, number in named if number < len(names)}

    @cached_property
    def _classes(self) -> Classes:
        return number_classes(self.table, self.meaning, self.seen.values)

    def read_classes(self, image_id: str, size_hw: tuple[int, int] | None = None) -> np.ndarray:
        """Read the classes in a mask as (H, W) uint8, the place in `class_names`; 255 of none.

        What data.mask_values ignores is of no class either.

        Args:
            image_id: Has a mask.
            size_hw: Height and width of the image, which the mask must have; None = any.

        Raises:
            UserError: The file is missing, damaged, no mask, or of another size, or has classes
                without a name.
        """
        if not self.table.names:
            raise UserError(
                f"the masks in {self.folder} have no names of classes; write them to "
                f'{self.folder / CLASS_NAMES}, such as {{"0": "background", "1": "bird"}}'
            )
        values = self._read_values(image_id, size_hw)
        classes = look_up(self._classes.of_value, values)
        if (is_unnamed := classes == UNNAMED).any():
            odd = np.unique(values[is_unnamed]).tolist()
            raise UserError(
                f"the mask {self.paths[image_id]} has the values {list_values(odd)}, to which "
                f"{self.table.source or self.folder / CLASS_NAMES} gives no name; add them, null "
                "for what is of no class"
            )
        return classes

    def _read_values(self, image_id: str, size_hw: tuple[int, int] | None) -> np.ndarray:
        path = self.paths[image_id]
        values, _ = read_values(path, self.table.colours)
        if size_hw is not None:
            check_size(path, values.shape, size_hw)
        return values

    @property
    def read_as(self) -> dict[str, str]:
        """What values mean, as data.mask_values says it; or what colours mean."""
        colours = self.table.colours
        if colours:
            return {show_colour(code): to_word(self.meaning[value]) for code, value in colours}
        return to_settings(self.meaning)

    def check_anomalous(self) -> None:
        """Make sure that the folder has an anomalous pixel, where all of its masks were looked at.

        Raises:
            UserError: It has none.
        """
        if self.seen.is_complete and ANOMALOUS not in self.meaning[list(self.seen.values)]:
            raise UserError(
                f"no mask in {self.folder} has an anomalous pixel: they are read as "
                f"{self.read_as}, and their values are {self.table.show(self.seen.values)}; see "
                "data.ground_truth_classes and data.mask_values"
            )

    def fingerprint(self) -> str:
        """Tell these masks, and what they mean, from any others."""
        files = fingerprint(self.paths.values())
        return settings_hash({"files": files, "meaning": self.read_as})


def open_masks(data: DataSection, image_ids: Collection[str]) -> TrueMasks:
    """Find the true masks of data.masks, and what they mean; not every image needs one.

    Args:
        data: Names the folder, the classes that count, and what values mean, if it does.
        image_ids: Of all images, not of a split alone: all of their masks say what values mean.

    Raises:
        UserError: The folder is missing or has no mask of any image, what its values mean cannot be
            told, or none of them is anomalous.
    """
    if data.masks is None:
        raise UserError(
            "there are no true masks; set data.masks to their folder (util/masks_from_truth.py "
            "makes some of polygons and RLE)"
        )
    masks = open_folder(
        data.masks,
        image_ids,
        data.ground_truth_classes,
        data.mask_values,
        data.mask_names,
        has_other_numbers=data.ground_truth_format == "yolo",
    )
    masks.check_anomalous()
    return masks


def open_folder(
    folder: Path,
    image_ids: Collection[str],
    classes: Sequence[str] = (),
    values: Mapping[str, str] = MappingProxyType({}),
    names: Mapping[str, str] = MappingProxyType({}),
    has_other_numbers: bool = False,
    table: ClassTable | None = None,
) -> TrueMasks:
    """Find the true masks in a folder, and what they mean.

    Args:
        folder: Has the masks, and may have `classes.json`.
        image_ids: Of all images.
        classes: Those that count, by name or by number; [] = all. Masks with a single anomalous
            value know no names: then all of it counts.
        values: What values mean, as data.mask_values; {} = recognised.
        names: What makes the name of a mask of its image's id, as data.mask_names.
        has_other_numbers: Whether numbers among the classes are names too, those of YOLO.
        table: Names of classes, instead of those in `classes.json`.

    Raises:
        UserError: As `open_masks`.
    """
    paths = find_mask_paths(folder, image_ids, names)
    if table is None:
        table = read_class_table(folder / CLASS_NAMES)
    seen = look_at_some(list(paths.values()), table.colours)
    meaning, numbers = find_meaning(folder, seen, table, classes, values, has_other_numbers)
    unnamed = ""
    if classes and not numbers:
        unnamed = f"; they name no classes, so all that is anomalous counts as {listed(classes)}"
    part = "" if seen.is_complete else f" ({seen.num_masks} of {len(paths)} looked at)"
    masks = TrueMasks(folder, paths, meaning, seen, table)
    _say_once(f"masks in {folder}: {masks.described}{unnamed}{part}")
    return masks


@lru_cache
def _say_once(text: str) -> None:
    """Log what this process has not logged before."""
    logger.info(text)
