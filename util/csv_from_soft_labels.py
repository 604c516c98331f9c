# PYTHON_ARGCOMPLETE_OK
"""Find the boxes of any folder of soft labels and write them as CSV.

    python util/csv_from_soft_labels.py --evaluation.soft_labels bird

Reads gray PNGs, 8 or 16 bit (evaluation.soft_labels, by default the combined label set); writes
prediction.csv into the same folder, by the settings that the label set has already but for those of
evaluation that are given.
Next: python analysis/bbox_evaluation.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.bbox_csv import read_bbox_csv
from util.config import BOX_RULE
from util.config.command_line import load_config
from util.label_set import PREDICTION, LabelSet, find_label_set, write_boxes_anew
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.words import count_of

READS = BOX_RULE | {"combination.output", "evaluation.soft_labels"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    named, paths = config.evaluation.soft_labels or config.combination.output, config.paths
    folder = find_label_set(named, paths.label_sets, paths.runs, config.data.test_split)
    label_set = LabelSet(folder)
    refuse_several("util/csv_from_soft_labels.py")
    settings = config.evaluation.box_settings(label_set.box_settings)
    write_boxes_anew(label_set, settings)
    table = read_bbox_csv(label_set.folder / PREDICTION)
    with_boxes = table["image"].nunique()
    print(
        f"{label_set.folder}/prediction.csv: {count_of(len(table), 'box', 'boxes')} in "
        f"{with_boxes} of {count_of(len(label_set.ids), 'image')}, all of the class "
        f"{settings.object_class!r}"
    )
    judged = ["--evaluation.predictions", str(label_set.folder)]
    print_next(["analysis/bbox_evaluation.py", *judged], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
