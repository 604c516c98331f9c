"""What is written of a harbour's cameras: banks, tests, and frames of many other cameras."""

import numpy as np

from util.demo.cameras.families import FAMILIES
from util.demo.cameras.scene import make_scene
from util.demo.data_set import Painted, SceneKind

PAINTER_VERSION = 1
"""Counts up whenever the same seed gives other pictures than before."""

NUM_CAMERAS = 6

START_H = 4.5
"""Hour of the first frame of a bank: the sun is not up yet."""

STEP_H = 0.15
"""Hours between frames of a bank: 160 a day."""

_TEST_START_H = START_H + 7 * 24
_TEST_STEP_H = 2.1
"""Hours between frames of a test: all hours of the day have some in the end."""

_GENERAL_DAYS = 30
_FIRST_GENERAL = 1000
"""Number of the first camera that films one frame alone."""

_WHEN = 7
"""Tells when a general frame is taken from what is drawn of its camera."""


def _make_pattern() -> str:
    """Return letters of 150 scenes: 30 general ones, of which 5 validate, 96 of banks, 24 tests."""
    letters, num_general = [], 0
    for letter in "GGTBBBBGBBTBBBGBBTBBBGBTB" * NUM_CAMERAS:
        num_general += letter == "G"
        letters.append("V" if letter == "G" and num_general % 6 == 2 else letter)
    return "".join(letters)


_PATTERN = _make_pattern()
_ROLES = _PATTERN.replace("V", "G")


def _find_frame(number: int) -> tuple[str, int, int]:
    """Return the role of a scene, G, B or T, its camera, and its number among the frames of both.

    Banks and tests of cameras grow in turn, so all are about as long in a set of any size.
    """
    rounds, place = divmod(number, len(_ROLES))
    role = _ROLES[place]
    rank = rounds * _ROLES.count(role) + _ROLES[:place].count(role)
    if role == "G":
        return role, _FIRST_GENERAL + rank, rank
    frame, camera = divmod(rank, NUM_CAMERAS)
    return role, camera, frame


def _name(number: int) -> str:
    """Name a scene by its camera and its place in the order of time."""
    role, camera, frame = _find_frame(number)
    folder = {
        "G": "general",
        "B": f"cam{camera + 1}/week1/bank",
        "T": f"cam{camera + 1}/test",
    }[role]
    return f"{folder}/images/{frame:06d}"


def _paint(seed: int, number: int, size_px: int) -> Painted:
    """Paint a frame at its time."""
    role, camera, frame = _find_frame(number)
    if role == "G":
        hour = float(np.random.default_rng((seed, camera, _WHEN)).uniform(0, 24 * _GENERAL_DAYS))
    elif role == "B":
        hour = START_H + frame * STEP_H
    else:
        hour = _TEST_START_H + frame * _TEST_STEP_H
    scene = make_scene(seed, camera, hour, size_px)
    return Painted(scene.image_rgb, {}, scene.instances)


CAMERAS = SceneKind(
    paint=_paint,
    settings={
        "kind": "cameras",
        "version": PAINTER_VERSION,
        "families": {
            f"cam{camera + 1}": FAMILIES[camera % len(FAMILIES)].name
            for camera in range(NUM_CAMERAS)
        },
    },
    next_script="student/detection/train_detector.py",
    splits={"General": "G", "GeneralValidation": "V", "Bank": "B", "Test": "T"},
    pattern=_PATTERN,
    name=_name,
)
"""Frames of six fixed cameras of a harbour, two of each family (`families` in `scenes.json`), with
boxes of boats, people and birds. Bank is what they film from the first dawn on, Test another week,
and General and GeneralValidation are frames of other cameras, each of its own."""
