"""Which settings of the config a teacher reads, and what it takes where they are left to it.

A setting that is set for another teacher would change nothing, so it is refused, not passed over.
"""

from collections.abc import Iterator
from typing import Any

from util.config import TeacherSection

_OWN: dict[str, dict[str, Any]] = {
    "saa": {"box_threshold": 0.2, "area_threshold": 0.05, "tile_size_px": 0},
    "sam3": {"box_threshold": 0.3, "area_threshold": 1.0, "tile_size_px": 0},
    "student": {"tile_size_px": 1024},
}
"""What null means: 0.2 was tuned for the embedded detector; 0.3 and no limit of area are those of
SAM 3's own post-processing; a student's tiles are those of student/predict.py."""

_EVERY = {
    *("name", "tile_size_px"),
    # These say how models run, if there are any, and change no map.
    *("device", "compile", "prompts_per_batch", "boxes_per_batch", "cache_gb", "outline_above"),
}
_SAA = {
    *("prompts", "object_prompt", "object_number", "detector", "segmenter", "saliency"),
    *("box_threshold", "text_threshold", "min_area", "area_threshold", "max_masks", "map_rule"),
    *("stretch_each_image", "working_size_px"),
}
_SAM3 = {
    *("prompts", "sam3_model", "box_threshold", "min_area", "area_threshold", "max_masks"),
    "working_size_px",
}
_STUDENT = {"checkpoint", "label_set", "flips", "logits"}


def resolve_own(settings: TeacherSection) -> TeacherSection:
    """Replace null by what the teacher takes then."""
    own = _OWN.get(settings.name, {})
    unset = {key: value for key, value in own.items() if getattr(settings, key) is None}
    return settings.model_copy(update=unset)


def tile_trouble(settings: TeacherSection) -> str:
    """Say why tiles cannot be as they are set, '' if they can."""
    size_px, overlap_px = settings.tile_size_px, settings.tile_overlap_px
    if size_px and size_px <= overlap_px:
        return (
            f"teacher.tile_overlap_px is {overlap_px}, expected less than teacher.tile_size_px, "
            f"{size_px}"
        )
    return ""


def as_student(settings: TeacherSection, **changes: Any) -> TeacherSection:
    """Let a student be the teacher: what the config says for another one is left out.

    Args:
        settings: The teacher's section of the config.
        changes: Settings to replace.
    """
    if settings.name != "student":
        fields = TeacherSection.model_fields
        others = set(fields) - _EVERY - _STUDENT - {"tile_overlap_px"}
        settings = settings.model_copy(update={key: fields[key].default for key in others})
    return settings.model_copy(update={"name": "student", **changes})


def _readers(settings: TeacherSection) -> Iterator[tuple[str, bool, set[str]]]:
    """What may read settings of the section: in words, whether it is there, and its keys."""
    is_saa, is_sam3 = settings.name == "saa", settings.name == "sam3"
    has_detector = is_saa and settings.detector != "attributes"
    has_segmenter = is_saa and settings.segmenter != "grabcut"
    has_saliency = is_saa and settings.saliency != "colour_gradient"
    has_models = has_detector or has_segmenter or has_saliency or is_sam3
    has_tiles = settings.tile_size_px is not None or bool(resolve_own(settings).tile_size_px)
    is_dino = is_saa and settings.detector == "groundingdino"
    yield "any teacher", True, _EVERY
    yield "teacher.name saa", is_saa, _SAA
    yield "teacher.name sam3", is_sam3, _SAM3
    yield "teacher.name student", settings.name == "student", _STUDENT
    yield "a detector with weights", has_detector, {"detector_model"}
    yield "teacher.detector groundingdino", is_dino, {"text_encoder"}
    yield "a segmenter with weights", has_segmenter, {"segmenter_model"}
    yield "teacher.saliency wide_resnet50_2", has_saliency, {"saliency_model"}
    yield "foundation models", has_models, {"precision"}
    yield "teacher.tile_size_px", has_tiles, {"tile_overlap_px"}


def describe_unread(settings: TeacherSection) -> str:
    """Say in a sentence which settings differ from their defaults but are not read; '' if none."""
    readers = list(_readers(settings))
    read = set[str]().union(*(keys for _, is_there, keys in readers if is_there))
    fields = TeacherSection.model_fields
    changed = [key for key in fields if getattr(settings, key) != fields[key].default]
    told = [
        f"teacher.{key} ({' or '.join(words for words, _, keys in readers if key in keys)})"
        for key in changed
        if key not in read
    ]
    if not told:
        return ""
    return (
        f"the teacher {settings.name!r} as it is configured does not read {', '.join(told)}; leave "
        "out what it does not read, or set what reads it, which stands in brackets"
    )
