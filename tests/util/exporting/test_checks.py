"""Exports that are refused before anything is written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from util.errors import UserError
from util.images.files import write_image


def test_images_that_are_not_there_cannot_be_named(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    (tmp_path / "images" / "leer.jpg").unlink()
    for kind in ("coco", "voc", "labelme", "label-studio"):
        with pytest.raises(UserError, match=r"1 of 2 images .* not in data\.images: leer"):
            export(kind)
    export("masks")


def test_maps_of_another_size_than_the_images_that_are_named_are_refused(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    write_image(tmp_path / "images" / "leer.jpg", np.zeros((80, 120, 3), np.uint8))
    for kind in ("coco", "voc", "labelme", "label-studio"):
        with pytest.raises(UserError, match=r"1 map .*: leer \(40 x 60, image 80 x 120\); this"):
            export(kind)
    assert not (tmp_path / "out").exists()
    export("yolo-seg")  # is relative


def test_masks_never_become_images(export: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lies in data\.images, so masks would be images"):
        export("masks", f"--export_label_set.output={tmp_path / 'images' / 'out'}")
    assert not (tmp_path / "images" / "out").exists()
