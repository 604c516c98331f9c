"""Small label sets, and a disk that is full."""

import errno
from pathlib import Path

import numpy as np

from util.data_classes import BoxSettings
from util.label_set import Content, LabelSet, LabelSetWriter

SETTINGS = {"producer": "test", "threshold": 0.1}
BOXES = BoxSettings(dilation_iterations=0)


def spot(value: float = 0.8) -> np.ndarray:
    soft_label = np.zeros((10, 20), np.float32)
    soft_label[2:4, 5:9] = value
    return soft_label


def make(folder: Path, names: list[str]) -> LabelSet:
    with LabelSetWriter(folder, SETTINGS) as writer:
        for name in names:
            writer.add(name, Content(spot()), source="1", seconds=0.5)
        return writer.finish(BOXES)


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
