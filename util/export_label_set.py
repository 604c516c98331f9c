# PYTHON_ARGCOMPLETE_OK
"""Write the boxes of a label set as files of another program.

    python util/export_label_set.py --export_label_set.label_set student

Reads the boxes of any label set (export_label_set.label_set). YOLO's are a txt file an image below
export_label_set.output, empty ones too, with `class x_centre y_centre width height` a box, relative
to the image, and data.yaml, which names the classes. Images on which what made the label set has
failed get no file. They lie beside folders of images, cam1/week1/bank/labels_teacher/1.txt for
cam1/week1/bank/images/1.jpg, where export_label_set.output is data.images and
export_label_set.names is /images/=/labels_teacher/.
Files that are there with other content are kept, and nothing is written, unless --overwrite is
given; a run that was stopped goes on.
Next: what reads such files; here they are data.ground_truth with data.ground_truth_format yolo
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.config import keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError, listed
from util.exporting.writing import TextFiles, write_files
from util.exporting.yolo import describe, write_lines
from util.images.files import id_to_path, name_files
from util.label_set import LabelSet, find_label_set
from util.running.run import run_script
from util.running.shares import refuse_several

logger = logging.getLogger(__name__)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "format": {
        "metavar": "{yolo}",
        "choices": ["yolo"],
        "default": "yolo",
        "help": "what is written (default: yolo)",
    },
}

READS = keys_of("export_label_set")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/export_label_set.py")
    settings, paths, output = config.export_label_set, config.paths, config.export_label_set.output
    place, split = settings.label_set, config.data.test_split
    folder = find_label_set(place, paths.label_sets, paths.runs, split)
    label_set = LabelSet(folder, needs_maps=False)
    table = label_set.read_boxes()
    classes = choose_classes(table, settings.classes)
    table = table[table["obj_class"].isin(classes)]
    every = [*label_set.ids, *label_set.failed]
    named = name_files(every, settings.names, "export_label_set.names")

    def make() -> TextFiles:
        for image_id, text in write_lines(table, label_set.ids, classes, settings.confidence):
            yield id_to_path(output, named[image_id], ".txt"), text
        for image_id in label_set.failed:
            yield id_to_path(output, named[image_id], ".txt"), None
        yield output / "data.yaml", describe(output, classes)

    write_files(make, len(every) + 1, options.overwrite)
    print(
        f"{output}: {len(table)} boxes in {table['image'].nunique()} of {len(label_set.ids)} "
        f"images, of the classes {listed(classes, 20) or 'none'}"
    )
    if failed := list(label_set.failed):
        print(f"Left out: {len(failed)} images that {folder} has failed on: {listed(failed)}")
    return 0


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
