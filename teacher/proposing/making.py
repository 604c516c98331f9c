"""Writes a label set of masks of things, image by image."""

import math
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from teacher.proposing.planning import MaskPlan
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import image_size_hw, read_image
from util.label_set import Content, LabelSetWriter, Made, find_pending, make_maps
from util.running.shares import Share

BYTES_A_PIXEL = 24
"""Memory that an image and the masks in it take until they are written."""


def make_masks(
    plan: MaskPlan,
    image_paths: Mapping[str, Path],
    output: Path,
    overwrite: bool,
    share: Share,
) -> Made:
    """Outline things in this process's share of the images.

    Images are read by several threads, and outlined one after another.

    Args:
        plan: What is outlined in which images.
        image_paths: Path of each image by its id.
        output: Folder of the label set.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: The label set was made with other settings, or the model cannot be loaded.
    """
    with LabelSetWriter(output, plan.made_by, overwrite, share, facts=plan.facts) as writer:
        pending = find_pending(writer, plan.sources, {})
        failed: dict[str, str] = {}
        if pending:  # else no model need be loaded
            outline, alone = plan.load(), Lock()

            def make(image_id: str) -> Content:
                image_rgb = read_image(image_paths[image_id])
                with alone:
                    return outline(image_id, image_rgb)

            failed = make_maps(
                writer, plan.sources, pending, make, "masks", lambda i: _cost(image_paths[i])
            )
        return Made(writer.finish_share(BoxSettings()), failed)


def _cost(path: Path) -> int:
    """Memory that an image takes meanwhile; 0 if it cannot be read."""
    try:
        return math.prod(image_size_hw(path)) * BYTES_A_PIXEL
    except UserError:
        return 0
