"""Sharpens the maps of a label set by what is novel in their frames."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacher.novelty.background import BYTES_A_CELL
from teacher.novelty.cameras import Cameras, find_empty_frames
from teacher.novelty.describing import CELL_PX, CellDescriber
from util.config import EvaluationSection, NoveltySection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import image_size_hw
from util.label_set import (
    CHOSEN_ON,
    Content,
    LabelSet,
    LabelSetWriter,
    Made,
    find_misfits,
    find_pending,
    make_maps,
)
from util.refinement.resizing import reduce_size
from util.running.ahead import map_ahead
from util.running.shares import Share
from util.weights.identity import weights_identity

VERSION = 1
"""Counts up whenever the same settings, weights and files give other maps."""

BYTES_A_PIXEL = 24
"""Memory that an image, its map and the boxes in it take."""


def mark_novelty(
    section: NoveltySection,
    evaluation: EvaluationSection,
    groups: str | None,
    weights: Path,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    output: Path,
    overwrite: bool,
    share: Share,
) -> Made:
    """Sharpen this process's share of the maps: the root of each, times how novel its pixels are.

    Maps that are empty stay so, those of cameras with too few empty frames stay as they are, and
    weights of pixels stay.

    Args:
        section: How frames are compared.
        evaluation: How boxes are found in the maps.
        groups: As data.groups, which names the cameras.
        weights: File of the network that describes frames.
        label_set: What is sharpened; its empty maps say which frames are empty.
        image_paths: Path of each image by its id.
        output: Folder of the label set.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: The label set is the output, images are missing or have other sizes than their
            maps, nobody says which camera took them, or the weights are damaged.
    """
    _check(label_set, image_paths, output)
    frames_of = find_empty_frames(label_set, groups, section.frames)
    made_by: dict[str, Any] = {
        "producer": "novelty",
        "version": VERSION,
        "label_set": [label_set.name, label_set.manifest.get("settings_hash")],
        "groups": groups,
        "network": weights_identity(weights),
        **section.decides(),
    }
    facts: dict[str, Any] = {"config": {"novelty": section.model_dump(mode="json")}}
    if label_set.chosen_on:
        facts[CHOSEN_ON] = sorted(label_set.chosen_on)
    usual = BoxSettings(object_class=label_set.box_settings.object_class)
    boxes = evaluation.box_settings(usual)
    with LabelSetWriter(output, made_by, overwrite, share, boxes, facts) as writer:
        failed = _mark(section, weights, label_set, image_paths, frames_of, writer)
        return Made(writer.finish_share(boxes), failed)


def _mark(
    section: NoveltySection,
    weights: Path,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    frames_of: Mapping[str, tuple[str, ...]],
    writer: LabelSetWriter,
) -> dict[str, str]:
    """Write the maps that are still missing; returns why some could not be made, by id."""
    sources = _fingerprint_each(label_set, image_paths, frames_of)
    pending = find_pending(writer, sources, label_set.failed)
    if not pending:
        return {}  # so that no network need be loaded
    cameras = Cameras(frames_of, image_paths, CellDescriber(weights), section.side_px)

    def make(image_id: str) -> Content:
        soft_label = label_set.read(image_id)
        if image_id in frames_of:
            soft_label = np.sqrt(soft_label) * cameras.novelty_of(image_id)
        is_weighted = label_set.is_weighted(image_id)
        return Content(
            soft_label, weights=label_set.read_weights(image_id) if is_weighted else None
        )

    def cost(image_id: str) -> int:
        return _cost_bytes(label_set.path(image_id), section.side_px)

    return make_maps(writer, sources, pending, make, "novelty", cost)


def _check(label_set: LabelSet, image_paths: Mapping[str, Path], output: Path) -> None:
    """Refuse what cannot be sharpened; files that are damaged fail later, alone."""
    if output.resolve() == label_set.folder.resolve():
        raise UserError(
            f"novelty.output is {output.name!r}, the label set that is sharpened; give another"
        )
    if problems := find_misfits(label_set, image_paths):
        raise UserError(f"{label_set.folder} cannot be sharpened: {'; '.join(problems)}")


def _fingerprint_each(
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    frames_of: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """Fingerprint the files that each map is made from: its own, and frames it is compared with."""
    of_cameras = {
        frames: fingerprint(image_paths[image_id] for image_id in frames)
        for frames in {(), *frames_of.values()}
    }

    def fingerprint_own(image_id: str) -> str:
        weights = [label_set.weights_path(image_id)] if label_set.is_weighted(image_id) else []
        return fingerprint([label_set.path(image_id), image_paths[image_id], *weights])

    own = map_ahead(fingerprint_own, label_set.ids)
    return {
        image_id: each + of_cameras[frames_of.get(image_id, ())]
        for image_id, each in zip(label_set.ids, own, strict=True)
    }


def _cost_bytes(path: Path, side_px: int) -> int:
    """Memory that an image takes until its map is written; 0 if its size cannot be read."""
    try:
        size_hw = image_size_hw(path)
    except UserError:
        return 0
    num_cells = math.prod(reduce_size(size_hw, side_px)) // CELL_PX**2
    return math.prod(size_hw) * BYTES_A_PIXEL + num_cells * BYTES_A_CELL
