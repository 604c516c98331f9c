"""Refines a label set into another one."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from util.config import EvaluationSection, RefinementSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import find_size_hw, read_image
from util.images.identity import ImageIdentity
from util.label_set import (
    MANIFEST,
    Content,
    LabelSet,
    Made,
    Recipe,
    check_output,
    find_misfits,
    make_label_set,
)
from util.refinement.dense_crf import choose_backend
from util.refinement.proposals import Proposals, find_proposals
from util.refinement.steps import apply_steps, build_steps, step_bytes
from util.refinement.trimap import split_pixels
from util.running.shares import Share

BYTES_A_PIXEL = 24
"""Memory that an image, its map, what is made of it and the boxes in it take."""

OTHER_VALUES = frozenset({"crf", "stretch", "sepl", "trimap"})
"""Steps whose maps have other values than those that they are made of."""


def refine_label_set(
    settings: RefinementSection,
    evaluation: EvaluationSection,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    output: Path,
    overwrite: bool,
    share: Share,
) -> Made:
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
        UserError: The label set is the output, or images are missing, have no masks that are needed
            or other sizes than the maps; all are named, and nothing is touched.
    """
    check_output(output, [label_set], "refinement.output")
    masks = None
    if "sepl" in settings.steps:
        masks = find_proposals(settings.sepl_masks, label_set.ids)
    if problems := list(_find_problems(label_set, image_paths, masks)):
        raise UserError(f"{label_set.folder} cannot be refined: {'; '.join(problems)}")
    if "crf" in settings.steps:
        settings = _settle_backend(settings)
    boxes = evaluation.box_settings(_usual_boxes(settings, label_set.box_settings))
    recipe = _plan(settings, boxes, label_set, image_paths, masks or {})
    return make_label_set(recipe, output, overwrite, share)


def _settle_backend(settings: RefinementSection) -> RefinementSection:
    """Put what computes crf here into its settings, and print how that is done."""
    backend = choose_backend(settings.crf_backend)
    of = f"images of {settings.crf_side_px} pixels' longer side, exactly"
    print(f"crf: {backend}, {'all pixels' if backend == 'pydensecrf' else of}")
    return settings.model_copy(update={"crf_backend": backend})


def _chosen_for_masks(settings: RefinementSection) -> frozenset[ImageIdentity]:
    """By whose truth the masks of sepl were chosen, if they are a label set's."""
    folder = settings.sepl_masks if "sepl" in settings.steps else None
    if folder is None or not (folder / MANIFEST).exists():
        return frozenset()
    return LabelSet(folder, needs_maps=False).chosen_on


def _usual_boxes(settings: RefinementSection, before: BoxSettings) -> BoxSettings:
    """Say how boxes are found in the refined maps: as before, if values mean the same."""
    if OTHER_VALUES.isdisjoint(settings.steps):
        return before
    return BoxSettings(object_class=before.object_class)


def _find_problems(
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    masks: Mapping[str, Proposals] | None,
) -> Iterator[str]:
    """Say what all images of a label set lack; files that are damaged fail later, alone."""
    without = [] if masks is None else [each for each in label_set.ids if each not in masks]
    if without:
        yield f"refinement.sepl_masks has no masks of {listed(without)}"
    yield from find_misfits(label_set, image_paths)


def _plan(
    settings: RefinementSection,
    boxes: BoxSettings,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    masks: Mapping[str, Proposals],
) -> Recipe:
    """Say how the maps of a label set are refined."""
    no_masks = Proposals((), are_labels=False)

    def read_from(image_id: str) -> list[Path]:
        files = [label_set.path(image_id), image_paths[image_id]]
        if label_set.is_weighted(image_id):
            files.append(label_set.weights_path(image_id))
        return [*files, *masks.get(image_id, no_masks).paths]

    def refine(image_id: str) -> Content:
        soft_label, image_rgb = label_set.read(image_id), read_image(image_paths[image_id])
        is_weighted = label_set.is_weighted(image_id)
        weights = label_set.read_weights(image_id) if is_weighted else None
        read_masks = partial(masks.get(image_id, no_masks).read, soft_label.shape)
        steps = build_steps(settings, read_masks)
        refine_map = partial(apply_steps, steps, image_rgb)
        if "trimap" not in settings.steps:
            return Content(refine_map(soft_label), weights=weights)
        scores = settings.trimap_low, settings.trimap_high
        refined, is_known = split_pixels(refine_map, soft_label, *scores)
        if weights is not None:
            return Content(refined, weights=is_known * weights)
        return Content(refined, weights=None if is_known.all() else is_known)

    return Recipe(
        settings={
            "producer": "refinement",
            "label_set": label_set.identity,
            "steps": settings.steps,
            **settings.decides(),
        },
        boxes=boxes,
        fingerprint=lambda: {i: fingerprint(read_from(i)) for i in label_set.ids},
        load=lambda: refine,
        cost_bytes=lambda image_id: _cost_bytes(settings, label_set.path(image_id)),
        label="refinement",
        failed=label_set.failed,
        facts={"config": {"refinement": settings.model_dump(mode="json")}},
        chosen_on=label_set.chosen_on | _chosen_for_masks(settings),
    )


def _cost_bytes(settings: RefinementSection, path: Path) -> int:
    """Memory that an image takes until its map is refined; 0 if its size cannot be read."""
    size_hw = find_size_hw(path)
    if size_hw is None:
        return 0
    return math.prod(size_hw) * BYTES_A_PIXEL + step_bytes(settings, size_hw)
