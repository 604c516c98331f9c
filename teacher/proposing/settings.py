"""Which settings of the config the outlines of things read; see `teacher.settings`."""

from collections.abc import Collection, Iterator, Set

from teacher.saa.parts import WITHOUT_TORCH
from teacher.settings import find_unread, say_unread
from util.config import ProposalsSection, SaaSection, TeacherSection

_GRID = {
    f"proposals.{key}"
    for key in ("points_per_side", "points_per_batch", "predicted_iou", "stability", "overlap")
}


def _conditions(section: ProposalsSection, saa: SaaSection) -> Iterator[tuple[str, bool, Set[str]]]:
    """When keys are read that are not always; see `teacher.settings.Conditions`."""
    has_boxes, in_torch = section.source == "boxes", saa.segmenter not in WITHOUT_TORCH
    torch_keys = {"teacher.precision", "saa.boxes_per_batch"}
    yield "proposals.source boxes", has_boxes, {"proposals.label_set", *torch_keys}
    yield "proposals.source points", not has_boxes, {"teacher.split", *_GRID}
    yield "saa.segmenter sam or transformers", in_torch, torch_keys
    yield "a segmenter with weights", saa.segmenter != "grabcut", {"saa.segmenter_model"}


def describe_unread(
    section: ProposalsSection, teacher: TeacherSection, saa: SaaSection, given: Collection[str]
) -> str:
    """Say in a sentence which settings differ from their defaults but are not read; '' if none.

    Args:
        section: Says what is outlined.
        teacher: Says where models run.
        saa: Names the segmenter.
        given: Keys of the command line. Those of `teacher` and `saa` in a file are for labelling,
            which shares it, and are passed over.
    """
    sections = {"proposals": section, "teacher": teacher, "saa": saa}
    unread = {
        key: words
        for key, words in find_unread(_conditions(section, saa), sections).items()
        if key in given or key.startswith("proposals.")
    }
    return say_unread("what outlines things", unread)
