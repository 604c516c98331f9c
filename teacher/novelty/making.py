"""Sharpens the maps of a label set by what is novel in their frames."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from teacher.novelty.background import BYTES_A_CELL, BYTES_A_CELL_AND_FRAME
from teacher.novelty.cameras import Cameras, find_empty_frames
from teacher.novelty.describing import CELL_PX, CellDescriber
from util.config import EvaluationSection, NoveltySection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import find_size_hw
from util.label_set import (
    Content,
    LabelSet,
    Made,
    Recipe,
    check_output,
    find_misfits,
    make_label_set,
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
    check_output(output, [label_set], "novelty.output")
    if problems := find_misfits(label_set, image_paths):
        raise UserError(f"{label_set.folder} cannot be sharpened: {'; '.join(problems)}")
    frames_of = find_empty_frames(label_set, groups, section.frames)
    usual = BoxSettings(object_class=label_set.box_settings.object_class)
    boxes = evaluation.box_settings(usual)
    recipe = _plan(section, groups, boxes, weights, label_set, image_paths, frames_of)
    return make_label_set(recipe, output, overwrite, share)


def _plan(
    section: NoveltySection,
    groups: str | None,
    boxes: BoxSettings,
    weights: Path,
    label_set: LabelSet,
    image_paths: Mapping[str, Path],
    frames_of: Mapping[str, tuple[str, ...]],
) -> Recipe:
    """Say how the maps of a label set are sharpened."""

    def load() -> Callable[[str], Content]:
        describer = CellDescriber(weights)
        cameras = Cameras(frames_of, image_paths, describer, section.side_px)
        return partial(_mark, label_set, cameras)

    return Recipe(
        settings={
            "producer": "novelty",
            "version": VERSION,
            "label_set": label_set.identity,
            "groups": groups,
            "network": weights_identity(weights),
            **section.decides(),
        },
        boxes=boxes,
        fingerprint=lambda: _fingerprint_each(label_set, image_paths, frames_of),
        load=load,
        cost_bytes=lambda image_id: _cost_bytes(
            label_set.path(image_id), section.side_px, len(frames_of.get(image_id, ()))
        ),
        label="novelty",
        failed=label_set.failed,
        facts={"config": {"novelty": section.model_dump(mode="json")}},
        chosen_on=label_set.chosen_on,
    )


def _mark(label_set: LabelSet, cameras: Cameras, image_id: str) -> Content:
    """Sharpen a map, if its camera has enough frames to compare with."""
    soft_label = label_set.read(image_id)
    if image_id in cameras:
        soft_label = np.sqrt(soft_label) * cameras.novelty_of(image_id)
    is_weighted = label_set.is_weighted(image_id)
    return Content(soft_label, weights=label_set.read_weights(image_id) if is_weighted else None)


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

    # A camera after another, since backgrounds of few are kept.
    ids = sorted(label_set.ids, key=lambda image_id: (frames_of.get(image_id, ()), image_id))
    own = map_ahead(fingerprint_own, ids)
    return {
        image_id: each + of_cameras[frames_of.get(image_id, ())]
        for image_id, each in zip(ids, own, strict=True)
    }


def _cost_bytes(path: Path, side_px: int, num_frames: int) -> int:
    """Memory that an image takes until its map is written; 0 if its size cannot be read.

    Args:
        path: Of its map.
        side_px: As novelty.side_px.
        num_frames: Empty frames that it is compared with.
    """
    size_hw = find_size_hw(path)
    if size_hw is None:
        return 0
    num_cells = math.prod(reduce_size(size_hw, side_px)) // CELL_PX**2
    bytes_a_cell = BYTES_A_CELL + num_frames * BYTES_A_CELL_AND_FRAME
    return math.prod(size_hw) * BYTES_A_PIXEL + num_cells * bytes_a_cell
