"""Detector, segmenter and saliency by their names; what a backend needs is imported only for it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from teacher.plans import Models
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.detectors import Detector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency, Saliency
from teacher.saa.segmenters import Segmenter
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from teacher.saa.whole_things import Look, WholeThings, see_nothing
from util.config import SaaSection, TeacherSection

if TYPE_CHECKING:
    from teacher.inference.cache import Cache
    from teacher.inference.runtime import Runtime

WITHOUT_TORCH = frozenset({"attributes", "yolox", "grabcut", "u2net", "colour_gradient"})
"""Backends that start at once, and read no settings of torch."""

Parts = tuple[Detector, Segmenter, Saliency]


def backends(saa: SaaSection) -> dict[str, str]:
    """The backend of each part: detector, segmenter, saliency."""
    return {"detector": saa.detector, "segmenter": saa.segmenter, "saliency": saa.saliency}


def load_parts(
    teacher: TeacherSection, saa: SaaSection, models: Models, cache: "Cache | None"
) -> Parts:
    """Load what the config names.

    Args:
        teacher: Says where torch runs and how much it does at once.
        saa: Names the parts.
        models: Files or folders of those that have weights.
        cache: Remembers what these say; None = nothing does.

    Raises:
        UserError: Weights are not what they should be, or this machine has no such device.
    """
    runtime = _start_torch(teacher, backends(saa).values())
    look = _load_look(saa, models, cache)
    parts = (
        _load_detector(saa, models, runtime, teacher.prompts_per_batch, look),
        _load_segmenter(saa, models, runtime, look),
        _load_saliency(models, runtime),
    )
    return parts if cache is None else _remember(parts, teacher, saa, models, cache, runtime)


def load_segmenter(teacher: TeacherSection, saa: SaaSection, models: Models) -> Segmenter:
    """Load the segmenter alone, which then takes over no outline from the detector's proposals.

    Args:
        teacher: Says where torch runs.
        saa: Names the segmenter.
        models: Its file or folder, if it has weights.

    Raises:
        UserError: Weights are not what they should be, or this machine has no such device.
    """
    return _load_segmenter(saa, models, _start_torch(teacher, {saa.segmenter}), see_nothing)


def _start_torch(teacher: TeacherSection, names: Iterable[str]) -> "Runtime | None":
    """Choose where torch runs, if one of these backends needs it."""
    if WITHOUT_TORCH.issuperset(names):
        return None
    from teacher.inference.runtime import Runtime

    return Runtime(teacher.device, teacher.precision, teacher.compile)


def _remember(
    parts: Parts,
    teacher: TeacherSection,
    saa: SaaSection,
    models: Models,
    cache: "Cache",
    runtime: "Runtime | None",
) -> Parts:
    """Let the parts that have weights remember what they say."""
    from teacher.saa.cached_models import CachedDetector, CachedSaliency, CachedSegmenter, identify

    detector, segmenter, saliency = parts
    device = {
        part: None if runtime is None or backend in WITHOUT_TORCH else runtime.device
        for part, backend in backends(saa).items()
    }
    identities = {
        part: identify(part, backend, models, teacher.precision)
        for part, backend in backends(saa).items()
        if part in models
    }
    if "detector" in models:
        detector = CachedDetector(detector, identities["detector"], cache, device["detector"])
    if "segmenter" in models:
        segmenter = CachedSegmenter(segmenter, identities["segmenter"], cache, device["segmenter"])
    if "saliency" in models:
        saliency = CachedSaliency(saliency, identities["saliency"], cache)
    return detector, segmenter, saliency


def _load_look(saa: SaaSection, models: Models, cache: "Cache | None") -> Look:
    """What says which things stand out as a whole, if the config asks for that."""
    if saa.detector != "attributes" or saa.proposals == "colour":
        return see_nothing
    from teacher.inference.u2net import U2Net

    network = U2Net(models["proposals"])
    if cache is None:
        return WholeThings(network)
    from teacher.saa.cached_models import identify

    return WholeThings(network, cache, identify("proposals", "u2net", models, "fp32"))


def _load_detector(
    saa: SaaSection,
    models: Models,
    runtime: "Runtime | None",
    prompts_per_batch: int,
    look: Look,
) -> Detector:
    if saa.detector == "attributes":
        return AttributeDetector(look)
    if saa.detector == "yolox":
        from teacher.saa.detectors.coco_detector import load_coco_detector

        return load_coco_detector(models["detector"])
    assert runtime is not None
    if saa.detector == "groundingdino":
        from teacher.saa.detectors.grounding_dino import load_grounding_dino

        return load_grounding_dino(
            models["detector"], models["text encoder"], runtime, prompts_per_batch
        )
    from teacher.saa.detectors.hugging_face import load_hugging_face_detector

    return load_hugging_face_detector(models["detector"], runtime, prompts_per_batch)


def _load_segmenter(
    saa: SaaSection, models: Models, runtime: "Runtime | None", look: Look
) -> Segmenter:
    if saa.segmenter == "grabcut":
        return GrabCutSegmenter(look)
    if saa.segmenter == "u2net":
        from teacher.inference.u2net import U2Net
        from teacher.saa.segmenters.u2net import U2NetSegmenter

        return U2NetSegmenter(U2Net(models["segmenter"]))
    assert runtime is not None
    if saa.segmenter == "sam":
        from teacher.saa.segmenters.sam import load_sam

        return load_sam(models["segmenter"], runtime, saa.boxes_per_batch)
    from teacher.saa.segmenters.hugging_face import load_hugging_face_segmenter

    return load_hugging_face_segmenter(models["segmenter"], runtime, saa.boxes_per_batch)


def _load_saliency(models: Models, runtime: "Runtime | None") -> Saliency:
    if "saliency" not in models:
        return FeatureSaliency(ColourGradientFeatures())
    from teacher.saa.wide_resnet import load_wide_resnet

    assert runtime is not None
    return FeatureSaliency(load_wide_resnet(models["saliency"], runtime))
