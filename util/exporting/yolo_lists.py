"""Lists of images beside YOLO's labels, so that Ultralytics can learn from an export.

It finds the labels of an image by the path of that alone: beside it or, where it lies below a
folder `images`, below one named `labels` in the place of the last of these. So an image that lies
elsewhere gets a link at such a place, and lists name that.
"""

import logging
import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from util.config import DataSection
from util.errors import UserError, listed
from util.exporting.yolo import describe
from util.images.files import find_images
from util.images.splits import read_split
from util.words import count_of

logger = logging.getLogger(__name__)

_KEYS = ("train", "val", "test")
"""Of the lists that data.yaml names."""

_IMAGES, _LABELS = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"


@dataclass(frozen=True)
class ImageLists:
    """The images that data.yaml names.

    Attributes:
        images: Where those of `train`, `val` and, if there are some, `test` lie or shall lie.
        links: The image that each link among these leads to.
        lacking: Why there is nothing to learn from; '' if there is.
    """

    images: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    links: Mapping[Path, Path] = field(default_factory=dict)
    lacking: str = ""

    def report(self, task: str, path: Path) -> None:
        """Print what Ultralytics can learn from, or why it cannot.

        Args:
            task: What it calls that: `detect`, `segment`.
            path: Of data.yaml.
        """
        if self.lacking:
            print(f"{path} names no images for `yolo train`: {self.lacking}")
            return
        counts = ", ".join(f"{key} {len(paths)}" for key, paths in self.images.items())
        links = f", by {count_of(len(self.links), 'link')} to data.images" if self.links else ""
        print(f"Images of data.splits are listed for Ultralytics: {counts}{links}")
        print(f"Next: {shlex.join(['yolo', task, 'train', f'data={path}'])}")

    def texts(self, output: Path) -> dict[str, str]:
        """Write the lists, `train.txt` and so on, which lie in a folder: an image a line."""
        return {
            f"{key}.txt": "".join(f"{_show(path, output)}\n" for path in paths)
            for key, paths in self.images.items()
        }

    def find_stale(self, output: Path) -> list[Path]:
        """Find the lists of an earlier export into a folder, by its data.yaml, that are no more.

        A data.yaml that names no such folder is not of an export: its lists stay.
        """
        earlier = output / "data.yaml"
        lines = earlier.read_bytes().splitlines() if earlier.is_file() else []
        if lines[:1] != describe(output, ()).encode().splitlines()[:1]:
            return []
        keys = [key for key in _KEYS if key not in self.images]
        return [output / f"{key}.txt" for key in keys if f"{key}: {key}.txt".encode() in lines]


def list_images(
    data: DataSection, image_ids: Sequence[str], output: Path, place: Callable[[str], Path]
) -> ImageLists:
    """List the exported images of the splits that a config names.

    Args:
        data: Names images and splits.
        image_ids: That are exported.
        output: Folder of the export.
        place: Tells where the labels of an image lie.
    """
    hint = ""
    try:
        image_paths = find_images(data.images)
        hint = " (export with --overwrite then)"
        ids = _read_splits(data, image_paths)
    except UserError as error:
        return ImageLists(lacking=f"{error}{hint}")
    exported = frozenset(image_ids)
    ids = {key: [each for each in of_split if each in exported] for key, of_split in ids.items()}
    if not (ids["train"] and ids["val"]):
        empty = [
            split
            for key, split in (("train", data.train_split), ("val", data.validation_split))
            if not ids[key]
        ]
        return ImageLists(
            lacking=f"none of {' and none of '.join(empty)} is exported; a label set of all images "
            "has them: a teacher's, or one that student/predict.py makes"
        )
    may_link = not output.is_relative_to(data.images)  # links would be images the next time
    return _place_images(ids, image_paths, place, may_link)


def _place_images(
    ids: Mapping[str, Sequence[str]],
    image_paths: Mapping[str, Path],
    place: Callable[[str], Path],
    may_link: bool,
) -> ImageLists:
    """List the images of splits where Ultralytics finds their labels, by links if need be."""
    images: dict[str, list[Path]] = {}
    links, lost = dict[Path, Path](), []
    for key, image_id in (
        (key, image_id) for key, of_split in ids.items() for image_id in of_split
    ):
        image, labels = image_paths[image_id], place(image_id)
        found = find_image_place(labels, image)
        if found is None or not (found == image or may_link):
            lost.append(str(labels))
            continue
        images.setdefault(key, []).append(found)
        if found != image and (found.is_symlink() or not found.exists()):
            links[found] = image
    if lost:
        return ImageLists(
            lacking=f"it would not find {listed(lost)}; give an export_label_set.output outside of "
            "data.images and of folders named images, or export_label_set.names /images/=/labels/"
        )
    return ImageLists(images, links)


def _read_splits(data: DataSection, known_ids: Collection[str]) -> dict[str, list[str]]:
    """Read which images are learnt from, validated on and, if that list can be read, tested on.

    Raises:
        UserError: There is no list of the first two, or it names other images.
    """
    splits = {"train": data.train_split, "val": data.validation_split}
    ids = {key: read_split(data.splits, split, known_ids) for key, split in splits.items()}
    try:
        ids["test"] = read_split(data.splits, data.test_split, known_ids)
    except UserError as error:  # nobody needs it to learn
        logger.warning("data.yaml names no test images: %s", error)
    return ids


def find_image_place(labels: Path, image: Path) -> Path | None:
    """Find a place for an image from which Ultralytics finds its labels.

    Args:
        labels: The file of its labels.
        image: Where it lies, which may do.

    Returns:
        The image itself, or a place for a link to it; None where there is none, since the labels
        lie below a folder `images`.
    """
    beside = labels.with_name(labels.name.removesuffix(".txt") + image.suffix)
    apart = Path(_IMAGES.join(str(beside).rsplit(_LABELS, 1)))
    return next((each for each in (image, beside, apart) if _labels_of(each) == labels), None)


def _labels_of(image: Path) -> Path:
    """Where Ultralytics looks for the labels of an image."""
    return Path(_LABELS.join(str(image).rsplit(_IMAGES, 1)).rsplit(".", 1)[0] + ".txt")


def _show(path: Path, folder: Path) -> str:
    """Write a path from the folder of its list, where Ultralytics takes that for what it is."""
    below = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else "./"
    return str(path) if "./" in below else f"./{below}"  # it replaces each ./ of a line
