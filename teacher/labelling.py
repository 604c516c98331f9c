"""Labels images with the teacher that the config asks for."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from teacher.building import build_teacher, prepare_teacher
from teacher.findings import Teacher
from teacher.inference.cache import open_cache
from teacher.plans import Models, TeacherPlan
from util.config import TEACHERS, Config
from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import PromptError
from util.images.files import find_images
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.labelling import label_images
from util.label_set.reporting import report
from util.label_set.work import Work, find_work
from util.running.shares import Share

logger = logging.getLogger(__name__)


def label_all(config: Config, overwrite: bool, share: Share) -> list[LabelSet] | None:
    """Label this process's share of the images.

    Returns:
        The label sets; None where other processes are still at work, the last of which will finish
        them.

    Raises:
        UserError: The teacher cannot be as it is configured; nothing is touched.
        PromptError: Prompts cannot be answered; the others are written.
    """
    image_paths = find_images(config.data.images)
    plan, models = prepare_teacher(config)
    for remark in plan.remarks:
        logger.warning("%s", remark)
    boxes = {
        name: config.evaluation.box_settings(planned.boxes())
        for name, planned in plan.label_sets.items()
    }
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(writer)
            for name, writer in _open_writers(config, plan, models, boxes, overwrite, share)
        }
        work = find_work(image_paths, writers, share)
        refused: dict[str, str] = {}
        if work.image_paths:  # else no model need be loaded
            refused = _label_missing(config, plan, models, work, writers, share)
        finished = [
            writer.finish_share(boxes[name])
            for name, writer in writers.items()
            if name not in refused
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


def _open_writers(
    config: Config,
    plan: TeacherPlan,
    models: Models,
    boxes: Mapping[str, BoxSettings],
    overwrite: bool,
    share: Share,
) -> Iterator[tuple[str, LabelSetWriter]]:
    """Look at the label sets that the teacher makes, by their names; nothing is touched."""
    settings, resolved = plan.describe(models), resolve_settings(config)
    for name, planned in plan.label_sets.items():
        yield (
            name,
            LabelSetWriter(
                on_disk(config.paths.label_sets / planned.folder),
                {"producer": "teacher", **planned.settings, **settings},
                overwrite,
                share,
                boxes[name],
                {**planned.facts, "config": resolved},
            ),
        )


def resolve_settings(config: Config) -> dict[str, Any]:
    """Give all settings of the teacher, those of its own section too: JSON values by section."""
    sections = ["teacher", *(TEACHERS & {config.teacher.name})]
    return {section: getattr(config, section).model_dump(mode="json") for section in sections}


def _label_missing(
    config: Config,
    plan: TeacherPlan,
    models: Models,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    share: Share,
) -> dict[str, str]:
    """Load the teacher and let it label what is still missing.

    Returns:
        Why label sets cannot be made, by name; nothing is made for them.
    """
    cache = open_cache(config.paths.cache, config.teacher.cache_gb)
    teacher = build_teacher(plan, models, cache)
    if refused := _find_refused(teacher, list(writers)):
        work = work.without(refused)
        writers = {name: writer for name, writer in writers.items() if name not in refused}
    label = "teacher" if share.count == 1 else f"teacher {share.index + 1}/{share.count}"
    if work.image_paths:
        refused |= label_images(teacher, work, writers, label)
    if cache is not None:
        print(f"{cache.folder}: {cache.hits} answers found, {cache.misses} made")
    return refused


def _find_refused(teacher: Teacher, prompts: Sequence[str]) -> dict[str, str]:
    """Find the prompts that cannot be answered, and why, before a folder is made for them."""
    refused = {}
    for prompt in prompts:
        try:
            teacher.check_prompts([prompt])
        except PromptError as error:
            refused[prompt] = str(error)
    return refused
