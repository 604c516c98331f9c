"""Label images with a teacher: images and prompts in, one label set a prompt out.

    python teacher/soft_label_generation.py --teacher.prompts bird --teacher.prompts "white crest"

Reads data.images; writes paths.label_sets/PROMPT, or one label set for a trained student
(teacher.name). All prompts are answered image by image, so that ten prompts cost little more than
one. A stopped run goes on where it was; under `torchrun` or Slurm the processes share the images.
Next: python util/multi_teacher/combination_strategies.py
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from teacher.building import (
    build_teacher,
    check_teacher,
    describe_teacher,
    find_models,
    find_student,
    usual_boxes,
)
from teacher.findings import Teacher
from teacher.inference.cache import Cache
from teacher.preview import write_previews
from teacher.prompts import resolve_prompts
from teacher.saa.algorithm import contains_words
from teacher.saa.wording import describe_prompt, remark_on_words
from util.config import BOX_RULE, Config, TeacherSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.demo.making import make_demo_if_asked
from util.disk.walking import on_disk
from util.errors import PromptError, UserError, listed
from util.images.files import find_images
from util.label_set import LabelSet, LabelSetWriter, prompt_to_folder
from util.label_set.labelling import Work, find_work, label_images
from util.running.run import print_next, run_script
from util.running.shares import Share, read_share

logger = logging.getLogger(__name__)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "check": {
        "action": "store_true",
        "help": "say what this machine can run, which weights are there and how to get the others",
    },
    "fetch": {"metavar": "NAME", "help": "download the weights of a name that --check lists"},
    "preview": {
        "metavar": "N",
        "type": int,
        "help": "draw what the teacher sees in N images, for every prompt, and label nothing",
    },
}

READS = keys_of("demo", "teacher") | BOX_RULE


def label_all(
    config: Config, prompts: Sequence[str], overwrite: bool, share: Share
) -> list[LabelSet] | None:
    """Label this process's share of the images.

    Returns:
        The label sets; None where other processes are still at work, the last of which will finish
        them.

    Raises:
        PromptError: Prompts cannot be answered; the others are written.
    """
    image_paths = find_images(config.data.images)
    models = find_models(config.teacher, config.paths.weights)
    check_teacher(config.teacher, models)
    settings = describe_teacher(config.teacher, models)
    boxes = {
        prompt: config.evaluation.box_settings(usual_boxes(config.teacher, prompt))
        for prompt in prompts
    }
    with ExitStack() as stack:
        writers = {
            prompt: stack.enter_context(
                LabelSetWriter(
                    on_disk(config.paths.label_sets / folder_of(prompt, config.teacher)),
                    {"producer": "teacher", "prompt": prompt, **settings},
                    overwrite,
                    share,
                    boxes[prompt],
                    describe_prompt(config.teacher, prompt),
                )
            )
            for prompt in prompts
        }
        work = find_work(image_paths, writers, share)
        refused: dict[str, str] = {}
        if work.image_paths:  # else no model need be loaded
            refused = label_missing(config, models, work, writers, share)
        finished = [
            writer.finish_share(boxes[prompt])
            for prompt, writer in writers.items()
            if prompt not in refused
        ]
    label_sets = [label_set for label_set in finished if label_set is not None]
    if refused:
        report(label_sets)
        raise PromptError("\n".join(dict.fromkeys(refused.values())))
    if len(label_sets) == len(finished):
        return label_sets
    failed = set().union(*(writer.failed for writer in writers.values()))
    print(
        f"share {share.index + 1} of {share.count}: {len(work.image_paths)} images tried, "
        f"{len(failed)} failed; others are still at work"
    )
    return None


def label_missing(
    config: Config,
    models: Mapping[str, Path],
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    share: Share,
) -> dict[str, str]:
    """Load the teacher and let it label what is still missing.

    Returns:
        Why prompts cannot be answered, by prompt; nothing is made for them.
    """
    cache = open_cache(config)
    teacher = build_teacher(config.teacher, models, cache)
    if refused := find_refused(teacher, list(writers)):
        work = work.without(refused)
        writers = {prompt: writer for prompt, writer in writers.items() if prompt not in refused}
    label = "teacher" if share.count == 1 else f"teacher {share.index + 1}/{share.count}"
    if work.image_paths:
        refused |= label_images(teacher, work, writers, label)
    if cache is not None:
        print(f"{cache.folder}: {cache.hits} answers found, {cache.misses} made")
    return refused


def find_refused(teacher: Teacher, prompts: Sequence[str]) -> dict[str, str]:
    """Find the prompts that cannot be answered, and why, before a folder is made for them."""
    refused = {}
    for prompt in prompts:
        try:
            teacher.check_prompts([prompt])
        except PromptError as error:
            refused[prompt] = str(error)
    return refused


def folder_of(prompt: str, settings: TeacherSection) -> str:
    """Name the folder of a prompt's label set; of a student's, which stands for a prompt."""
    return prompt if settings.name == "student" else prompt_to_folder(prompt)


def asked_prompts(settings: TeacherSection) -> list[str]:
    """The prompts to answer; a student answers none, and its label set's name stands for one."""
    if settings.name == "student":
        name = settings.label_set or find_student(settings).parent.name.replace("+", "_")
        if not name:
            raise UserError(
                f"{settings.checkpoint} lies in no folder that could name its label set; set "
                "teacher.label_set"
            )
        return [name]
    return resolve_prompts(settings.prompts)


def open_cache(config: Config) -> Cache | None:
    """Open the cache that the config asks for."""
    gigabytes = config.teacher.cache_gb
    return Cache(config.paths.cache, int(gigabytes * 10**9)) if gigabytes else None


def report(label_sets: Sequence[LabelSet]) -> int:
    """Say what was written; exit status 1 where images have failed, else 0."""
    failed: dict[str, str] = {}
    for label_set in label_sets:
        counts = label_set.manifest["counts"]
        print(
            f"{label_set.folder}: {counts['labelled']} labelled, {counts['empty']} empty "
            f"(nothing found), {counts['failed']} failed"
        )
        failed |= label_set.failed
    if failed:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()])
        print(f"{len(failed)} images failed, the rest is done: {reasons}", file=sys.stderr)
    return 1 if failed else 0


def preview(config: Config, prompts: Sequence[str], num_images: int) -> int:
    """Draw sheets of a few images, evenly spread over the folder; 1 where some have failed."""
    if num_images < 1:
        raise UserError(f"--preview is {num_images}; expected at least 1 image")
    models = find_models(config.teacher, config.paths.weights)
    teacher = build_teacher(config.teacher, models, open_cache(config))
    teacher.check_prompts(prompts)
    folder = config.paths.runs / "preview"
    images = find_images(config.data.images)
    drawn, failed = write_previews(teacher, images, prompts, num_images, folder)
    if drawn:
        print(f"{folder}: {listed([path.relative_to(folder).as_posix() for path in drawn])}")
    if failed:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()])
        print(f"{len(failed)} images have no preview: {reasons}", file=sys.stderr)
    return 1 if failed else 0


def warn_of_words(prompts: Sequence[str], settings: TeacherSection) -> None:
    """Say which words the teacher does not know, and which prompts name the normal scene."""
    if remark := remark_on_words(settings, prompts):
        logger.warning("%s", remark)
    if settings.name != "saa":
        return
    for prompt in prompts:
        if contains_words(prompt, settings.object_prompt):
            logger.warning(
                "the prompt %r contains the object prompt %r: boxes that read as both are dropped",
                prompt,
                settings.object_prompt,
            )


def _members(prompts: Sequence[str]) -> list[str]:
    """Arguments that combine the label sets of these prompts."""
    folders = [prompt_to_folder(prompt) for prompt in prompts]
    return [word for folder in folders for word in ("--combination.label_sets", folder)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    if options.fetch is not None:
        from teacher.weights.downloads import fetch

        print(fetch(options.fetch, config.paths.weights))
        return 0
    if options.check:
        from teacher.weights.doctor import check

        return check(config.teacher, config.paths.weights)
    prompts = asked_prompts(config.teacher)
    check_teacher(config.teacher, find_models(config.teacher, config.paths.weights))
    share = read_share()
    with share.alone(config.paths.label_sets):
        make_demo_if_asked(config)
    warn_of_words(prompts, config.teacher)
    if options.preview is not None:
        return preview(config, prompts, options.preview) if share.index == 0 else 0
    label_sets = label_all(config, prompts, options.overwrite, share)
    if label_sets is None:
        return 0  # whatever has failed: torchrun would end the other processes for it
    status = report(label_sets)
    if len(label_sets) == 1:
        print_next(["student/train.py", "--student.label_set", label_sets[0].name], argv, BOX_RULE)
        return status
    members = [] if prompts == config.combination.label_sets else _members(prompts)
    print_next(["util/multi_teacher/combination_strategies.py", *members], argv, BOX_RULE)
    return status


if __name__ == "__main__":
    raise SystemExit(run_script(main))
