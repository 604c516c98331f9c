# PYTHON_ARGCOMPLETE_OK
"""Count what the queries of networks show on ordinary images, and choose those of the ground.

    python teacher/maskomaly/inlier_queries.py --config configs/road.json

Reads the runs maskomaly.networks and the images of the train split; writes, in each run,
times_predicted_stats.csv, high_conf_stats.csv, specialized.csv and queries.json.
Next: python teacher/maskomaly/outlier_queries.py
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
from util.images.splits import read_split
from util.running.run import print_next, run_script

CHOICE = ("ground_classes", "void", "dominance", "high_confidence", "least_cases")
READS = KEYS | {f"queries.{key}" for key in CHOICE}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    image_paths = find_images(config.data.images)
    ids = read_split(config.data.splits, config.data.train_split, image_paths)
    chosen = {image_id: image_paths[image_id] for image_id in ids}
    with installed("road scenes"):
        from teacher.maskomaly.querying.choosing import choose_inliers

    for run, passes in open_networks(config.maskomaly, config.teacher, config.paths):
        choose_inliers(run, passes, chosen, config.queries)
    print_next(["teacher/maskomaly/outlier_queries.py"], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
