"""Which settings of the config a teacher reads.

A setting that is set for another teacher would change nothing, so it is refused, not passed over.
"""

from collections.abc import Iterator, Set
from typing import Any

from util.config import TEACHERS, Config, TeacherSection, config_fields, keys_of

_PROMPTED = {"teacher.prompts", "teacher.working_size_px"}
_TILED = {"teacher.tile_size_px"}
_MASKOMALY = {
    f"maskomaly.{key}" for key in ("inlier_threshold", "border_threshold", "inlier_weight")
}
_STUDENT = {f"teacher.{key}" for key in ("checkpoint", "label_set", "flips", "logits")}


def tile_trouble(settings: TeacherSection) -> str:
    """Say why tiles cannot be as they are set, '' if they can."""
    size_px, overlap_px = settings.tile_size_px, settings.tile_overlap_px
    if size_px and size_px <= overlap_px:
        return (
            f"teacher.tile_overlap_px is {overlap_px}, expected less than teacher.tile_size_px, "
            f"{size_px}"
        )
    return ""


def _conditions(config: Config) -> Iterator[tuple[str, bool, Set[str]]]:
    """When keys are read that not every teacher reads: in words, whether it is so, and the keys."""
    teacher, saa = config.teacher, config.saa
    is_saa, is_sam3, is_student = (teacher.name == name for name in ("saa", "sam3", "student"))
    has_parts = {
        "detector": saa.detector != "attributes",
        "segmenter": saa.segmenter != "grabcut",
        "saliency": saa.saliency != "colour_gradient",
    }
    has_models = is_sam3 or (is_saa and any(has_parts.values()))
    uses_queries = any(score.startswith("maskomaly") for score in config.maskomaly.scores)
    has_tiles = is_student or teacher.tile_size_px is not None
    for name in sorted(TEACHERS):
        yield f"teacher.name {name}", teacher.name == name, keys_of(name)
    yield "teacher.name student", is_student, _STUDENT
    yield "teacher.name saa or sam3", is_saa or is_sam3, _PROMPTED
    yield "teacher.name saa, sam3 or student", teacher.name != "maskomaly", _TILED
    yield "a score maskomaly", uses_queries, _MASKOMALY | {"maskomaly.corrected_border_rule"}
    yield "foundation models", has_models, {"teacher.precision"}
    yield "teacher.tile_size_px", has_tiles, {"teacher.tile_overlap_px"}
    for part, is_there in has_parts.items():
        yield f"a {part} with weights", is_there, {f"saa.{part}_model"}
    yield "saa.detector groundingdino", saa.detector == "groundingdino", {"saa.text_encoder"}


def describe_unread(config: Config) -> str:
    """Say in a sentence which settings differ from their defaults but are not read; '' if none."""
    unread = [f"{key} ({words})" for key, words in _find_unread(config).items()]
    if not unread:
        return ""
    return (
        f"the teacher {config.teacher.name!r} as it is configured does not read "
        f"{', '.join(unread)}; leave out what it does not read, or set what reads it, which stands "
        "in brackets"
    )


def _find_unread(config: Config) -> dict[str, str]:
    """Find the keys that differ from their defaults but are not read: what would read each."""
    lacking: dict[str, str] = {}
    for words, holds, keys in _conditions(config):
        if not holds:
            lacking = dict.fromkeys(keys, words) | lacking
    values = config.model_dump()
    return {
        key: lacking[key]
        for key, field in config_fields().items()
        if key in lacking and values[key.split(".")[0]][key.split(".")[1]] != field.default
    }


def as_student(config: Config, **changes: Any) -> Config:
    """Let a student be the teacher: what the config says for another one is left out.

    Args:
        config: Of a student, or of another teacher.
        changes: Settings of the teacher to replace.
    """
    teacher = config.teacher.model_copy(update={"name": "student", **changes})
    student = config.model_copy(update={"teacher": teacher})
    if config.teacher.name == "student":
        return student
    defaults: dict[str, dict[str, Any]] = {}
    for key in _find_unread(student):
        section, name = key.split(".")
        defaults.setdefault(section, {})[name] = config_fields()[key].default
    sections = {
        section: getattr(student, section).model_copy(update=values)
        for section, values in defaults.items()
    }
    return student.model_copy(update=sections)
