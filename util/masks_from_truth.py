# PYTHON_ARGCOMPLETE_OK
"""Paint true masks of polygons and RLE, for all that needs masks: data.masks.

    python util/masks_from_truth.py --config my/config.json --output my/masks

Reads data.ground_truth in the formats that have outlines, coco, labelme and yolo, and writes into
--output a gray PNG an image: 0 where nothing is, the number of the class of an object, 255 where
nobody knows: what is to be ignored, and the boxes of objects that have no outline, such as a line
of YOLO with a class and four numbers or a rectangle of labelme. classes.json names the classes;
YOLO's are called by their numbers where no classes.txt beside them names them. Images that were not
annotated, or of which labelme or YOLO has no file, get no mask. Files that are there with other
content are kept, and nothing is written, unless --overwrite is given; a run that was stopped goes
on. Masks of images that get none now stay, and are named.
Next: python analysis/pixel_evaluation.py --data.masks OUTPUT
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import cv2

from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError, listed
from util.exporting.writing import File, write_files
from util.ground_truth.outlines import Outlined, paint, read_outlines
from util.ground_truth.sizes import read_sizes
from util.images.class_table import CLASS_NAMES, write_class_names
from util.images.files import find_images
from util.images.ids import id_to_path, name_files
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.words import count_of

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "output": {
        "metavar": "FOLDER",
        "type": Path,
        "required": True,
        "help": "where the masks are written",
    },
}

READS = frozenset[str]()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/masks_from_truth.py")
    output = options.output.resolve()
    if output.is_relative_to(config.data.images.resolve()):
        raise UserError(
            f"--output {output} lies in data.images, so masks would be images the next time; "
            "choose another folder"
        )
    image_paths = find_images(config.data.images)
    outlines = read_outlines(config.data, image_paths)
    sizes = read_sizes({image_id: image_paths[image_id] for image_id in outlines})
    unreadable = [image_id for image_id in outlines if image_id not in sizes]
    outlines = {image_id: outlines[image_id] for image_id in sizes}
    classes = sorted({each.obj_class for objects in outlines.values() for each in objects})
    names = write_class_names(classes, "data.ground_truth_classes")
    places = name_files(list(outlines), config.data.mask_names)

    def list_files() -> Iterator[File]:
        yield File(output / CLASS_NAMES, names.encode)
        for image_id, objects in outlines.items():
            make = partial(encode, objects, sizes[image_id], classes)
            yield File(id_to_path(output, places[image_id]), make)

    write_files(list_files, len(outlines) + 1, options.overwrite, "another --output")
    report(output, outlines, classes, len(image_paths))
    if unreadable:
        count = count_of(len(unreadable), "image")
        print(f"Left out {count} that cannot be read: {listed(unreadable)}")
    report_earlier(output, name_files(list(image_paths), config.data.mask_names), outlines)
    print_next(["analysis/pixel_evaluation.py", "--data.masks", str(output)], argv)
    return 0


def encode(objects: Sequence[Outlined], size_hw: tuple[int, int], classes: Sequence[str]) -> bytes:
    """Encode the mask of an image of a height and width as PNG."""
    return cv2.imencode(".png", paint(objects, size_hw, classes))[1].tobytes()


def report(
    output: Path, outlines: Mapping[str, Sequence[Outlined]], classes: Sequence[str], total: int
) -> None:
    """Say what was painted, and what is not known."""
    objects = [each for of_image in outlines.values() for each in of_image]
    known = Counter(each.obj_class for each in objects if each.is_known)
    told = [f"{name} ({known[name]})" for name in classes]
    print(
        f"{output}: {count_of(len(outlines), 'mask')} of {count_of(total, 'image')}, "
        f"{count_of(known.total(), 'object')} of the "
        f"classes {listed(told, 20) or 'none'}"
    )
    if num_unknown := len(objects) - known.total():
        print(
            f"Ignored (255): {count_of(num_unknown, 'region')} to ignore, or boxes without outline"
        )


def report_earlier(output: Path, places: Mapping[str, str], painted: Collection[str]) -> None:
    """Say which images have a mask there that was not painted now, but counts as truth.

    Args:
        output: Folder of the masks.
        places: Of the mask of each image below it, without a suffix.
        painted: Images that were painted.
    """
    earlier = [
        image_id
        for image_id, place in places.items()
        if image_id not in painted and id_to_path(output, place).exists()
    ]
    if earlier:
        print(
            f"{output} has masks of {count_of(len(earlier), 'image')} that this truth does not "
            f"annotate, and they count as truth, too: {listed(earlier)}; delete them if they are "
            "of an earlier one"
        )


if __name__ == "__main__":
    raise SystemExit(run_script(main))
