"""Refines a label set into another one."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from util.config import EvaluationSection, RefinementSection
from util.errors import UserError, listed
from util.images.files import fingerprint, image_size_hw, read_image
from util.label_set import (
    CHOSEN_ON,
    Content,
    LabelSet,
    LabelSetWriter,
    find_pending,
    make_maps,
)
from util.refinement.dense_crf import choose_backend
from util.refinement.steps import apply_steps, build_steps, step_bytes
from util.running.shares import Share

BYTES_A_PIXEL = 24
"""Memory that an image, its map, what is made of it and the boxes in it take."""


@dataclass(frozen=True)
class Refined:
    """What has come of a refinement.

    Attributes:
        label_set: The refined one; None where other processes are still at work on it.
        problems: Why maps could not be refined, by image id.
    """

    label_set: LabelSet | None
    problems: dict[str, str]


def refine_label_set(
    settings: RefinementSection,
    evaluation: EvaluationSection,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    output: Path,
    overwrite: bool,
    share: Share,
) -> Refined:
    """Refine this process's share of the images.

    Args:
        settings: What is done, and how.
        evaluation: How boxes are found in the refined maps.
        label_set: What is refined.
        image_paths: Path of each image by its id.
        output: Folder of the refined one.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: The label set is the output, or lacks images, or images have other sizes than
            its maps; all are named, and nothing is touched.
    """
    if output.resolve() == label_set.folder.resolve():
        raise UserError(
            f"refinement.output is {output.name!r}, the label set that is refined; give another"
        )
    if problems := list(_find_problems(label_set, image_paths)):
        raise UserError(f"{label_set.folder} cannot be refined: {'; '.join(problems)}")
    if "crf" in settings.steps:
        backend = choose_backend(settings.crf_backend)
        settings = settings.model_copy(update={"crf_backend": backend})
        of = f"images of {settings.crf_side_px} pixels' longer side, exactly"
        print(f"crf: {backend}, {'all pixels' if backend == 'pydensecrf' else of}")
    made_by: dict[str, Any] = {
        "producer": "refinement",
        "label_set": [label_set.name, label_set.manifest.get("settings_hash")],
        "steps": settings.steps,
        **settings.decides(),
    }
    facts: dict[str, Any] = {"config": {"refinement": settings.model_dump(mode="json")}}
    if label_set.chosen_on:
        facts[CHOSEN_ON] = sorted(label_set.chosen_on)
    boxes = evaluation.box_settings(label_set.box_settings)
    with LabelSetWriter(output, made_by, overwrite, share, boxes, facts) as writer:
        failed = _refine(settings, label_set, image_paths, writer)
        return Refined(writer.finish_share(boxes), failed)


def _find_problems(label_set: LabelSet, image_paths: Mapping[str, Path]) -> Iterator[str]:
    """Say what all images of a label set lack; files that are damaged fail later, alone."""
    if lacking := [image_id for image_id in label_set.ids if image_id not in image_paths]:
        yield f"data.images has no image {listed(lacking)}"
    sizes = {}
    for image_id in label_set.ids:
        if image_id in image_paths:
            try:
                size_hw = image_size_hw(label_set.path(image_id))
                if (other_hw := image_size_hw(image_paths[image_id])) != size_hw:
                    sizes[image_id] = size_hw, other_hw
            except UserError:
                continue
    if sizes:
        told = [f"{i} ({a} x {b}, image {c} x {d})" for i, ((a, b), (c, d)) in sizes.items()]
        yield f"maps differ from their images in height x width: {listed(told)}"


def _refine(
    settings: RefinementSection,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    writer: LabelSetWriter,
) -> dict[str, str]:
    """Write the refined maps that are still missing; returns why some could not be made, by id."""
    steps = build_steps(settings)

    def read_from(image_id: str) -> list[Path]:
        weights = [label_set.weights_path(image_id)] if label_set.is_weighted(image_id) else []
        return [label_set.path(image_id), image_paths[image_id], *weights]

    def refine(image_id: str) -> Content:
        soft_label, image_rgb = label_set.read(image_id), read_image(image_paths[image_id])
        is_weighted = label_set.is_weighted(image_id)
        weights = label_set.read_weights(image_id) if is_weighted else None
        return Content(apply_steps(steps, soft_label, image_rgb), weights=weights)

    def cost_bytes(image_id: str) -> int:
        try:
            size_hw = image_size_hw(label_set.path(image_id))
        except UserError:
            return 0
        return math.prod(size_hw) * BYTES_A_PIXEL + step_bytes(settings, size_hw)

    sources = {image_id: fingerprint(read_from(image_id)) for image_id in label_set.ids}
    pending = find_pending(writer, sources, label_set.failed)
    return make_maps(writer, sources, pending, refine, "refinement", cost_bytes)
