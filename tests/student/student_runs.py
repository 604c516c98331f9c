"""Small label sets and trainings for tests of students."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import student.train
from student.data.loading import SoftLabelPairs
from student.losses import LossSettings
from student.validation import Validation
from tests.conftest import box_table, paint_scene
from util.data_classes import BoxSettings
from util.images.files import find_images, read_image, write_image
from util.label_set import Content, LabelSet, LabelSetWriter

Labeller = Callable[[np.ndarray], np.ndarray]


def find_birds(image_rgb: np.ndarray) -> np.ndarray:
    """The white pixels of a scene of `paint_scene`, (H, W) float."""
    return (image_rgb.min(axis=2) == 240).astype(float)


def label(project: Path, maps: Labeller = find_birds) -> LabelSet:
    """Label the images of a project: the label set x."""
    with LabelSetWriter(project.parent / "label_sets/x", {"producer": "test"}, True) as writer:
        for image_id, path in find_images(project.parent / "images").items():
            writer.add(image_id, Content(maps(read_image(path))), "1", 0)
        return writer.finish(BoxSettings())


def train(project: Path, *options: str) -> Path:
    """Train on the label set x; returns the run."""
    given = ["--config", str(project), "--student.label_set", "x", *options]
    assert student.train.main(given) == 0
    return project.parent / "runs" / "student"


def learn(project: Path, maps: Labeller, *options: str) -> Path:
    """Label the images of a project, train a student on that, and return its run."""
    label(project, maps)
    return train(project, *options)


LOSSES = LossSettings({"kl": 1.0})


def make_pairs(folder: Path) -> SoftLabelPairs:
    """Two images of 16 x 16 pixels in a folder of their own, with soft labels."""
    images = {
        name: paint_scene((16, 16), [(5, place)]) for name, place in {"a": 5, "b": 10}.items()
    }
    with LabelSetWriter(folder / "labels", {"producer": "test"}) as writer:
        for name, image in images.items():
            write_image(folder / "images" / f"{name}.png", image)
            writer.add(name, Content(find_birds(image)), "1", 0)
        label_set = writer.finish(BoxSettings())
    return SoftLabelPairs(list(images), find_images(folder / "images"), label_set, 1.0)


def make_validation(pairs: SoftLabelPairs, **changes: Any) -> Validation:
    """What a student is validated by: these images."""
    given = {
        "losses": LOSSES,
        "truths": box_table([]),
        "box_settings": BoxSettings(),
        "iou_threshold": 0.3,
    }
    return Validation(pairs, **(given | changes))
