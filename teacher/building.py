"""From the names in the config to a teacher; libraries and models are loaded only here."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacher.findings import Teacher
from teacher.inference.tiling import TiledTeacher
from teacher.saa.algorithm import VERSION, SaaSettings, SegmentAnyAnomaly
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.detectors import Detector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency, Saliency
from teacher.saa.segmenters import Segmenter
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from teacher.settings import describe_unread, resolve_own
from teacher.weights.known import fault, locate, weights_identity
from teacher.weights.libraries import INSTALL, lacking_libraries, missing_libraries
from util.config import TeacherSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.settings import library_versions

if TYPE_CHECKING:
    from teacher.inference.cache import Cache
    from teacher.inference.runtime import Runtime

EMBEDDED = frozenset({"attributes", "grabcut", "colour_gradient"})
"""Backends without weights."""

_PARTS = {"detector", "segmenter", "saliency"}

_READ_BY_STUDENT = {"name", "tile_size_px", "tile_overlap_px", "flips", "logits"}

_SAM3_NUMBERS = {"box_threshold", "min_area", "area_threshold", "max_masks", "working_size_px"}


def configured_models(settings: TeacherSection) -> dict[str, tuple[str, str | None]]:
    """Backend and model of each part of the teacher that has weights, as the config names them.

    Parts are detector, segmenter, saliency and text encoder; or teacher, for SAM 3.
    """
    if settings.name == "sam3":
        return {"teacher": ("sam3", settings.sam3_model)}
    if settings.name == "student":
        return {}
    parts = {
        "detector": (settings.detector, settings.detector_model),
        "segmenter": (settings.segmenter, settings.segmenter_model),
        "saliency": (settings.saliency, settings.saliency_model),
    }
    if settings.detector == "groundingdino":
        parts["text encoder"] = ("groundingdino", settings.text_encoder)
    return {part: asked for part, asked in parts.items() if asked[0] not in EMBEDDED}


def find_models(settings: TeacherSection, weights: Path) -> dict[str, Path]:
    """Find the weights that the config asks for, on this disk.

    Args:
        settings: The teacher's section of the config.
        weights: Folder of weights.

    Returns:
        A file or folder for each part of `configured_models`.

    Raises:
        UserError: Some are missing; each is named with the command that fetches it, below the
            settings that the teacher does not read, since those may have asked for it.
    """
    if settings.name == "student":
        return {"student": find_student(settings)}
    found, missing = {}, []
    for part, (backend, model) in configured_models(settings).items():
        try:
            found[part] = locate(model, part, backend, weights)
        except UserError as error:
            missing.append(str(error))
    if missing:
        raise UserError("\n".join(filter(None, [describe_unread(settings), *missing])))
    return found


def find_student(settings: TeacherSection) -> Path:
    """Find the checkpoint of the student that is the teacher.

    Raises:
        UserError: None is named, or there is no such file.
    """
    if settings.checkpoint is None:
        raise UserError(
            "teacher.name is 'student', but teacher.checkpoint is null; expected the best.pt of a "
            "run of student/train.py, or an .onnx of student/export.py"
        )
    if settings.checkpoint.is_dir():
        raise UserError(
            f"the checkpoint {settings.checkpoint} is a folder; set teacher.checkpoint to the file "
            "in it, such as best.pt"
        )
    if not settings.checkpoint.is_file():
        raise UserError(
            f"the checkpoint {settings.checkpoint} does not exist; set teacher.checkpoint"
        )
    return settings.checkpoint


def check_teacher(settings: TeacherSection, models: Mapping[str, Path]) -> None:
    """Check all that can be seen before a model is loaded or a folder touched.

    Args:
        settings: The teacher's section of the config.
        models: Of `find_models`.

    Raises:
        UserError: Settings are not read by this teacher or do not go together, a library or device
            is missing, or weights are damaged; all troubles are named, a line each.
    """
    backends = {part: backend for part, (backend, _) in configured_models(settings).items()}
    missing = missing_libraries()
    weights = [models[part] for part in backends if part != "text encoder"]
    troubles = [
        describe_unread(settings),
        _tile_trouble(settings),
        *lacking_libraries(backends, missing),
        *(
            f"{path} cannot be used ({trouble}); remove it and fetch it anew"
            for path in weights
            if (trouble := fault(path))
        ),
    ]
    if found := [trouble for trouble in troubles if trouble]:
        raise UserError("\n".join(found))
    is_in_torch = any(path.suffix != ".onnx" for path in models.values())
    if is_in_torch and settings.device not in ("auto", "cpu") and "torch" not in missing:
        from teacher.inference.runtime import Runtime

        Runtime(settings.device)


def _tile_trouble(settings: TeacherSection) -> str:
    """Say why tiles cannot be as they are set, '' if they can."""
    size_px, overlap_px = resolve_own(settings).tile_size_px, settings.tile_overlap_px
    if settings.name == "student":
        from teacher.trained_student import prediction_settings

        try:
            prediction_settings(settings)
        except UserError as error:
            return f"teacher.{error}"
    elif size_px and size_px <= overlap_px:
        return (
            f"teacher.tile_overlap_px is {overlap_px}, expected less than teacher.tile_size_px, "
            f"{size_px}"
        )
    elif size_px and settings.stretch_each_image:
        return (
            "teacher.stretch_each_image with teacher.tile_size_px would stretch each tile by "
            "itself; set one of them to false or 0"
        )
    return ""


def usual_boxes(settings: TeacherSection, prompt: str) -> BoxSettings:
    """Say how boxes are found in a teacher's maps unless the config says it, and of which class.

    Raises:
        UserError: The teacher is a student whose file is missing or damaged.
    """
    if settings.name == "student":
        from teacher.trained_student import read_box_settings

        return read_box_settings(find_student(settings))
    return BoxSettings(object_class=prompt)


def describe_teacher(settings: TeacherSection, models: Mapping[str, Path]) -> dict[str, Any]:
    """All that decides what the teacher's maps are, and nothing else.

    Devices, batches and caches change no map. Weights are told by their content, wherever they lie.
    """
    settings = resolve_own(settings)
    if settings.name == "student":
        digest = weights_identity(models["student"])["sha256"]
        return {**settings.model_dump(include=_READ_BY_STUDENT), "checkpoint_sha256": digest}
    numbers = {field.name for field in fields(SaaSettings)} - {"outline_above"} | _PARTS
    read = {"name"} | (_SAM3_NUMBERS if settings.name == "sam3" else numbers)
    read |= {"precision"} if models else set()
    read |= {"tile_size_px", "tile_overlap_px"} if settings.tile_size_px else set()
    identities = {part: weights_identity(path) for part, path in models.items()}
    return {"version": VERSION, **settings.model_dump(include=read), "models": identities}


def build_teacher(
    settings: TeacherSection, models: Mapping[str, Path], cache: "Cache | None" = None
) -> Teacher:
    """Load the models and put the teacher together.

    Args:
        settings: The teacher's section of the config.
        models: Of `find_models`.
        cache: Remembers what the models say; None to remember nothing.

    Raises:
        UserError: The teacher cannot be as it is configured (see `check_teacher`), or weights are
            not what they should be.
    """
    check_teacher(settings, models)
    settings = resolve_own(settings)
    if settings.name == "student":
        from teacher.trained_student import load_trained_student

        return load_trained_student(models["student"], settings)
    try:
        teacher = _build_untiled(settings, models, cache)
    except ModuleNotFoundError as error:
        raise UserError(
            f"the teacher needs {error.name}, which is not installed; run {INSTALL}"
        ) from None
    if settings.tile_size_px:
        return TiledTeacher(teacher, settings.tile_size_px, settings.tile_overlap_px)
    return teacher


def _build_untiled(
    settings: TeacherSection, models: Mapping[str, Path], cache: "Cache | None"
) -> Teacher:
    if not models:  # no torch, so that the embedded teacher starts at once
        return SegmentAnyAnomaly(
            AttributeDetector(),
            GrabCutSegmenter(),
            FeatureSaliency(ColourGradientFeatures()),
            SaaSettings(**_values_of(SaaSettings, settings)),
        )
    from teacher.inference.runtime import Runtime

    runtime = Runtime(settings.device, settings.precision, settings.compile)
    if settings.name == "sam3":
        return _build_sam3(settings, models, runtime, cache)
    detector = _build_detector(settings, models, runtime)
    segmenter = _build_segmenter(settings, models, runtime)
    saliency = _build_saliency(models, runtime)
    if cache is not None:
        from teacher.saa.cached_models import CachedDetector, CachedSaliency, CachedSegmenter

        identities = {part: _cache_identity(part, models, settings) for part in models}
        if "detector" in models:
            detector = CachedDetector(detector, identities["detector"], cache, runtime.device)
        if "segmenter" in models:
            segmenter = CachedSegmenter(segmenter, identities["segmenter"], cache, runtime.device)
        if "saliency" in models:
            saliency = CachedSaliency(saliency, identities["saliency"], cache)
    return SegmentAnyAnomaly(
        detector, segmenter, saliency, SaaSettings(**_values_of(SaaSettings, settings))
    )


def _build_detector(
    settings: TeacherSection, models: Mapping[str, Path], runtime: "Runtime"
) -> Detector:
    if settings.detector == "groundingdino":
        from teacher.saa.detectors.grounding_dino import load_grounding_dino

        return load_grounding_dino(
            models["detector"], models["text encoder"], runtime, settings.prompts_per_batch
        )
    if settings.detector == "transformers":
        from teacher.saa.detectors.hugging_face import load_hugging_face_detector

        return load_hugging_face_detector(models["detector"], runtime, settings.prompts_per_batch)
    return AttributeDetector()


def _build_segmenter(
    settings: TeacherSection, models: Mapping[str, Path], runtime: "Runtime"
) -> Segmenter:
    if settings.segmenter == "sam":
        from teacher.saa.segmenters.sam import load_sam

        return load_sam(models["segmenter"], runtime, settings.boxes_per_batch)
    if settings.segmenter == "transformers":
        from teacher.saa.segmenters.hugging_face import load_hugging_face_segmenter

        return load_hugging_face_segmenter(models["segmenter"], runtime, settings.boxes_per_batch)
    return GrabCutSegmenter()


def _build_saliency(models: Mapping[str, Path], runtime: "Runtime") -> Saliency:
    if "saliency" not in models:
        return FeatureSaliency(ColourGradientFeatures())
    from teacher.saa.wide_resnet import load_wide_resnet

    return FeatureSaliency(load_wide_resnet(models["saliency"], runtime))


def _build_sam3(
    settings: TeacherSection,
    models: Mapping[str, Path],
    runtime: "Runtime",
    cache: "Cache | None",
) -> Teacher:
    from teacher.sam3.segment_anything_3 import Sam3Settings, load_segment_anything_3

    numbers = Sam3Settings(**_values_of(Sam3Settings, settings))
    batch = settings.prompts_per_batch
    teacher = load_segment_anything_3(models["teacher"], runtime, batch, numbers)
    if cache is not None:
        from teacher.saa.cached_models import RememberingEncoder

        identity = _cache_identity("teacher", models, settings)
        teacher.encoder = RememberingEncoder(teacher, identity, cache, runtime.device)
    return teacher


def _cache_identity(
    part: str, models: Mapping[str, Path], settings: TeacherSection
) -> dict[str, Any]:
    """What decides a part's answer to an image, for the cache."""
    files = [models[part], *([models["text encoder"]] if "text encoder" in models else [])]
    return {
        "part": part,
        "backend": getattr(settings, part, settings.name),
        "weights": [weights_identity(path)["sha256"] for path in files],
        "precision": settings.precision,
        "version": VERSION,
        "libraries": library_versions(),
    }


def _values_of(kind: type, settings: TeacherSection) -> dict[str, Any]:
    """The settings that a dataclass of numbers has fields for."""
    return settings.model_dump(include={field.name for field in fields(kind)})
