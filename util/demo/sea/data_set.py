"""What is written of scenes of the sea, and how they are split."""

from util.demo.data_set import Painted, SceneKind
from util.demo.sea.scene import NUMBERS, OBJECT_CLASS, make_scene

PAINTER_VERSION = 1
"""Counts up whenever the same seed gives other pictures than before."""


def _paint(seed: int, number: int, size_px: int) -> Painted:
    """Paint a scene; its boxes have the classes of the thesis."""
    scene = make_scene((seed, number), size_px)
    boxes = tuple((OBJECT_CLASS[name], box_xyxy) for name, box_xyxy in scene.instances)
    return Painted(scene.image_rgb, {("SegmentationClass", ""): scene.class_mask}, boxes)


SEA = SceneKind(
    paint=_paint,
    settings={"version": PAINTER_VERSION},
    next_script="teacher/soft_label_generation.py",
    splits={"Train": "T", "Validation": "V", "Test": "E"},
    pattern="TETVTETTETVTTTETTVTE",  # 60 %, 15 % and 25 %
    # The name in the CSV first, then our own.
    class_names={
        str(NUMBERS[name]): list(dict.fromkeys((thesis_name, name)))
        for name, thesis_name in OBJECT_CLASS.items()
    },
)
"""Pictures with `SegmentationClass`, numbers of `CLASSES`, and boxes of all objects."""
