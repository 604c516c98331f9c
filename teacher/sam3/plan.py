"""SAM 3 as the config has it."""

from typing import TYPE_CHECKING

from teacher.findings import Teacher
from teacher.inference.tiling import TiledTeacher
from teacher.plans import Models, PlannedSet, TeacherPlan, describe_teacher
from teacher.settings import tile_trouble
from util.config import Sam3Section, TeacherSection
from util.data_classes import BoxSettings
from util.label_set import prompt_to_folder
from util.prompts import resolve_prompts

if TYPE_CHECKING:
    from teacher.inference.cache import Cache

VERSION = 3
"""Counts up whenever the same model and settings give other maps."""

_NUMBERS = {"box_threshold", "min_area", "area_threshold", "max_masks"}


def plan(settings: TeacherSection, sam3: Sam3Section, *_: object) -> TeacherPlan:
    """Plan a label set for each prompt.

    Raises:
        UserError: Prompts cannot be answered together, or be names of folders.
    """
    trouble = tile_trouble(settings)
    return TeacherPlan(
        label_sets={prompt: _plan_set(prompt) for prompt in resolve_prompts(settings.prompts)},
        describe=lambda models: describe_teacher(settings, sam3, models, VERSION),
        load=lambda models, cache: _load(settings, sam3, models, cache),
        weights={"teacher": ("sam3", sam3.model)},
        troubles=(trouble,) if trouble else (),
    )


def _plan_set(prompt: str) -> PlannedSet:
    boxes = BoxSettings(object_class=prompt)
    return PlannedSet(prompt_to_folder(prompt), lambda: boxes, {"prompt": prompt})


def _load(
    settings: TeacherSection, sam3: Sam3Section, models: Models, cache: "Cache | None"
) -> Teacher:
    from teacher.inference.runtime import Runtime
    from teacher.sam3.segment_anything_3 import Sam3Settings, load_segment_anything_3

    runtime = Runtime(settings.device, settings.precision, settings.compile)
    numbers = Sam3Settings(
        **sam3.model_dump(include=_NUMBERS), working_size_px=settings.working_size_px
    )
    batch = settings.prompts_per_batch
    teacher = load_segment_anything_3(models["teacher"], runtime, batch, numbers)
    if cache is not None:
        from teacher.saa.cached_models import RememberingEncoder, identify

        identity = identify("teacher", "sam3", models, settings.precision)
        teacher.encoder = RememberingEncoder(teacher, identity, cache, runtime.device)
    if settings.tile_size_px:
        return TiledTeacher(teacher, settings.tile_size_px, settings.tile_overlap_px)
    return teacher
