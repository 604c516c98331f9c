"""Segment-Any-Anomaly as the config has it: detector, segmenter and saliency by their names."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from teacher.findings import Teacher
from teacher.inference.tiling import TiledTeacher
from teacher.plans import Models, PlannedSet, TeacherPlan
from teacher.prompts import resolve_prompts
from teacher.saa.algorithm import VERSION, SaaSettings, SegmentAnyAnomaly, contains_words
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.detectors import Detector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency, Saliency
from teacher.saa.segmenters import Segmenter
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from teacher.saa.wording import describe_prompt, remark_on_words
from teacher.settings import resolve_own, tile_trouble
from util.config import Config, TeacherSection
from util.data_classes import BoxSettings
from util.label_set import prompt_to_folder
from util.weights.identity import weights_identity

if TYPE_CHECKING:
    from teacher.inference.cache import Cache
    from teacher.inference.runtime import Runtime

EMBEDDED = frozenset({"attributes", "grabcut", "colour_gradient"})
"""Backends without weights."""

_PARTS = {"detector", "segmenter", "saliency"}


def plan(config: Config) -> TeacherPlan:
    """Plan a label set for each prompt.

    Raises:
        UserError: Prompts cannot be answered together, or be names of folders.
    """
    settings = resolve_own(config.teacher)
    prompts = resolve_prompts(settings.prompts)
    troubles = [tile_trouble(settings)]
    if settings.tile_size_px and settings.stretch_each_image:
        troubles.append(
            "teacher.stretch_each_image with teacher.tile_size_px would stretch each tile by "
            "itself; set one of them to false or 0"
        )
    return TeacherPlan(
        label_sets={prompt: _plan_set(settings, prompt) for prompt in prompts},
        describe=lambda models: _describe(settings, models),
        load=lambda models, cache: _load(settings, models, cache),
        weights=_find_parts(settings),
        troubles=tuple(filter(None, troubles)),
        remarks=tuple(_remarks(settings, prompts)),
    )


def _plan_set(settings: TeacherSection, prompt: str) -> PlannedSet:
    return PlannedSet(
        prompt_to_folder(prompt),
        lambda: BoxSettings(object_class=prompt),
        {"prompt": prompt},
        describe_prompt(settings, prompt),
    )


def _remarks(settings: TeacherSection, prompts: list[str]) -> list[str]:
    """Say which words the teacher does not know, and which prompts name the normal scene."""
    remark = remark_on_words(settings, prompts)
    return [remark] * bool(remark) + [
        f"the prompt {prompt!r} contains the object prompt {settings.object_prompt!r}: boxes that "
        "read as both are dropped"
        for prompt in prompts
        if contains_words(prompt, settings.object_prompt)
    ]


def _find_parts(settings: TeacherSection) -> dict[str, tuple[str, str | None]]:
    """Backend and model of each part that has weights, as the config names them."""
    parts = {
        "detector": (settings.detector, settings.detector_model),
        "segmenter": (settings.segmenter, settings.segmenter_model),
        "saliency": (settings.saliency, settings.saliency_model),
    }
    if settings.detector == "groundingdino":
        parts["text encoder"] = ("groundingdino", settings.text_encoder)
    return {part: asked for part, asked in parts.items() if asked[0] not in EMBEDDED}


def _describe(settings: TeacherSection, models: Models) -> dict[str, Any]:
    """All that decides what the maps are; weights are told by their content."""
    read = {field.name for field in fields(SaaSettings)} - {"outline_above"} | _PARTS | {"name"}
    read |= {"precision"} if models else set()
    read |= {"tile_size_px", "tile_overlap_px"} if settings.tile_size_px else set()
    identities = {part: weights_identity(path) for part, path in models.items()}
    return {"version": VERSION, **settings.model_dump(include=read), "models": identities}


def _load(settings: TeacherSection, models: Models, cache: "Cache | None") -> Teacher:
    """Put detector, segmenter and saliency together, in tiles if the config asks for them."""
    detector, segmenter, saliency = _load_parts(settings, models, cache)
    numbers = settings.model_dump(include={field.name for field in fields(SaaSettings)})
    teacher = SegmentAnyAnomaly(detector, segmenter, saliency, SaaSettings(**numbers))
    if settings.tile_size_px:
        return TiledTeacher(teacher, settings.tile_size_px, settings.tile_overlap_px)
    return teacher


def _load_parts(
    settings: TeacherSection, models: Models, cache: "Cache | None"
) -> tuple[Detector, Segmenter, Saliency]:
    if not models:  # no torch, so that the embedded teacher starts at once
        return AttributeDetector(), GrabCutSegmenter(), FeatureSaliency(ColourGradientFeatures())
    from teacher.inference.runtime import Runtime

    runtime = Runtime(settings.device, settings.precision, settings.compile)
    detector = _load_detector(settings, models, runtime)
    segmenter = _load_segmenter(settings, models, runtime)
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
        part: identify(part, getattr(settings, part), models, settings.precision)
        for part in _PARTS & models.keys()
    }
    if "detector" in models:
        detector = CachedDetector(detector, identities["detector"], cache, runtime.device)
    if "segmenter" in models:
        segmenter = CachedSegmenter(segmenter, identities["segmenter"], cache, runtime.device)
    if "saliency" in models:
        saliency = CachedSaliency(saliency, identities["saliency"], cache)
    return detector, segmenter, saliency


def _load_detector(settings: TeacherSection, models: Models, runtime: "Runtime") -> Detector:
    if settings.detector == "groundingdino":
        from teacher.saa.detectors.grounding_dino import load_grounding_dino

        return load_grounding_dino(
            models["detector"], models["text encoder"], runtime, settings.prompts_per_batch
        )
    if settings.detector == "transformers":
        from teacher.saa.detectors.hugging_face import load_hugging_face_detector

        return load_hugging_face_detector(models["detector"], runtime, settings.prompts_per_batch)
    return AttributeDetector()


def _load_segmenter(settings: TeacherSection, models: Models, runtime: "Runtime") -> Segmenter:
    if settings.segmenter == "sam":
        from teacher.saa.segmenters.sam import load_sam

        return load_sam(models["segmenter"], runtime, settings.boxes_per_batch)
    if settings.segmenter == "transformers":
        from teacher.saa.segmenters.hugging_face import load_hugging_face_segmenter

        return load_hugging_face_segmenter(models["segmenter"], runtime, settings.boxes_per_batch)
    return GrabCutSegmenter()


def _load_saliency(models: Models, runtime: "Runtime") -> Saliency:
    if "saliency" not in models:
        return FeatureSaliency(ColourGradientFeatures())
    from teacher.saa.wide_resnet import load_wide_resnet

    return FeatureSaliency(load_wide_resnet(models["saliency"], runtime))
