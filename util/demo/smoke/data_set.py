"""What is written of frames of industrial skylines, and how their cameras are split."""

import numpy as np

from util.demo.data_set import Painted, SceneKind
from util.demo.smoke.scene import CLASSES, make_scene

PAINTER_VERSION = 1
"""Counts up whenever the same seed gives other pictures than before."""

_SPLIT_OF_CAMERA = "TVETTETVTE"
"""Letter of the split of each camera: five learn, two choose, three judge."""

_SMOKE_SHARE = 0.5
_HAS_SMOKE = 2
"""Tells this chance from what is drawn of a frame or a camera with the same numbers."""


def _name(number: int) -> str:
    """Name a scene by its camera; every camera has one in ten of the set."""
    frame, camera = divmod(number, len(_SPLIT_OF_CAMERA))
    return f"camera_{camera}/frame_{frame:04d}"


def _paint(seed: int, number: int, size_px: int) -> Painted:
    """Paint a frame; its labels and boxes are those of what drifts in it, smoke and steam."""
    chance = np.random.default_rng((seed, number, _HAS_SMOKE)).random()
    camera = number % len(_SPLIT_OF_CAMERA)
    scene = make_scene(seed, camera, number, size_px, bool(chance < _SMOKE_SHARE))
    masks = {
        ("SegmentationClass", ""): scene.class_mask,
        ("opacity", ""): np.rint(255 * scene.opacity).astype(np.uint8),
    }
    labels = tuple(dict.fromkeys(name for name, _ in scene.plumes))
    return Painted(scene.image_rgb, masks, scene.plumes, labels)


SMOKE = SceneKind(
    paint=_paint,
    settings={"kind": "smoke", "version": PAINTER_VERSION},
    next_script="teacher/cam/train_classifier.py",
    splits={"Train": "T", "Validation": "V", "Test": "E"},
    pattern=_SPLIT_OF_CAMERA,
    # Two opacities of one thing: the second name is the group of both.
    class_names={
        str(number): [name, "smoke"] if name.endswith("smoke") else [name]
        for number, name in enumerate(CLASSES)
    },
    name=_name,
)
"""Frames of ten fixed cameras, no camera in two splits. Chimneys are in all of them, smoke in half,
steam of cooling towers, with and without smoke, in 60 %. `SegmentationClass` has dense and thin
smoke (together "smoke"; 255 = too faint to tell), steam, chimneys and cooling towers, `opacity`
that of smoke, value / 255, and `image_labels.csv` says what drifts in each frame, not where."""
