# PYTHON_ARGCOMPLETE_OK
"""Label images with a teacher: images and prompts in, one label set a prompt out.

    python teacher/soft_label_generation.py --teacher.prompts bird --teacher.prompts "white crest"

Reads data.images; writes paths.label_sets/PROMPT, or one label set for U²-Net, a trained student or
a detector, whose label set holds boxes and no maps (teacher.name). All prompts are answered image
by image, so that ten prompts cost little more than one. A stopped run goes on where it was; under
`torchrun` or Slurm the processes share the images.
Next: python util/multi_teacher/combination_strategies.py
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from teacher.building import build_teacher, prepare_teacher
from teacher.inference.cache import open_cache
from teacher.labelling import label_all
from teacher.plans import PreparedTeacher
from teacher.preview import write_previews
from util.config import BOX_RULE, TEACHERS, Config, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.demo.making import make_demo_if_asked
from util.errors import UserError, listed
from util.images.splits import find_split
from util.label_set import LabelSet, prompt_to_folder
from util.label_set.reporting import report
from util.prompts import PROMPTED
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.words import count_of

logger = logging.getLogger(__name__)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "check": {
        "action": "store_true",
        "help": "say what this machine can run, which weights are there and how to get the others",
    },
    "fetch": {"metavar": "NAME", "help": "download the weights of a name that --check lists"},
    "words": {
        "action": "store_true",
        "help": "list the words that the detector 'attributes' knows, and what each means to it",
    },
    "preview": {
        "metavar": "N",
        "type": int,
        "help": "draw what the teacher sees in N images, for every prompt, and label nothing",
    },
}

READS = keys_of("demo", "teacher", *TEACHERS) | BOX_RULE


def preview(config: Config, prepared: PreparedTeacher, num_images: int) -> int:
    """Draw sheets of a few images, evenly spread over the folder; 1 where some have failed."""
    if num_images < 1:
        raise UserError(f"--preview is {num_images}; expected at least 1 image")
    for remark in prepared.plan.remarks:
        logger.warning("%s", remark)
    prompts = list(prepared.plan.label_sets)
    cache = open_cache(prepared.cache_folder, prepared.cache_gb)
    teacher = build_teacher(prepared.plan, prepared.models, cache)
    teacher.check_prompts(prompts)
    folder = config.paths.runs / "preview"
    images = find_split(config.data, config.teacher.split)
    drawn, failed = write_previews(teacher, images, prompts, num_images, folder)
    if drawn:
        print(f"{folder}: {listed([path.relative_to(folder).as_posix() for path in drawn])}")
        if config.teacher.name in ("saa", "sam3"):
            print(
                "Sheets count the detector's boxes; those of a label set are the regions of its"
                " map, so their number may differ"
            )
    if failed:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()])
        print(f"No preview of {count_of(len(failed), 'image')}: {reasons}", file=sys.stderr)
    return 1 if failed else 0


def is_nearly_empty(label_set: LabelSet) -> bool:
    """Whether nothing was found in over nine of ten images, which teaches to find nothing."""
    counts = label_set.manifest["counts"]
    return bool(counts["empty"] > 9 * counts["labelled"])


def print_what_comes_next(
    config: Config, label_sets: Sequence[LabelSet], argv: Sequence[str] | None
) -> None:
    """Print the command that learns from one label set or judges its boxes, or combines several."""
    names = [label_set.name for label_set in label_sets]
    if len(names) == 1:
        learn = ["student/train.py", "--student.label_set", *names]
        judge = ["analysis/bbox_evaluation.py", "--evaluation.predictions", *names]
        print_next(learn if label_sets[0].has_maps else judge, argv, BOX_RULE)
        return
    combine, also = ["util/multi_teacher/combination_strategies.py"], BOX_RULE
    if not config.combination.label_sets and config.teacher.name in PROMPTED:
        also = also | {"teacher.prompts"}
    elif [*map(prompt_to_folder, config.combination.label_sets)] != names:
        combine += [word for name in names for word in ("--combination.label_sets", name)]
    print_next(combine, argv, also)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    if options.fetch is not None:
        from teacher.weights.downloads import fetch

        print(fetch(options.fetch, config.paths.weights))
        return 0
    if options.words:
        from teacher.saa.attributes.explaining import explain_words

        print(*explain_words(), sep="\n")
        return 0
    if options.check:
        from teacher.weights.doctor import check

        return check(config.teacher, config.own_sections(), config.paths)
    prepared = prepare_teacher(config.teacher, config.own_sections(), config.paths)
    share = read_share()
    with share.alone(config.paths.label_sets):
        make_demo_if_asked(config.data.images, config.paths.demo, config.demo)
    if options.preview is not None:
        return preview(config, prepared, options.preview) if share.index == 0 else 0
    label_sets = label_all(
        prepared,
        find_split(config.data, config.teacher.split),
        config.paths.label_sets,
        config.evaluation,
        options.overwrite,
        share,
    )
    if label_sets is None:
        return 0  # whatever has failed: torchrun would end the other processes for it
    status = report(label_sets)
    if all(map(is_nearly_empty, label_sets)):
        print("Hardly anything was found: --preview 4 shows what was, what was dropped and why")
    print_what_comes_next(config, label_sets, argv)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
