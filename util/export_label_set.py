# PYTHON_ARGCOMPLETE_OK
"""Write what label sets say as files of another program.

    python util/export_label_set.py --export_label_set.label_set student --format coco

Reads any label set (export_label_set.label_set): its boxes, and its maps where the format has the
pixels of objects. These are above the threshold by which its boxes were found, or that of
evaluation.threshold. What is found in maps is of one class, which evaluation.object_class names.
Several label sets of the same images, such as those of several prompts, become one data set with
the classes of all; label sets that have a class in common, lack each other's images, or were made
of one another, such as a prompt and a combination with it, are refused. Writes into
paths.exports/LABEL_SET/FORMAT, or below export_label_set.output

  coco          annotations.json: boxes, scores, sizes of images, masks as RLE
  yolo          a txt file an image, empty ones too, and data.yaml and classes.txt, which name the
                classes: `class x_centre y_centre width height` a box, relative to the image; where
                there are split lists (data.splits), data.yaml names train.txt, val.txt and test.txt
                and links lead to the images beside their labels: `yolo detect train data=data.yaml`
  yolo-seg      the same with a polygon an object; pieces of one hang together by thin lines
  voc           an XML an image: boxes
  masks         a PNG an image, 0 where no object is, else 255; of several classes their numbers,
                from 1, which classes.json names: of objects that overlap that of the higher score;
                who counts things in them counts pieces, of which a box may hold several
  labelme       a JSON an image: a polygon a piece, pieces of one object in one group
  label-studio  tasks.json: predictions, polygons or boxes

Polygons leave their masks by export_label_set.polygon_tolerance_px at most, and each piece, be it
of one pixel, has an IoU of 0.99 or more with its polygon. Images on which what made the label set
has failed are left out, and those all of whose pixels have weight 0, as analysis/review.py gives
them to what is marked as wrong. YOLO's files lie beside folders of images,
cam1/week1/bank/labels_teacher/1.txt for cam1/week1/bank/images/1.jpg, where export_label_set.output
is data.images and export_label_set.names is /images/=/labels_teacher/.
Files that are there with other content are kept, and nothing is written, unless --overwrite is
given; a run that was stopped goes on.
Boxes and pixels are those of upright images, as most programs show them: one that passes the
orientation in EXIF over shows a photograph of a phone on its side, and everything in a wrong place.
Next: what reads such files; here they are data.ground_truth with data.ground_truth_format
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import BOX_RULE, Config, PathsSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.disk.walking import on_disk
from util.errors import UserError
from util.exporting.checks import (
    check_classes_apart,
    check_images,
    check_none_is_of_another,
)
from util.exporting.files import YOLO_TASKS, write_each, write_set
from util.exporting.formats import FORMATS, IMAGE_FORMATS, PIECES, SET_FORMATS, Wishes
from util.exporting.reporting import report
from util.exporting.sources import (
    ObjectReader,
    Source,
    choose_classes,
    find_ignored,
    open_label_sets,
    read_table,
)
from util.images.files import find_images
from util.label_set import check_same_images
from util.running.run import run_script
from util.running.shares import refuse_several

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/export_label_set.py")
    told, kind = config.export_label_set, options.format
    reader, wishes = open_source(config, kind)
    output = told.output or config.paths.exports / name_folder(config.paths, reader) / kind
    if kind == "masks" and output.is_relative_to(config.data.images):
        raise UserError(
            f"export_label_set.output {output} lies in data.images, so masks would be images the "
            "next time; choose another folder"
        )
    lists = None
    if kind in SET_FORMATS:
        write_set(kind, output, reader, wishes, options.overwrite)
    else:
        data, overwrite = config.data, options.overwrite
        lists = write_each(kind, output, reader, wishes, data, told.names, overwrite)
    report(output, reader, wishes.classes)
    if kind in PIECES:
        print(PIECES[kind])
    if lists is not None:
        lists.report(YOLO_TASKS[kind], output / "data.yaml")
    return 0


def name_folder(paths: PathsSection, reader: ObjectReader) -> str:
    """Name label sets by their places below the label sets or runs: `student/Test`, `boat+bird`."""
    names = []
    for folder in (source.label_set.folder for source in reader.sources):
        roots = [
            root for root in map(on_disk, (paths.label_sets, paths.runs)) if root in folder.parents
        ]
        names.append(folder.relative_to(roots[0]).as_posix() if roots else folder.name)
    return names[0] if len(names) == 1 else "+".join(name.replace("/", "-") for name in names)


def open_source(config: Config, kind: str) -> tuple[ObjectReader, Wishes]:
    """Open what is exported in a format: its reader, and how files shall be.

    Raises:
        UserError: A label set is missing or cannot be exported so, they are of different images, or
            a class is of two of them.
    """
    told, of_images = config.export_label_set, IMAGE_FORMATS.get(kind)
    needs_maps = of_images is not None and of_images.needs_maps
    label_sets = open_label_sets(
        told.label_set, config.paths, config.data.test_split, needs_maps=needs_maps
    )
    if len(label_sets) > 1:
        check_none_is_of_another(label_sets)
        check_same_images(label_sets)
    image_paths: Mapping[str, Path] = {}
    if kind in SET_FORMATS or (of_images is not None and of_images.needs_images):
        image_paths = find_images(config.data.images)
        check_images(label_sets, image_paths)
    settings = [config.evaluation.box_settings(each.box_settings) for each in label_sets]
    sources = [
        Source(each, how, read_table(each, how))
        for each, how in zip(label_sets, settings, strict=True)
    ]
    wishes = Wishes(
        classes=choose_classes(sources, told.classes),
        images=config.data.images,
        name="+".join(label_set.name for label_set in label_sets),
        has_confidence=told.confidence,
        tolerance_px=told.polygon_tolerance_px,
        image_url=told.image_url,
    )
    check_classes_apart(sources, wishes.classes)
    needs_masks = of_images is None or of_images.needs_masks
    counting, ignored = frozenset(wishes.classes), find_ignored(label_sets)
    return ObjectReader(sources, counting, needs_masks, image_paths, ignored), wishes


if __name__ == "__main__":
    raise SystemExit(run_script(main))
