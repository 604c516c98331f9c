"""CLIP as the config has it."""

from teacher.clip.texts import choose_texts
from teacher.findings import Teacher
from teacher.plans import Models, PlannedSet, TeacherPlan, describe_teacher
from util.config import ClipSection, TeacherSection
from util.data_classes import BoxSettings
from util.label_set import prompt_to_folder
from util.prompts import quoted, resolve_prompts

VERSION = 1
"""Counts up whenever the same model and settings give other maps."""

_ASKED = {"text_template", "background_words", "longest_px", "region_threshold"}


def plan(settings: TeacherSection, clip: ClipSection, *_: object) -> TeacherPlan:
    """Plan a label set for each prompt.

    Raises:
        UserError: Prompts cannot be names of folders.
    """
    prompts = resolve_prompts(settings.prompts)
    return TeacherPlan(
        label_sets={prompt: _plan_set(prompt) for prompt in prompts},
        describe=lambda models: describe_teacher(settings, clip, models, VERSION),
        load=lambda models, cache: _load(settings, clip, models),
        weights={"teacher": ("clip", clip.model)},
        troubles=_find_troubles(prompts, clip),
    )


def _plan_set(prompt: str) -> PlannedSet:
    boxes = BoxSettings(object_class=prompt)
    return PlannedSet(prompt_to_folder(prompt), lambda: boxes, {"prompt": prompt})


def _find_troubles(prompts: list[str], clip: ClipSection) -> tuple[str, ...]:
    """Say which prompts have nothing that they could be told apart from."""
    words = clip.background_words
    if lacking := [prompt for prompt in prompts if not choose_texts(prompt, words)[1]]:
        return (
            f"clip.background_words has no word that is not of the prompt {quoted(lacking)} itself;"
            " name some of what else images show",
        )
    return ()


def _load(settings: TeacherSection, clip: ClipSection, models: Models) -> Teacher:
    from teacher.clip.teacher import ClipSettings, load_clip
    from teacher.inference.runtime import Runtime

    runtime = Runtime(settings.device, settings.precision)
    asked = ClipSettings(**clip.model_dump(include=_ASKED))
    return load_clip(models["teacher"], runtime, settings.prompts_per_batch, asked)
