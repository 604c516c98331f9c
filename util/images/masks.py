"""True masks of images: found, read and understood, in one place for all who need them.

The mask of an image has its id, or the name that data.mask_names makes of it. It is gray, or has a
palette; what its values mean is recognised from the masks of the folder or said by data.mask_values
(see `util.images.mask_values`). Class numbers may have names, in `classes.json` in the folder:
`{"1": "bird", "2": ["boat", "ship"]}`.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from util.config import DataSection
from util.errors import UserError, listed
from util.images.files import fingerprint
from util.images.mask_files import (
    CLASS_NAMES,
    Seen,
    check_size,
    find_mask_files,
    look_at_some,
    name_masks,
    read_names,
    read_values,
)
from util.images.mask_values import (
    ANOMALOUS,
    MAX_VALUE,
    UNKNOWN,
    apply_meaning,
    choose_classes,
    describe,
    doubt,
    list_values,
    meaning_of_names,
    meaning_of_settings,
    recognise,
    to_settings,
)
from util.settings import settings_hash

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrueMasks:
    """True masks, and what their values mean.

    Attributes:
        folder: Where they lie.
        paths: Of each mask, by the id of its image.
        meaning: (65536,) uint8 of each value (see `util.images.mask_values`).
        seen: What was seen in the masks of the folder.
    """

    folder: Path
    paths: Mapping[str, Path]
    meaning: np.ndarray
    seen: Seen

    def of(self, image_ids: Sequence[str]) -> "TrueMasks":
        """Take the masks of some images, in this order.

        Raises:
            UserError: Some have none.
        """
        if missing := [image_id for image_id in image_ids if image_id not in self.paths]:
            raise UserError(
                f"{len(missing)} images have no mask in {self.folder}: {listed(missing)}"
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
        path = self.paths[image_id]
        values, _ = read_values(path)
        if size_hw is not None:
            check_size(path, values, size_hw)
        truth = apply_meaning(self.meaning, values)
        if (is_unknown := truth == UNKNOWN).any():
            odd = np.unique(values[is_unknown]).tolist()
            raise UserError(
                f"the mask {path} has the values {list_values(odd)}, but the masks in "
                f"{self.folder} are read as {to_settings(self.meaning)}; mend it, or set "
                "data.mask_values"
            )
        return truth

    def check_anomalous(self) -> None:
        """Make sure that the folder has an anomalous pixel, where all of its masks were looked at.

        Raises:
            UserError: It has none.
        """
        if self.seen.is_complete and ANOMALOUS not in self.meaning[list(self.seen.values)]:
            raise UserError(
                f"no mask in {self.folder} has an anomalous pixel: they are read as "
                f"{to_settings(self.meaning)}, and their values are {list_values(self.seen.values)}"
                "; see data.ground_truth_classes and data.mask_values"
            )

    def fingerprint(self) -> str:
        """Tell these masks, and what they mean, from any others."""
        files = fingerprint(self.paths.values())
        return settings_hash({"files": files, "meaning": to_settings(self.meaning)})


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
        raise UserError("there are no true masks; set data.masks to their folder")
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

    Raises:
        UserError: As `open_masks`.
    """
    if not folder.is_dir():
        raise UserError(
            f"the folder of true masks {folder} does not exist; set data.masks, or "
            "data.ground_truth where its format is masks"
        )
    paths = _find_paths(folder, image_ids, names)
    seen = look_at_some(list(paths.values()))
    class_names = read_names(folder / CLASS_NAMES)
    meaning = _find_meaning(folder, seen, class_names, values)
    numbers = _find_numbers(folder, seen, class_names, meaning, classes, has_other_numbers)
    if numbers:
        meaning = choose_classes(meaning, numbers)
    elif meaning is None:
        raise UserError(
            f"what the values {list_values(seen.values)} of the masks in {folder} mean cannot be "
            f"told: {doubt(seen.values, seen.are_mixed)}; mend the masks, or set data.mask_values, "
            'such as {"0-127": "normal", "128-255": "anomalous"}, or name class numbers in '
            f"{folder / CLASS_NAMES}"
        )
    unnamed = ""
    if classes and not numbers:
        unnamed = f"; they name no classes, so all that is anomalous counts as {listed(classes)}"
    part = "" if seen.is_complete else f" ({seen.num_masks} of {len(paths)} looked at)"
    _say_once(f"masks in {folder}: {describe(meaning, seen.values)}{unnamed}{part}")
    return TrueMasks(folder, paths, meaning, seen)


def _find_paths(
    folder: Path, image_ids: Collection[str], names: Mapping[str, str]
) -> dict[str, Path]:
    """Find the masks that images have, by the ids of these, in the order of the masks' names."""
    files, named = find_mask_files(folder), name_masks(image_ids, names)
    image_of = {name: image_id for image_id, name in named.items()}
    paths = {image_of[name]: path for name, path in files.items() if name in image_of}
    if not paths:
        there = listed([path.name for path in files.values()], 3) or "no pictures"
        expected = "<image id>.png"
        if names and named:
            image_id, name = next(iter(named.items()))
            expected = f"by data.mask_names {name}.png for the image {image_id}"
        elif not names:
            expected += " (or set data.mask_names)"
        raise UserError(
            f"{folder} has no mask of any image: {expected} is expected, there are {there}"
        )
    return paths


def _find_meaning(
    folder: Path, seen: Seen, names: Mapping[int, Collection[str]], values: Mapping[str, str]
) -> np.ndarray | None:
    """Tell what values mean, from what is said of them or from themselves; None: it cannot be."""
    if not (values or names):
        return recognise(seen.values, seen.are_numbers, seen.are_mixed)
    meaning = meaning_of_settings(values) if values else meaning_of_names(names)
    if odd := [value for value in seen.values if meaning[value] == UNKNOWN]:
        where = "data.mask_values" if values else f"{folder / CLASS_NAMES}"
        raise UserError(
            f"the masks in {folder} have the values {list_values(odd)}, of which {where} says "
            "nothing"
        )
    return meaning


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
        there = [names.get(value, [str(value)])[0] for value in seen.values if value]
        raise UserError(
            f"data.ground_truth_classes has {listed(unknown)}, but the masks in {folder} have "
            f"{listed(there, 8)}; set it to some of these, or name class numbers in "
            f'{folder / CLASS_NAMES}, such as {{"1": "bird"}}'
        )
    return sorted(set().union(*of_class.values()))


@lru_cache
def _say_once(text: str) -> None:
    """Log what this process has not logged before."""
    logger.info(text)
