# PYTHON_ARGCOMPLETE_OK
"""Write what a label set says as files of another program.

    python util/export_label_set.py --export_label_set.label_set student --format coco

Reads any label set (export_label_set.label_set): its boxes, and its maps where the format has the
pixels of objects. These are above the threshold by which its boxes were found, or that of
evaluation.threshold. What is found in maps is of one class, which evaluation.object_class names.
Writes into paths.exports/LABEL_SET/FORMAT, or below export_label_set.output

  coco          annotations.json: boxes, scores, sizes of images, masks as RLE
  yolo          a txt file an image, empty ones too, and data.yaml, which names the classes:
                `class x_centre y_centre width height` a box, relative to the image
  yolo-seg      the same with a polygon an object; pieces of one hang together by thin lines
  voc           an XML an image: boxes
  masks         a PNG an image, 255 where an object is, else 0
  labelme       a JSON an image: a polygon a piece, pieces of one object in one group
  label-studio  tasks.json: predictions, polygons or boxes

Polygons leave their masks by export_label_set.polygon_tolerance_px at most, and each piece, be it
of one pixel, has an IoU of 0.99 or more with its polygon. Images on which what made the label set
has failed are left out. YOLO's files lie beside folders of images,
cam1/week1/bank/labels_teacher/1.txt for cam1/week1/bank/images/1.jpg, where export_label_set.output
is data.images and export_label_set.names is /images/=/labels_teacher/.
Files that are there with other content are kept, and nothing is written, unless --overwrite is
given; a run that was stopped goes on.
Boxes and pixels are those of upright images, as most programs show them: one that passes the
orientation in EXIF over shows a photograph of a phone on its side, and everything in a wrong place.
Next: what reads such files; here they are data.ground_truth with data.ground_truth_format
"""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.config import BOX_RULE, Config, PathsSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.exporting.collecting import collect
from util.exporting.formats import FORMATS, IMAGE_FORMATS, SET_FORMATS, Wishes
from util.exporting.objects import BoxRows, ObjectReader, check_images, read_table
from util.exporting.writing import File, write_files
from util.exporting.yolo import describe, write_lines
from util.images.files import find_images, id_to_path, name_files
from util.label_set import LabelSet, find_label_set
from util.running.run import run_script
from util.running.shares import refuse_several

logger = logging.getLogger(__name__)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "format": {
        "metavar": f"{{{','.join(FORMATS)}}}",
        "choices": FORMATS,
        "default": "yolo",
        "help": "what is written (default: yolo)",
    },
}

READS = keys_of("export_label_set") | BOX_RULE

ELSEWHERE = "another export_label_set.output or export_label_set.names"
"""So that files do not lie in each other's place."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/export_label_set.py")
    told, kind = config.export_label_set, options.format
    reader, wishes, table = open_source(config, kind)
    label_set = reader.label_set
    output = told.output or config.paths.exports / name_below(config.paths, label_set.folder) / kind
    if kind == "masks" and output.is_relative_to(config.data.images):
        raise UserError(
            f"export_label_set.output {output} lies in data.images, so masks would be images the "
            "next time; choose another folder"
        )
    if kind in SET_FORMATS:
        write_set(kind, output, reader, wishes, options.overwrite)
    else:
        every = [*label_set.ids, *label_set.failed]
        named = name_files(every, told.names, "export_label_set.names")

        def list_files() -> Iterator[File]:
            if kind == "yolo":
                yield from list_yolo(output, named, table, reader, wishes)
            else:
                yield from list_others(kind, output, named, reader, wishes)
            if kind.startswith("yolo"):
                yield of_text(output / "data.yaml", describe(output, wishes.classes))

        total = len(every) + kind.startswith("yolo")
        write_files(list_files, total, options.overwrite, ELSEWHERE)
    report(output, label_set, table, wishes.classes, reader.settings)
    return 0


def name_below(paths: PathsSection, folder: Path) -> str:
    """Name a label set by its place below the label sets or runs, such as `student/Test`."""
    for root in map(on_disk, (paths.label_sets, paths.runs)):
        if folder.is_relative_to(root):
            return folder.relative_to(root).as_posix()
    return folder.name


def open_source(config: Config, kind: str) -> tuple[ObjectReader, Wishes, pd.DataFrame]:
    """Open what is exported in a format: its reader, how files shall be, boxes that count."""
    told, paths, of_images = config.export_label_set, config.paths, IMAGE_FORMATS.get(kind)
    folder = find_label_set(told.label_set, paths.label_sets, paths.runs, config.data.test_split)
    label_set = LabelSet(folder, needs_maps=of_images is not None and of_images.needs_maps)
    image_paths: Mapping[str, Path] = {}
    if kind in SET_FORMATS or (of_images is not None and of_images.needs_images):
        image_paths = find_images(config.data.images)
        check_images(label_set.ids, image_paths)
    settings = config.evaluation.box_settings(label_set.box_settings)
    table = read_table(label_set, settings)
    wishes = Wishes(
        classes=choose_classes(table, told.classes),
        images=config.data.images,
        name=label_set.name,
        has_confidence=told.confidence,
        tolerance_px=told.polygon_tolerance_px,
        image_url=told.image_url,
    )
    reader = ObjectReader(
        label_set,
        BoxRows(table, label_set.ids),
        settings,
        frozenset(wishes.classes),
        needs_masks=of_images is None or of_images.needs_masks,
        image_paths=image_paths,
    )
    return reader, wishes, table[table["obj_class"].isin(wishes.classes)]


def write_set(
    kind: str, output: Path, reader: ObjectReader, wishes: Wishes, overwrite: bool
) -> None:
    """Write the one file of a format."""
    found, label_set = SET_FORMATS[kind], reader.label_set
    path = output / found.file_name
    made_from = {
        "format": kind,
        "label_set": [label_set.fingerprint(), label_set.content],
        "boxes": asdict(reader.settings),
        "wishes": asdict(wishes) | {"images": str(wishes.images)},
    }
    collect(
        path,
        label_set.ids,
        lambda image_id: found.describe(reader.read(image_id), wishes),
        lambda lines: found.write(lines, wishes),
        made_from,
        reader.cost_bytes,
        overwrite,
    )


def list_yolo(
    output: Path,
    named: Mapping[str, str],
    table: pd.DataFrame,
    reader: ObjectReader,
    wishes: Wishes,
) -> Iterator[File]:
    """List YOLO's files of boxes, for which no map need be read."""
    ids = reader.label_set.ids
    for image_id, text in write_lines(table, ids, wishes.classes, wishes.has_confidence):
        yield of_text(id_to_path(output, named[image_id], ".txt"), text)
    for image_id in reader.label_set.failed:
        yield File(id_to_path(output, named[image_id], ".txt"), lambda: None)


def list_others(
    kind: str, output: Path, named: Mapping[str, str], reader: ObjectReader, wishes: Wishes
) -> Iterator[File]:
    """List the files, one an image, of another format."""
    found = IMAGE_FORMATS[kind]

    def encode(image_id: str, path: Path) -> bytes:
        return found.encode(reader.read(image_id), wishes, path)

    for image_id in reader.label_set.ids:
        path = id_to_path(output, named[image_id], found.suffix)
        yield File(path, partial(encode, image_id, path), reader.cost_bytes(image_id))
    for image_id in reader.label_set.failed:
        yield File(id_to_path(output, named[image_id], found.suffix), lambda: None)


def of_text(path: Path, text: str) -> File:
    """Make a file of text."""
    return File(path, text.encode)


def report(
    output: Path,
    label_set: LabelSet,
    table: pd.DataFrame,
    classes: Sequence[str],
    settings: BoxSettings,
) -> None:
    """Say what was written, and what was left out."""
    above = f", of pixels above {settings.threshold:g}" if label_set.has_maps else ""
    print(
        f"{output}: {len(table)} boxes in {table['image'].nunique()} of {len(label_set.ids)} "
        f"images, of the classes {listed(classes, 20) or 'none'}{above}"
    )
    if failed := list(label_set.failed):
        print(
            f"Left out: {len(failed)} images that {label_set.folder} has failed on: "
            f"{listed(failed)}"
        )


def choose_classes(table: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """Tell which class has which number, and say what is left out or lacking.

    Args:
        table: Has the column `obj_class`.
        wanted: Classes in the order of their numbers; () = all, by name.

    Raises:
        UserError: A class is wanted twice, or there are boxes, but of none that is wanted.
    """
    counts = table["obj_class"].value_counts().sort_index()
    if not wanted:
        return list(counts.index)
    if len(set(wanted)) < len(wanted):
        raise UserError(f"export_label_set.classes names a class twice: {listed(wanted, 20)}")
    others = counts.drop(wanted, errors="ignore")
    if len(others) and len(others) == len(counts):
        raise UserError(
            f"no box is of the classes {listed(wanted)}, but of {listed(list(counts.index))}; set "
            "export_label_set.classes"
        )
    if len(others):
        told = [f"{name} ({count})" for name, count in others.items()]
        logger.warning("left out %d boxes of other classes: %s", others.sum(), listed(told))
    if lacking := [name for name in wanted if name not in counts]:
        logger.info("no box is of the classes %s", listed(lacking))
    return list(wanted)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
