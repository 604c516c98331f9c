"""The files of a format: one of all images, or one an image with what is beside them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from util.config import DataSection
from util.exporting.checks import refuse_taken
from util.exporting.collecting import collect
from util.exporting.formats import IMAGE_FORMATS, SET_FORMATS, Wishes
from util.exporting.sources import ObjectReader
from util.exporting.writing import File, write_files
from util.exporting.yolo import describe, list_classes, write_lines
from util.exporting.yolo_lists import ImageLists, list_images
from util.ground_truth.yolo_classes import CLASS_LIST
from util.images.class_table import CLASS_NAMES, write_class_names
from util.images.ids import id_to_path, name_files

YOLO_TASKS = {"yolo": "detect", "yolo-seg": "segment"}
"""What Ultralytics calls it to learn from YOLO's formats."""

_ELSEWHERE = "another export_label_set.output or export_label_set.names"
"""So that files do not lie in each other's place."""


def write_set(
    kind: str, output: Path, reader: ObjectReader, wishes: Wishes, overwrite: bool
) -> None:
    """Write the one file of a format; one that is there with the same content stays.

    Args:
        kind: One of `SET_FORMATS`.
        output: Folder of the file.
        reader: Of what is exported.
        wishes: How the file shall be.
        overwrite: Whether a file with other content may be replaced.

    Raises:
        UserError: It may not, or an image cannot be read.
    """
    found = SET_FORMATS[kind]
    label_sets = [source.label_set for source in reader.sources]
    made_from = {
        "format": kind,
        "label_sets": [[label_set.fingerprint(), label_set.content] for label_set in label_sets],
        "boxes": [asdict(source.settings) for source in reader.sources],
        "wishes": asdict(wishes) | {"images": str(wishes.images)},
    }
    collect(
        output / found.file_name,
        reader.ids,
        lambda image_id: found.describe(reader.read(image_id), wishes),
        lambda lines: found.write(lines, wishes),
        made_from,
        reader.cost_bytes,
        overwrite,
    )


def write_each(
    kind: str,
    output: Path,
    reader: ObjectReader,
    wishes: Wishes,
    data: DataSection,
    names: Mapping[str, str],
    overwrite: bool,
) -> ImageLists | None:
    """Write the files, one an image, of a format, and what is beside them.

    Args:
        kind: One of `FORMATS`, but none of `SET_FORMATS`.
        output: Folder of the files.
        reader: Of what is exported.
        wishes: How files shall be.
        data: Names images and splits, for lists of images.
        names: What becomes of image ids in names of files, as export_label_set.names.
        overwrite: Whether files with other content may be replaced.

    Returns:
        The images that YOLO's data.yaml names; None of other formats.

    Raises:
        UserError: Files are there with other content, or would lie in each other's place.
    """
    left_out = sorted(reader.ignored.union(reader.failed))
    named = name_files([*reader.ids, *left_out], names, "export_label_set.names")
    suffix = IMAGE_FORMATS[kind].suffix if kind in IMAGE_FORMATS else ".txt"

    def place(image_id: str) -> Path:
        return id_to_path(output, named[image_id], suffix)

    lists = _find_lists(kind, output, data, reader, wishes, place)
    beside = _list_beside(kind, output, wishes, lists or ImageLists())
    of_images = frozenset(map(place, named))
    refuse_taken({each.path for each in beside} & of_images)
    stale = () if lists is None else lists.find_stale(output)
    beside += [File(path, None) for path in stale if path not in of_images]

    def list_files() -> Iterator[File]:
        if kind == "yolo":
            yield from _list_yolo(place, reader, wishes)
        else:
            yield from _list_others(kind, place, reader, wishes)
        yield from (File(place(image_id), None) for image_id in left_out)
        yield from beside

    write_files(list_files, len(named) + len(beside), overwrite, _ELSEWHERE)
    return lists


def _find_lists(
    kind: str,
    output: Path,
    data: DataSection,
    reader: ObjectReader,
    wishes: Wishes,
    place: Callable[[str], Path],
) -> ImageLists | None:
    """Find the images that YOLO's data.yaml names, or why it names none; None of other formats."""
    if kind not in YOLO_TASKS:
        return None
    if kind == "yolo" and wishes.has_confidence:
        return ImageLists(lacking="it takes no lines with export_label_set.confidence")
    return list_images(data, reader.ids, output, place)


def _list_yolo(
    place: Callable[[str], Path], reader: ObjectReader, wishes: Wishes
) -> Iterator[File]:
    """List YOLO's files of boxes, for which no map need be read."""
    table = reader.table()
    for image_id, text in write_lines(table, reader.ids, wishes.classes, wishes.has_confidence):
        yield _of_text(place(image_id), text)


def _list_others(
    kind: str, place: Callable[[str], Path], reader: ObjectReader, wishes: Wishes
) -> Iterator[File]:
    """List the files, one an image, of another format."""

    def encode(image_id: str) -> bytes:
        return IMAGE_FORMATS[kind].encode(reader.read(image_id), wishes, place(image_id))

    for image_id in reader.ids:
        yield File(place(image_id), partial(encode, image_id), reader.cost_bytes(image_id))


def _list_beside(kind: str, output: Path, wishes: Wishes, lists: ImageLists) -> list[File]:
    """List the files that name the classes and images, beside those of images."""
    if kind in YOLO_TASKS:
        told = {
            "data.yaml": describe(output, wishes.classes, list(lists.images)),
            CLASS_LIST: list_classes(wishes.classes),
            **lists.texts(output),
        }
        links = [File(path, partial(Path, image)) for path, image in lists.links.items()]
        return [*(_of_text(output / name, text) for name, text in told.items()), *links]
    if kind != "masks":
        return []
    path = output / CLASS_NAMES
    if len(wishes.classes) < 2:  # masks of 0 and 255 say nothing of classes
        return [File(path, None)]
    return [_of_text(path, write_class_names(wishes.classes, "export_label_set.classes"))]


def _of_text(path: Path, text: str) -> File:
    """Make a file of text."""
    return File(path, partial(text.encode, errors="surrogateescape"))
