# PYTHON_ARGCOMPLETE_OK
r"""Make a run of a network that others have trained, as if it had been trained here.

    python teacher/maskomaly/run_from_weights.py --config configs/road.json \
        --mask2former.weights facebook/mask2former-swin-large-cityscapes-semantic \
        --mask2former.run swin-large --mask2former.short_side_px 1024

Reads mask2former.weights: a folder or hub name of transformers (fetched by --fetch), a checkpoint
of the original repository (.pkl, .pth), or best.pt of another run; writes paths.runs/RUN:
config.json, run.json, best.pt. To learn on from it, give train_mask2former.py the same weights.
Next: python teacher/maskomaly/inlier_queries.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from teacher.weights.libraries import installed
from util.config import values_in
from util.config.command_line import OVERWRITE, load_config
from util.errors import UserError
from util.running.run import print_next, run_script

READS = {f"mask2former.{key}" for key in ("weights", "run", "short_side_px")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    section = config.mask2former
    if section.weights is None:
        raise UserError(
            "mask2former.weights is not set; name a folder, a hub name or a checkpoint to make a "
            "run of"
        )
    with installed("road scenes"):
        from teacher.maskomaly.published.keeping import describe_run, keep_network
        from teacher.maskomaly.published.opening import find_network
        from teacher.maskomaly.run_files import OF_QUERIES
        from util.learning.runs.run_folder import RunFolder

    path = find_network(section.weights, config.paths.weights)
    facts = describe_run(path, section.short_side_px)
    folder = config.paths.runs / section.run
    run_folder = RunFolder(folder, facts, values_in(folder, config), made_of_it=OF_QUERIES)
    keep_network(path, run_folder, options.overwrite)
    print_next(["teacher/maskomaly/inlier_queries.py"], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
