"""Which settings of the config a teacher reads.

A setting that is set for another teacher would change nothing, so it is refused, not passed over.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from teacher.saa.parts import WITHOUT_TORCH, backends
from util.config import (
    TEACHERS,
    BoxesSection,
    CamSection,
    MaskomalySection,
    SaaSection,
    Section,
    TeacherSection,
    config_fields,
    keys_of,
)
from util.prompts import PROMPTED

OwnSections = Mapping[str, Section]
"""The sections of one teacher each, by its name."""

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


Conditions = Iterable[tuple[str, bool, Set[str]]]
"""When keys are read that are not always: in words, whether it is so, and the keys."""


def _conditions(teacher: TeacherSection, own: OwnSections) -> Iterator[tuple[str, bool, Set[str]]]:
    """When keys are read that not every teacher reads; see `Conditions`."""
    saa, maskomaly, cam, boxes = (own[name] for name in ("saa", "maskomaly", "cam", "boxes"))
    assert isinstance(saa, SaaSection)
    assert isinstance(maskomaly, MaskomalySection)
    assert isinstance(cam, CamSection)
    assert isinstance(boxes, BoxesSection)
    is_saa, is_sam3, is_student = (teacher.name == name for name in ("saa", "sam3", "student"))
    is_clip = teacher.name == "clip"
    has_parts = {
        "detector": saa.detector != "attributes",
        "segmenter": saa.segmenter != "grabcut",
        "saliency": saa.saliency != "colour_gradient",
    }
    is_in_torch = teacher.name == "boxes" and boxes.detector in ("torchvision", "transformers")
    is_in_torch |= is_saa and not WITHOUT_TORCH.issuperset(backends(saa).values())
    uses_queries = any(score.startswith("maskomaly") for score in maskomaly.scores)
    has_tiles = is_student or teacher.tile_size_px is not None
    for name in sorted(TEACHERS):
        yield f"teacher.name {name}", teacher.name == name, keys_of(name)
    yield "teacher.name student", is_student, _STUDENT
    yield "teacher.name saa, sam3 or clip", teacher.name in PROMPTED, {"teacher.prompts"}
    yield "teacher.name saa or sam3", is_saa or is_sam3, {"teacher.working_size_px"}
    yield "teacher.name saa, sam3 or student", is_saa or is_sam3 or is_student, _TILED
    yield "a score maskomaly", uses_queries, _MASKOMALY | {"maskomaly.corrected_border_rule"}
    yield "a cam.method other than native", cam.method != "native", {"cam.layer"}
    yield "foundation models", is_sam3 or is_clip or is_in_torch, {"teacher.precision"}
    yield "boxes.detector torchvision", boxes.detector == "torchvision", {"boxes.network"}
    yield "teacher.tile_size_px", has_tiles, {"teacher.tile_overlap_px"}
    for part, is_there in has_parts.items():
        yield f"a {part} with weights", is_there, {f"saa.{part}_model"}
    is_here = saa.detector == "attributes"
    yield "saa.detector attributes", is_here, {"saa.proposals"}
    uses_u2net = is_here and saa.proposals == "colour+u2net"
    yield "saa.proposals colour+u2net", uses_u2net, {"saa.proposals_model"}
    yield "saa.detector groundingdino", saa.detector == "groundingdino", {"saa.text_encoder"}


def describe_unread(teacher: TeacherSection, own: OwnSections) -> str:
    """Say in a sentence which settings differ from their defaults but are not read; '' if none.

    Args:
        teacher: Says which one labels, and what teachers have in common.
        own: What the config says of each.
    """
    return say_unread(f"the teacher {teacher.name!r}", _find_unread(teacher, own))


def say_unread(reader: str, unread: Mapping[str, str]) -> str:
    """Say in a sentence that keys are set but not read; '' if none, see `find_unread`."""
    if not unread:
        return ""
    keys = ", ".join(f"{key} ({words})" for key, words in unread.items())
    return (
        f"{reader} as it is configured does not read {keys}; leave out what it does not read, or "
        "set what reads it, which stands in brackets"
    )


def _find_unread(teacher: TeacherSection, own: OwnSections) -> dict[str, str]:
    return find_unread(_conditions(teacher, own), {**own, "teacher": teacher})


def find_unread(conditions: Conditions, sections: Mapping[str, Section]) -> dict[str, str]:
    """Find the keys that differ from their defaults but are not read: what would read each.

    Args:
        conditions: When keys are read; the first that does not hold is what would read its keys.
        sections: Those of the keys, by name.
    """
    lacking: dict[str, str] = {}
    for words, holds, keys in conditions:
        if not holds:
            lacking = dict.fromkeys(keys, words) | lacking
    values = {name: section.model_dump() for name, section in sections.items()}
    return {
        key: lacking[key]
        for key, field in config_fields().items()
        if key in lacking and values[key.split(".")[0]][key.split(".")[1]] != field.default
    }


def as_student(teacher: TeacherSection, own: OwnSections, **changes: Any) -> dict[str, Section]:
    """Let a student be the teacher: what is said for another one is left out.

    Args:
        teacher: Of a student, or of another teacher.
        own: What the config says of each teacher.
        changes: Settings of the teacher to replace.

    Returns:
        The section `teacher` and those of one teacher each, by their names.
    """
    student = teacher.model_copy(update={"name": "student", **changes})
    sections: dict[str, Section] = {**own, "teacher": student}
    if teacher.name == "student":
        return sections
    for key in _find_unread(student, own):
        section, name = key.split(".")
        default = {name: config_fields()[key].default}
        sections[section] = sections[section].model_copy(update=default)
    return sections
