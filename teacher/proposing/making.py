"""Writes a label set of masks of things, image by image."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from teacher.proposing.planning import MaskPlan
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.images.files import count_pixels, read_image
from util.label_set import Content, Made, Recipe, make_label_set
from util.label_set.pixel_files import MASKS
from util.running.shares import Share

BYTES_A_PIXEL = 24
"""Memory that an image takes until it is written; each mask in it takes a byte a pixel at most."""


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
        UserError: The label set was made with other settings, an image lies where it keeps masks,
            or the model cannot be loaded.
    """
    if clashing := sorted(i for i in plan.sources if i.startswith(f"{MASKS}/")):
        raise UserError(
            f"{listed(clashing)} would lie where a label set keeps masks of things; rename the "
            f"folder {MASKS!r} of images"
        )
    alone = Lock()

    def load() -> Callable[[str], Content]:
        outline = plan.load()

        def make(image_id: str) -> Content:
            image_rgb = read_image(image_paths[image_id])
            with alone:
                return outline(image_id, image_rgb)

        return make

    def cost_bytes(image_id: str) -> int:
        return count_pixels(image_paths[image_id]) * (BYTES_A_PIXEL + plan.most_masks)

    recipe = Recipe(
        settings=plan.made_by,
        boxes=BoxSettings(),
        fingerprint=lambda: plan.sources,
        load=load,
        cost_bytes=cost_bytes,
        label="masks",
        facts=plan.facts,
        chosen_on=plan.chosen_on,
    )
    return make_label_set(recipe, output, overwrite, share)
