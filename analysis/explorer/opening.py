"""From the sections of a config to an explorer: the teacher is loaded, and remembers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from analysis.explorer.answering import AdjustableAnswers, remember
from analysis.explorer.choice import MOST_PROMPTS, Choice, Strategy
from analysis.explorer.exploring import Explorer
from analysis.explorer.pictures import IMAGE, Pictures
from analysis.work.judging import find_judge
from teacher.building import build_teacher, plan_teacher
from teacher.inference.cache import open_cache
from teacher.plans import PreparedTeacher, TeacherPlan
from teacher.settings import OwnSections
from util.checking.findings import Findings
from util.config import (
    CombinationSection,
    DataSection,
    EvaluationSection,
    PathsSection,
    SaaSection,
    Sam3Section,
    StudySection,
    TeacherSection,
)
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.splits import read_split
from util.prompts import PROMPTED


def open_explorer(
    prepared: PreparedTeacher,
    teacher: TeacherSection,
    own: OwnSections,
    evaluation: EvaluationSection,
    combination: CombinationSection,
    paths: PathsSection,
    image_paths: Mapping[str, Path],
    dropped: Path,
) -> Explorer:
    """Load a teacher and let it remember.

    Args:
        prepared: The teacher, checked.
        teacher: Names it.
        own: The section of its own, and those of the others, which it does not read.
        evaluation: How boxes are found in the combined map.
        combination: What the page does not choose of it.
        paths: Where runs are, of which some are networks that label.
        image_paths: Path of each image of the data set by its id.
        dropped: Folder for images that are dropped in.

    Raises:
        UserError: A library is missing, or weights are not what they should be.
    """
    cache = open_cache(prepared.cache_folder, prepared.cache_gb)
    loaded = build_teacher(prepared.plan, prepared.models, cache)

    def plan(prompts: Sequence[str]) -> TeacherPlan:
        if teacher.name not in PROMPTED:
            return prepared.plan
        if not prompts:
            raise UserError("no prompt is given; write one or more, a line each")
        planned = plan_teacher(
            teacher.model_copy(update={"prompts": list(prompts)}), own, paths.runs
        )
        loaded.check_prompts(list(planned.label_sets))
        return planned

    boxes = evaluation.box_settings(BoxSettings())
    pictures = Pictures(image_paths, dropped)
    return Explorer(pictures, remember(loaded, teacher.name), plan, boxes, combination)


def find_start(
    teacher: TeacherSection,
    own: OwnSections,
    evaluation: EvaluationSection,
    combination: CombinationSection,
    image_id: str,
) -> Choice:
    """Choose what is shown first: an image, and for all else what the config says.

    A combination that needs more than the maps of one image is `Configured`.

    Raises:
        UserError: There are more prompts than the page takes.
    """
    prompts = teacher.prompts if teacher.name in PROMPTED else []
    if len(prompts) > MOST_PROMPTS:
        raise UserError(
            f"teacher.prompts has {len(prompts)} prompts, and the page takes {MOST_PROMPTS} at "
            "most; name fewer"
        )
    section = own.get(teacher.name)
    if not isinstance(section, SaaSection | Sam3Section):
        section = SaaSection()  # what no slider moves
    known = combination.strategy in get_args(Strategy)
    return Choice(
        image=IMAGE + image_id,
        prompts=prompts,
        box_threshold=section.box_threshold,
        min_area=section.min_area,
        area_threshold=section.area_threshold,
        strategy=combination.strategy if known else "configured",
        min_votes=combination.min_votes,
        threshold=evaluation.box_settings(BoxSettings()).threshold,
    )


def is_adjustable(explorer: Explorer) -> bool:
    """Tell whether the thresholds of the teacher can be moved."""
    return isinstance(explorer.answers, AdjustableAnswers)


def find_study_lack(
    data: DataSection,
    evaluation: EvaluationSection,
    study: StudySection,
    image_paths: Mapping[str, Path],
) -> str:
    """Say why a study would be refused, before one chooses what it is to be about.

    Args:
        data: Names lists and truth.
        evaluation: How boxes are judged.
        study: Which score is judged.
        image_paths: Path of each image of the data set by its id.

    Returns:
        What is wrong with lists or truth, as the study says it; '' if nothing is.
    """
    findings = Findings()  # which also keeps to itself what the study will say of masks
    for split in (data.train_split, data.validation_split):
        findings.attempt(lambda split=split: read_split(data.splits, split, image_paths))  # type: ignore[misc]
    score = (study.score, study.score_iou)
    findings.attempt(lambda: find_judge(data, evaluation, *score, image_paths))
    return "; ".join(findings.errors)
