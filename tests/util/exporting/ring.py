"""Maps to be exported: of a ring with pieces near it, and of nothing."""

import numpy as np

from util.data_classes import BoxSettings

SIZE_HW = (40, 60)
SETTINGS = BoxSettings(object_class="möwe")


def paint_maps() -> dict[str, np.ndarray]:
    """A ring, with two pixels near it that belong to it, and a single pixel far away; nothing."""
    rows, columns = np.mgrid[:40, :60]
    distance = np.hypot(rows - 15, columns - 20)
    bird = np.where((distance < 12) & (distance > 5), 0.75, 0.25)
    bird[15, 35:37] = 0.625
    bird[39, 59] = 1.0
    return {"flight 1/möwe": bird, "leer": np.zeros(SIZE_HW)}


def object_masks(threshold: float = 0.5) -> list[np.ndarray]:
    """The two objects of the first image."""
    first = paint_maps()["flight 1/möwe"] > threshold
    corner = np.zeros(SIZE_HW, bool)
    corner[39, 59] = True
    return [first & ~corner, corner]
