# PYTHON_ARGCOMPLETE_OK
"""Choose the frames of fixed cameras that are worth learning from.

    python util/streams/select_frames.py --streams.label_set bird --streams.frames 256

Reads the names of the images (data.images), or of those of a split (streams.pool) where others lie
beside them, such as frames to test on; cameras by data.groups or else by folder; and the boxes of a
label set (streams.label_set), which has all of them; frequency and movement read images, too.
Writes split lists, named by data.train_split and data.validation_split, into paths.runs/NAME, with
selection.csv, which says of each frame why it was chosen, and selection.json, what each camera had
to give.
Next: python student/detection/train_detector.py, or student/train.py of a label set with maps
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.streams.labelled import open_pool
from util.streams.selecting import select
from util.streams.writing import check_folder, write_selections
from util.words import count_of

READS = keys_of("streams")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    settings, paths, data = config.streams, config.paths, config.data
    refuse_several("util/streams/select_frames.py")
    check_list_names(data.train_split, data.validation_split)
    pool = open_pool(settings, data, paths)
    made_of = {
        **pool.describe(settings, data.groups),
        "splits": [data.train_split, data.validation_split],
    }
    output = paths.runs / settings.name
    check_folder(output, made_of, options.overwrite)
    tables = [label_set.read_boxes() for label_set in pool.label_sets]
    selections = select(pool.cameras, tables[0], settings, tables[-1], pool.image_paths)
    write_selections(
        output,
        selections,
        data.train_split,
        data.validation_split,
        settings.stages,
        {"settings": made_of, "failed_frames": pool.num_failed},
    )
    num_chosen = sum(len(each.positions) for each in selections)
    num_validation = sum(each.bank.num_validation for each in selections)
    print(
        f"{output}: {count_of(num_chosen, 'frame')} of {count_of(len(pool.cameras), 'camera')} by "
        f"{', then '.join(settings.stages)}, {num_validation} to validate"
    )
    if num_chosen:
        has_maps = pool.label_sets[-1].has_maps
        script = "student/train.py" if has_maps else "student/detection/train_detector.py"
        key = "--student.label_set" if has_maps else "--detector.label_set"
        teacher = settings.second_stage_label_set or settings.label_set
        print_next([script, key, teacher, "--data.splits", str(output)], argv)
    else:
        print("No frame at all: there is nothing to learn from")
    return 0


def check_list_names(train: str, validation: str) -> None:
    """Make sure that two lists can be written by these names.

    Raises:
        UserError: They are the same, or stand for joined lists.
    """
    if train == validation or "+" in train + validation:
        raise UserError(
            f"data.train_split is {train} and data.validation_split is {validation}, but two lists "
            "are written; give two names without +"
        )


if __name__ == "__main__":
    raise SystemExit(run_script(main))
