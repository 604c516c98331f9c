"""From the config to what outlines things; models are loaded only here, and only when needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teacher.proposing.outlines import BoxOutlines, Outline
from teacher.saa.parts import WITHOUT_TORCH, load_segmenter
from teacher.weights.libraries import installed, lacking_libraries, missing_libraries
from util.config import ProposalsSection, SaaSection, Section, TeacherSection
from util.data_classes import Boxes
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.identity import ImageIdentity
from util.label_set import LabelSet
from util.settings import settings_hash
from util.weights.finding import fault, locate
from util.weights.identity import weights_identity

VERSION = 2
"""Counts up whenever the same weights, settings and boxes give other masks."""

PART = "segmenter"

MASKS_A_POINT = 3
"""SAM answers with a part, a whole and what is round it (Kirillov et al., 2023, section 3)."""


@dataclass(frozen=True)
class MaskPlan:
    """What is to be outlined, before any model is loaded.

    Attributes:
        words: What of what, by what.
        sources: Fingerprint of what the masks of each image are made from, by its id.
        made_by: All that decides the masks beside these; JSON values.
        facts: What else readers of the label set should know (see `LabelSetWriter`).
        load: Loads the model.
        most_masks: What a grid of points may give in an image; 0 for boxes, which are few.
        chosen_on: Images by whose truth the settings of the boxes were chosen.
    """

    words: str
    sources: Mapping[str, str]
    made_by: Mapping[str, Any]
    facts: Mapping[str, Any]
    load: Callable[[], Outline]
    most_masks: int = 0
    chosen_on: frozenset[ImageIdentity] = frozenset()


def plan_boxes(
    section: ProposalsSection,
    teacher: TeacherSection,
    saa: SaaSection,
    weights: Path,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
) -> MaskPlan:
    """Plan the outlines of a label set's boxes, by the configured segmenter.

    Args:
        section: What is asked for.
        teacher: Says where models run.
        saa: Names the segmenter.
        weights: `paths.weights`.
        label_set: Has the boxes.
        image_paths: Of all images, by their ids.

    Raises:
        UserError: It has no box, images of it are missing, or the segmenter cannot run.
    """
    models = find_segmenter(saa, weights)
    boxes = _read_boxes(label_set)
    if lacking := [image_id for image_id in label_set.ids if image_id not in image_paths]:
        raise UserError(
            f"data.images has no image {listed(lacking)}, of which {label_set.folder} has boxes"
        )
    return MaskPlan(
        words=f"boxes of {label_set.name} outlined by {saa.segmenter}",
        sources={
            image_id: _fingerprint_boxes(image_paths[image_id], boxes.get(image_id))
            for image_id in label_set.ids
        },
        made_by=_describe(section, teacher, saa, models) | {"label_set": label_set.identity},
        facts=_keep_config(section, saa),
        load=lambda: BoxOutlines(load_segmenter(teacher, saa, models), boxes),
        chosen_on=label_set.chosen_on,
    )


def plan_points(
    section: ProposalsSection,
    teacher: TeacherSection,
    saa: SaaSection,
    weights: Path,
    image_paths: Mapping[str, Path],
) -> MaskPlan:
    """Plan the outlines of whatever is at the points of a grid; see `plan_boxes`.

    Raises:
        UserError: The segmenter does not answer to points, or cannot run.
    """
    if saa.segmenter not in ("sam", "transformers"):
        raise UserError(
            f"proposals.source points needs SAM, but saa.segmenter is {saa.segmenter}, which "
            "answers to boxes alone; set it to sam or transformers, or "
            "proposals.source to boxes"
        )
    models = find_segmenter(saa, weights)
    return MaskPlan(
        words=f"{section.points_per_side} x {section.points_per_side} points outlined by"
        f" {saa.segmenter}",
        sources={image_id: fingerprint([path]) for image_id, path in image_paths.items()},
        made_by=_describe(section, teacher, saa, models),
        facts=_keep_config(section, saa),
        load=lambda: _load_points(section, teacher, saa, models),
        most_masks=MASKS_A_POINT * section.points_per_side**2,
    )


def find_segmenter(saa: SaaSection, weights: Path) -> dict[str, Path]:
    """Find the weights of the configured segmenter, if it has some, and make sure that it can run.

    Raises:
        UserError: They are missing or damaged, or libraries are missing.
    """
    if saa.segmenter == "grabcut":
        return {}
    path = locate(saa.segmenter_model, PART, saa.segmenter, weights)
    troubles = [*lacking_libraries({PART: saa.segmenter}, (), missing_libraries())]
    if trouble := fault(path):
        troubles.append(f"{path} cannot be used ({trouble}); remove it and fetch it anew")
    if troubles:
        raise UserError("\n".join(troubles))
    return {PART: path}


def _describe(
    section: ProposalsSection, teacher: TeacherSection, saa: SaaSection, models: Mapping[str, Path]
) -> dict[str, Any]:
    """All that decides the masks beside images and boxes."""
    described: dict[str, Any] = {
        "producer": "mask proposals",
        "source": section.source,
        **section.decides(),
        "segmenter": saa.segmenter,
        "models": {part: weights_identity(path) for part, path in models.items()},
        "version": VERSION,
    }
    if section.source == "boxes" and saa.segmenter not in WITHOUT_TORCH:
        described["precision"] = teacher.precision
    return described


def _keep_config(section: ProposalsSection, saa: SaaSection) -> dict[str, Any]:
    """The settings as the label set keeps them."""
    sections: dict[str, Section] = {"proposals": section, "saa": saa}
    return {"config": {name: each.model_dump(mode="json") for name, each in sections.items()}}


def _read_boxes(label_set: LabelSet) -> dict[str, Boxes]:
    """Read the boxes of a label set, relative to the sides of their images, by image.

    Raises:
        UserError: There are none.
    """
    table = label_set.read_boxes()
    if table.empty:
        raise UserError(
            f"{label_set.folder} has no box in any image, so there is nothing to outline; find "
            "boxes in its maps with a lower threshold: util/csv_from_soft_labels.py "
            "--evaluation.threshold 0.3"
        )
    return {
        str(image_id): Boxes(
            rows[["xmin", "ymin", "xmax", "ymax"]].to_numpy(np.float64),
            rows["confidence"].to_numpy(np.float64),
            tuple(rows["obj_class"]),
        )
        for image_id, rows in table.groupby("image", sort=False)
    }


def _fingerprint_boxes(path: Path, boxes: Boxes | None) -> str:
    """Tell an image and its boxes from any others."""
    told = [] if boxes is None else [boxes.boxes_xyxy.tolist(), boxes.confidences.tolist()]
    classes = None if boxes is None else boxes.classes
    return settings_hash({"image": fingerprint([path]), "boxes": told, "classes": classes})


def _load_points(
    section: ProposalsSection, teacher: TeacherSection, saa: SaaSection, models: Mapping[str, Path]
) -> Outline:
    """Load SAM, to be asked for a grid of points."""
    with installed("proposals.source points"):
        from teacher.proposing.points import Generator, Grid, PointOutlines

        segmenter = load_segmenter(teacher, saa, models)
        grid = Grid(
            section.points_per_side, section.predicted_iou, section.stability, section.overlap
        )
        generator: Generator
        if saa.segmenter == "sam":
            from teacher.proposing.published_sam import PublishedGenerator
            from teacher.saa.segmenters.sam import SamSegmenter

            assert isinstance(segmenter, SamSegmenter)
            generator = PublishedGenerator(segmenter.model, grid)
        else:
            from teacher.proposing.hugging_face_sam import HuggingFaceGenerator
            from teacher.saa.segmenters.hugging_face import HuggingFaceSegmenter

            assert isinstance(segmenter, HuggingFaceSegmenter)
            generator = HuggingFaceGenerator(
                segmenter.model, segmenter.processor, segmenter.runtime.device, grid
            )
    return PointOutlines(generator, section.points_per_batch)
