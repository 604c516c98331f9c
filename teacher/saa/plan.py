"""Segment-Any-Anomaly as the config has it: detector, segmenter and saliency by their names."""

from dataclasses import fields
from typing import TYPE_CHECKING

from teacher.findings import Teacher
from teacher.inference.tiling import TiledTeacher
from teacher.plans import Models, PlannedSet, TeacherPlan, describe_teacher
from teacher.saa.algorithm import VERSION, SaaSettings, SegmentAnyAnomaly, contains_words
from teacher.saa.parts import backends, load_parts
from teacher.saa.wording import describe_prompt, remark_on_words
from teacher.settings import tile_trouble
from util.config import SaaSection, TeacherSection
from util.data_classes import BoxSettings
from util.label_set import prompt_to_folder
from util.prompts import resolve_prompts

if TYPE_CHECKING:
    from teacher.inference.cache import Cache

EMBEDDED = frozenset({"attributes", "grabcut", "colour_gradient"})
"""Backends without weights."""


def plan(teacher: TeacherSection, saa: SaaSection, *_: object) -> TeacherPlan:
    """Plan a label set for each prompt.

    Raises:
        UserError: Prompts cannot be answered together, or be names of folders.
    """
    prompts = resolve_prompts(teacher.prompts)
    troubles = [tile_trouble(teacher)]
    if teacher.tile_size_px and saa.stretch_each_image:
        troubles.append(
            "saa.stretch_each_image with teacher.tile_size_px would stretch each tile by "
            "itself; set one of them to false or 0"
        )
    return TeacherPlan(
        label_sets={prompt: _plan_set(saa, prompt) for prompt in prompts},
        describe=lambda models: describe_teacher(teacher, saa, models, VERSION),
        load=lambda models, cache: _load(teacher, saa, models, cache),
        weights=_find_parts(saa),
        troubles=tuple(filter(None, troubles)),
        remarks=tuple(_remarks(saa, prompts)),
    )


def _plan_set(saa: SaaSection, prompt: str) -> PlannedSet:
    return PlannedSet(
        prompt_to_folder(prompt),
        lambda: BoxSettings(object_class=prompt),
        {"prompt": prompt},
        describe_prompt(saa, prompt),
    )


def _remarks(saa: SaaSection, prompts: list[str]) -> list[str]:
    """Say which words the teacher does not know, and which prompts name the normal scene."""
    remark = remark_on_words(saa, prompts)
    return [remark] * bool(remark) + [
        f"the prompt {prompt!r} contains the object prompt {saa.object_prompt!r}: boxes that "
        "read as both are dropped"
        for prompt in prompts
        if contains_words(prompt, saa.object_prompt)
    ]


def _find_parts(saa: SaaSection) -> dict[str, tuple[str, str | None]]:
    """Backend and model of each part that has weights, as the config names them."""
    parts = {
        part: (backend, getattr(saa, f"{part}_model"))
        for part, backend in backends(saa).items()
        if backend not in EMBEDDED
    }
    if saa.detector == "attributes" and saa.proposals == "colour+u2net":
        parts["proposals"] = ("u2net", saa.proposals_model)
    if saa.detector == "groundingdino":
        parts["text encoder"] = ("groundingdino", saa.text_encoder)
    return parts


def _load(
    teacher: TeacherSection, saa: SaaSection, models: Models, cache: "Cache | None"
) -> Teacher:
    """Put detector, segmenter and saliency together, in tiles if the config asks for them."""
    detector, segmenter, saliency = load_parts(teacher, saa, models, cache)
    numbers = saa.model_dump(include={field.name for field in fields(SaaSettings)})
    settings = SaaSettings(**numbers, working_size_px=teacher.working_size_px)
    whole = SegmentAnyAnomaly(detector, segmenter, saliency, settings)
    if teacher.tile_size_px:
        return TiledTeacher(whole, teacher.tile_size_px, teacher.tile_overlap_px)
    return whole
