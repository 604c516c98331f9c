# PYTHON_ARGCOMPLETE_OK
"""Make a demo data set: painted pictures with exact masks and boxes.

    python util/demo/make_demo.py --demo.scenes 500 --paths.demo data/more_scenes
    python util/demo/make_demo.py --config configs/road.json
    python util/demo/make_demo.py --config configs/streams.json

Pictures of the sea from above stand in for the marine-bird data of the thesis, which is not public,
in its layout: Pascal VOC folders and one CSV of boxes. Streets from a car (demo.kind road) have
their classes in SegmentationClass and things of no class in labels_masks, coded as in
SegmentMeIfYouCan. Skylines of industry (demo.kind smoke) have labels of whole images too, and
cameras that are in one split each. A harbour (demo.kind cameras) is filmed by six cameras of three
families, which scenes.json names: frames in the order of time in camN/week1/bank, those of another
week in camN/test, and frames of many other cameras in general, with boxes alone. Writes paths.demo.
Next: python teacher/soft_label_generation.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import keys_of
from util.config.command_line import load_config
from util.demo.making import KINDS, make_demo
from util.running.run import print_next, run_script

READS = keys_of("demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    make_demo(config.paths.demo, config.demo)
    print(f"{config.paths.demo}: {config.demo.scenes} scenes")
    print_next([KINDS[config.demo.kind].next_script], argv)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
