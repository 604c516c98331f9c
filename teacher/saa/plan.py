"""Segment-Any-Anomaly as the config has it: detector, segmenter and saliency by their names."""

from dataclasses import fields
from typing import TYPE_CHECKING

from teacher.findings import Teacher
from teacher.inference.tiling import TiledTeacher
from teacher.plans import Models, PlannedSet, TeacherPlan, describe_teacher
from teacher.prompts import resolve_prompts
from teacher.saa.algorithm import VERSION, SaaSettings, SegmentAnyAnomaly, contains_words
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.detectors import Detector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency, Saliency
from teacher.saa.segmenters import Segmenter
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from teacher.saa.wording import describe_prompt, remark_on_words
from teacher.settings import tile_trouble
from util.config import SaaSection, TeacherSection
from util.data_classes import BoxSettings
from util.label_set import prompt_to_folder

if TYPE_CHECKING:
    from teacher.inference.cache import Cache
    from teacher.inference.runtime import Runtime

EMBEDDED = frozenset({"attributes", "grabcut", "colour_gradient"})
"""Backends without weights."""

_PARTS = {"detector", "segmenter", "saliency"}


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
        "detector": (saa.detector, saa.detector_model),
        "segmenter": (saa.segmenter, saa.segmenter_model),
        "saliency": (saa.saliency, saa.saliency_model),
    }
    if saa.detector == "groundingdino":
        parts["text encoder"] = ("groundingdino", saa.text_encoder)
    return {part: asked for part, asked in parts.items() if asked[0] not in EMBEDDED}


def _load(
    teacher: TeacherSection, saa: SaaSection, models: Models, cache: "Cache | None"
) -> Teacher:
    """Put detector, segmenter and saliency together, in tiles if the config asks for them."""
    detector, segmenter, saliency = _load_parts(teacher, saa, models, cache)
    numbers = saa.model_dump(include={field.name for field in fields(SaaSettings)})
    settings = SaaSettings(**numbers, working_size_px=teacher.working_size_px)
    whole = SegmentAnyAnomaly(detector, segmenter, saliency, settings)
    if teacher.tile_size_px:
        return TiledTeacher(whole, teacher.tile_size_px, teacher.tile_overlap_px)
    return whole


def _load_parts(
    teacher: TeacherSection, saa: SaaSection, models: Models, cache: "Cache | None"
) -> tuple[Detector, Segmenter, Saliency]:
    if not models:  # no torch, so that the embedded teacher starts at once
        return AttributeDetector(), GrabCutSegmenter(), FeatureSaliency(ColourGradientFeatures())
    from teacher.inference.runtime import Runtime

    runtime = Runtime(teacher.device, teacher.precision, teacher.compile)
    detector = _load_detector(saa, models, runtime, teacher.prompts_per_batch)
    segmenter = _load_segmenter(saa, models, runtime)
    saliency = _load_saliency(models, runtime)
    if cache is None:
        return detector, segmenter, saliency
    from teacher.saa.cached_models import (
        CachedDetector,
        CachedSaliency,
        CachedSegmenter,
        identify,
    )

    identities = {
        part: identify(part, getattr(saa, part), models, teacher.precision)
        for part in _PARTS & models.keys()
    }
    if "detector" in models:
        detector = CachedDetector(detector, identities["detector"], cache, runtime.device)
    if "segmenter" in models:
        segmenter = CachedSegmenter(segmenter, identities["segmenter"], cache, runtime.device)
    if "saliency" in models:
        saliency = CachedSaliency(saliency, identities["saliency"], cache)
    return detector, segmenter, saliency


def _load_detector(
    saa: SaaSection, models: Models, runtime: "Runtime", prompts_per_batch: int
) -> Detector:
    if saa.detector == "groundingdino":
        from teacher.saa.detectors.grounding_dino import load_grounding_dino

        return load_grounding_dino(
            models["detector"], models["text encoder"], runtime, prompts_per_batch
        )
    if saa.detector == "transformers":
        from teacher.saa.detectors.hugging_face import load_hugging_face_detector

        return load_hugging_face_detector(models["detector"], runtime, prompts_per_batch)
    return AttributeDetector()


def _load_segmenter(saa: SaaSection, models: Models, runtime: "Runtime") -> Segmenter:
    if saa.segmenter == "sam":
        from teacher.saa.segmenters.sam import load_sam

        return load_sam(models["segmenter"], runtime, saa.boxes_per_batch)
    if saa.segmenter == "transformers":
        from teacher.saa.segmenters.hugging_face import load_hugging_face_segmenter

        return load_hugging_face_segmenter(models["segmenter"], runtime, saa.boxes_per_batch)
    return GrabCutSegmenter()


def _load_saliency(models: Models, runtime: "Runtime") -> Saliency:
    if "saliency" not in models:
        return FeatureSaliency(ColourGradientFeatures())
    from teacher.saa.wide_resnet import load_wide_resnet

    return FeatureSaliency(load_wide_resnet(models["saliency"], runtime))
