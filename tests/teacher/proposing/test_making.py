"""Masks of the images of a plan, written one by one."""

from pathlib import Path

import numpy as np
import pytest

from teacher.proposing.making import make_masks
from teacher.proposing.outlines import Outline, to_content
from teacher.proposing.planning import MaskPlan
from util.errors import UserError
from util.images.files import find_images, write_image
from util.label_set import Content
from util.running.shares import ALONE


def plan_of(images: dict[str, Path], outline: Outline, most_masks: int = 0) -> MaskPlan:
    sources = dict.fromkeys(images, "1")
    return MaskPlan(
        "nothing", sources, {"producer": "mask proposals"}, {}, lambda: outline, most_masks
    )


def write_images(folder: Path, names: list[str]) -> dict[str, Path]:
    for name in names:
        write_image(folder / f"{name}.png", np.zeros((64, 64, 3), np.uint8))
    return find_images(folder)


def see_nothing(_image_id: str, image_rgb: np.ndarray) -> Content:
    return to_content([], [], image_rgb.shape[:2])


def test_images_of_as_many_masks_as_fill_the_memory_are_outlined_when_others_are_written(
    tmp_path: Path,
) -> None:
    images = write_images(tmp_path / "images", ["a", "b", "c", "d"])
    written = []

    def outline(image_id: str, image_rgb: np.ndarray) -> Content:
        progress = (tmp_path / "set/progress.jsonl").read_text()
        written.append(progress.count('"id"'))
        return see_nothing(image_id, image_rgb)

    plan = plan_of(images, outline, most_masks=2**29 // 64**2)
    make_masks(plan, images, tmp_path / "set", False, ALONE)
    assert written == [0, 1, 2, 3]


def test_images_that_lie_where_masks_would_are_refused_before_a_folder_is_made(
    tmp_path: Path,
) -> None:
    images = write_images(tmp_path / "images", ["a", "masks/a/mask_0000"])
    why = "^masks/a/mask_0000 would lie where a label set keeps masks of things; rename the folder"
    with pytest.raises(UserError, match=why):
        make_masks(plan_of(images, see_nothing), images, tmp_path / "set", False, ALONE)
    assert not (tmp_path / "set").exists()
