# PYTHON_ARGCOMPLETE_OK
"""Choose the queries of networks that see anomalies, by images whose anomalies are known.

    python teacher/maskomaly/outlier_queries.py --config configs/road.json

Reads the runs maskomaly.networks, the images of the split queries.split and data.masks;
writes, in each run, outlier_overlap.csv, the mean IoU of each query with the anomalies, and the
choice to queries.json. Scores of these images are in sample from then on.
Next: python teacher/soft_label_generation.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from teacher.maskomaly.querying.networks import KEYS, open_networks
from teacher.weights.libraries import installed
from util.config.command_line import load_config
from util.images.files import find_images
from util.images.masks import open_masks
from util.images.splits import read_split
from util.running.run import print_next, run_script

CHOICE = ("split", "least_overlap", "fallback_queries", "ignored", "void")
READS = KEYS | {f"queries.{key}" for key in CHOICE}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    image_paths = find_images(config.data.images)
    ids = read_split(config.data.splits, config.queries.split, image_paths)
    masks = open_masks(config.data, image_paths.keys()).of(ids)
    chosen = {image_id: image_paths[image_id] for image_id in ids}
    with installed("road scenes"):
        from teacher.maskomaly.querying.choosing import choose_outliers

    for run, passes in open_networks(config.maskomaly, config.teacher, config.paths):
        choose_outliers(run, passes, chosen, masks, config.queries)
    print_next(["teacher/soft_label_generation.py"], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
