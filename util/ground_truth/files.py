"""Files with the true boxes of one image each, found by the ids of images."""

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from util.errors import UserError, listed
from util.ground_truth.formats import describe_other_format
from util.images.files import find_files
from util.images.ids import describe_right_folder, name_files
from util.words import count_of

logger = logging.getLogger(__name__)

T = TypeVar("T")


def find_truth_files(
    folder: Path,
    suffix: str,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str],
    passed_over: Collection[str] = (),
) -> dict[str, Path]:
    """Find the files of images below a folder; those of no image are counted in the log.

    Args:
        folder: Has the files, or they lie in folders below.
        suffix: Of the files, such as `.txt`.
        image_paths: All images there are, by id.
        names: What makes the name of a file of its image's id, as data.mask_names; {} = it is named
            as its image.
        passed_over: Names of files, without suffix, that belong to no image.

    Returns:
        Path of each file by the id of its image, in the order of these.

    Raises:
        UserError: No file belongs to an image, or two images would have one.
    """
    files = {i: path for i, path in find_files(folder, {suffix}).items() if i not in passed_over}
    named = name_files(image_paths, names)
    there = {i: files[named[i]] for i in sorted(image_paths) if named[i] in files}
    kind = suffix.removeprefix(".")
    if not there:
        meant = describe_right_folder(folder, files, named.values())
        meant = meant if files else describe_other_format(folder)
        raise UserError(
            f"{folder} has no {kind} file of any image: {_expect(named, bool(names), suffix)} is "
            f"expected, there are {listed(list(files), 3) or 'none'}{meant}"
        )
    if strangers := sorted(set(files).difference(named.values())):
        logger.warning(
            "%s: %d %s files belong to no image: %s",
            folder,
            len(strangers),
            kind,
            listed(strangers),
        )
    return there


def read_truth_files(
    folder: Path,
    suffix: str,
    kind: str,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str],
    read: Callable[[Path], T],
) -> dict[str, T]:
    """Read the files of images below a folder; see `find_truth_files`.

    Args:
        folder: Has the files.
        suffix: Of the files.
        kind: What a file should be, for the error, such as `XML of VOC`.
        image_paths: All images there are, by id.
        names: What makes the name of a file of its image's id.
        read: Reads one; raises OSError or ValueError where it is damaged.

    Returns:
        What each file says, by the id of its image, in the order of these.

    Raises:
        UserError: No file belongs to an image, or files are damaged; all are named together.
    """
    read_ones, bad = dict[str, T](), []
    for image_id, path in find_truth_files(folder, suffix, image_paths, names).items():
        try:
            read_ones[image_id] = read(path)
        except (OSError, ValueError) as error:
            bad.append(f"{path.relative_to(folder).as_posix()}: {error}")
    if bad:
        raise UserError(
            f"{folder}: {count_of(len(bad), 'file is', 'files are')} no {kind}: {listed(bad)}"
        )
    return read_ones


def _expect(named: Mapping[str, str], is_told: bool, suffix: str) -> str:
    """Say how the file of an image should be named."""
    if not is_told or not named:
        example = f'such as {{"$": "_boxes"}} for <image id>_boxes{suffix}'
        return f"<image id>{suffix} (or set data.mask_names, {example})"
    image_id, name = next(iter(named.items()))
    return f"by data.mask_names {name}{suffix} for the image {image_id}"
