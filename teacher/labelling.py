"""Labels images with a teacher."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from teacher.building import build_teacher
from teacher.findings import Teacher
from teacher.inference.cache import open_cache
from teacher.plans import PreparedTeacher
from util.config import EvaluationSection
from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import PromptError
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.labelling import label_images
from util.label_set.reporting import report
from util.label_set.work import Work, find_work
from util.running.shares import Share

logger = logging.getLogger(__name__)


def label_all(
    prepared: PreparedTeacher,
    image_paths: Mapping[str, Path],
    folder: Path,
    evaluation: EvaluationSection,
    overwrite: bool,
    share: Share,
) -> list[LabelSet] | None:
    """Label this process's share of the images.

    Args:
        prepared: The teacher.
        image_paths: Path of each image by its id.
        folder: Of the label sets.
        evaluation: How boxes are found in their maps.
        overwrite: Whether label sets that were made with other settings may be replaced.
        share: This process's.

    Returns:
        The label sets; None where other processes are still at work, the last of which will finish
        them.

    Raises:
        UserError: Label sets were made with other settings, or weights do not say how boxes are
            found; nothing is touched.
        PromptError: Prompts cannot be answered; the others are written.
    """
    plan = prepared.plan
    for remark in plan.remarks:
        logger.warning("%s", remark)
    boxes = {
        name: evaluation.box_settings(planned.boxes()) for name, planned in plan.label_sets.items()
    }
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(writer)
            for name, writer in _open_writers(prepared, folder, boxes, overwrite, share)
        }
        work = find_work(image_paths, writers, share)
        refused: dict[str, str] = {}
        if work.image_paths:  # else no model need be loaded
            refused = _label_missing(prepared, work, writers, share)
        finished = [
            writer.finish_share(boxes[name])
            for name, writer in writers.items()
            if name not in refused
        ]
    label_sets = [label_set for label_set in finished if label_set is not None]
    if refused:
        report(label_sets)
        raise PromptError("\n".join(dict.fromkeys(refused.values())))
    if len(label_sets) < len(finished):
        _tell_share(share, work, writers)
        return None
    return label_sets


def _tell_share(share: Share, work: Work, writers: Mapping[str, LabelSetWriter]) -> None:
    """Print how a share went that was not the last one to be ready."""
    failed = set().union(*(writer.failed for writer in writers.values()))
    print(
        f"share {share.index + 1} of {share.count}: {len(work.image_paths)} images tried, "
        f"{len(failed)} failed; others are still at work"
    )


def _open_writers(
    prepared: PreparedTeacher,
    folder: Path,
    boxes: Mapping[str, BoxSettings],
    overwrite: bool,
    share: Share,
) -> Iterator[tuple[str, LabelSetWriter]]:
    """Look at the label sets that the teacher makes, by their names; nothing is touched."""
    settings = prepared.plan.describe(prepared.models)
    for name, planned in prepared.plan.label_sets.items():
        yield (
            name,
            LabelSetWriter(
                on_disk(folder / planned.folder),
                {"producer": "teacher", **planned.settings, **settings},
                overwrite,
                share,
                boxes[name],
                {**planned.facts, "config": prepared.settings},
            ),
        )


def _label_missing(
    prepared: PreparedTeacher,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    share: Share,
) -> dict[str, str]:
    """Load the teacher and let it label what is still missing.

    Returns:
        Why label sets cannot be made, by name; nothing is made for them.
    """
    cache = open_cache(prepared.cache_folder, prepared.cache_gb)
    teacher = build_teacher(prepared.plan, prepared.models, cache)
    if refused := _find_refused(teacher, list(writers)):
        work = work.without(refused)
        writers = {name: writer for name, writer in writers.items() if name not in refused}
    label = "teacher" if share.count == 1 else f"teacher {share.index + 1}/{share.count}"
    if work.image_paths:
        refused |= label_images(teacher, work, writers, label, prepared.plan.num_at_once)
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
