"""Animals from the side, with fur: of no class that a network of streets knows."""

from dataclasses import dataclass

import cv2
import numpy as np

from util.demo.road.board import Board, Paint, shade

_HOOF: Paint = (30, 26, 24)


@dataclass(frozen=True)
class Animal:
    """How an animal is built; lengths are shares of its width (x) and height (y).

    Attributes:
        body: Outline of its trunk, (x, y), its head on the right.
        neck: From the trunk to the head: both ends, and how thick.
        head: Middle and radii of its head.
        legs: Where its legs leave the trunk, and how thick they are.
        ears: Length of its ears.
        tail: Where its tail ends.
        furs: Colours.
        is_patched: Whether patches of another colour cover it.
        has_antlers: Whether it may have antlers.
    """

    body: tuple[tuple[float, float], ...]
    neck: tuple[tuple[float, float], tuple[float, float], float]
    head: tuple[float, float, float, float]
    legs: tuple[float, float, float]
    ears: float
    tail: tuple[float, float]
    furs: tuple[Paint, ...]
    is_patched: bool = False
    has_antlers: bool = False


DEER = Animal(
    body=((0.1, 0.44), (0.08, 0.6), (0.2, 0.67), (0.5, 0.64), (0.7, 0.68), (0.78, 0.58),
          (0.7, 0.42), (0.45, 0.38), (0.25, 0.4)),
    neck=((0.7, 0.6), (0.84, 0.82), 0.11),
    head=(0.9, 0.83, 0.09, 0.045),
    legs=(0.17, 0.68, 0.05),
    ears=0.09,
    tail=(0.04, 0.52),
    furs=((134, 96, 62), (112, 84, 60), (156, 112, 70), (96, 78, 64)),
    has_antlers=True,
)  # fmt: skip
COW = Animal(
    body=((0.08, 0.46), (0.03, 0.7), (0.07, 0.9), (0.2, 0.95), (0.45, 0.84), (0.66, 0.93),
          (0.8, 0.88), (0.83, 0.66), (0.74, 0.42), (0.5, 0.3), (0.26, 0.38)),
    neck=((0.74, 0.74), (0.86, 0.78), 0.2),
    head=(0.91, 0.72, 0.085, 0.11),
    legs=(0.13, 0.7, 0.07),
    ears=0.07,
    tail=(0.02, 0.36),
    furs=((232, 228, 220), (40, 34, 32), (128, 72, 44), (196, 164, 124)),
    is_patched=True,
)  # fmt: skip
DOG = Animal(
    body=((0.14, 0.42), (0.12, 0.62), (0.25, 0.7), (0.5, 0.68), (0.68, 0.74), (0.76, 0.6),
          (0.68, 0.42), (0.45, 0.42), (0.28, 0.46)),
    neck=((0.68, 0.64), (0.8, 0.82), 0.13),
    head=(0.86, 0.85, 0.13, 0.1),
    legs=(0.19, 0.66, 0.065),
    ears=0.12,
    tail=(0.0, 0.84),
    furs=((58, 46, 38), (176, 134, 84), (212, 200, 180), (34, 32, 32), (120, 84, 54)),
    is_patched=True,
)  # fmt: skip
BOAR = Animal(
    body=((0.05, 0.4), (0.05, 0.72), (0.2, 0.88), (0.5, 0.94), (0.72, 0.96), (0.86, 0.72),
          (0.8, 0.4), (0.5, 0.26), (0.2, 0.3)),
    neck=((0.74, 0.62), (0.84, 0.58), 0.34),
    head=(0.88, 0.52, 0.11, 0.15),
    legs=(0.16, 0.68, 0.065),
    ears=0.12,
    tail=(0.01, 0.5),
    furs=((62, 54, 48), (46, 42, 40), (84, 70, 58)),
)  # fmt: skip
HORSE = Animal(
    body=((0.1, 0.46), (0.09, 0.64), (0.2, 0.71), (0.45, 0.67), (0.66, 0.72), (0.74, 0.6),
          (0.66, 0.45), (0.45, 0.41), (0.25, 0.44)),
    neck=((0.67, 0.62), (0.83, 0.88), 0.14),
    head=(0.89, 0.86, 0.09, 0.055),
    legs=(0.17, 0.65, 0.05),
    ears=0.06,
    tail=(0.03, 0.3),
    furs=((112, 66, 40), (60, 42, 34), (206, 200, 192), (150, 104, 64)),
)  # fmt: skip
SHEEP = Animal(
    body=((0.06, 0.38), (0.02, 0.62), (0.12, 0.86), (0.4, 0.94), (0.7, 0.9), (0.84, 0.7),
          (0.78, 0.42), (0.5, 0.3), (0.2, 0.3)),
    neck=((0.76, 0.66), (0.86, 0.76), 0.16),
    head=(0.91, 0.75, 0.085, 0.1),
    legs=(0.2, 0.66, 0.065),
    ears=0.09,
    tail=(0.02, 0.44),
    furs=((216, 206, 188), (190, 180, 164), (72, 62, 56)),
)  # fmt: skip


def draw_animal(board: Board, rng: np.random.Generator, animal: Animal) -> None:
    """Draw an animal over the whole of a board, turned to either side."""
    size = np.array(board.size_m)
    fur = animal.furs[rng.integers(len(animal.furs))]
    far = shade(fur, 0.62)
    stride = float(rng.uniform(0, 0.07))
    hind, front, thick = animal.legs

    def limb(x: float, swing: float, paint: Paint) -> None:
        top, middle, foot = np.array([(x, 0.45), (x - 0.3 * swing, 0.22), (x + swing, 0.04)]) * size
        board.line([tuple(top), tuple(middle)], 1.15 * thick * size[0], paint)
        board.line([tuple(middle), tuple(foot)], 0.7 * thick * size[0], paint)
        board.ellipse(foot[0], 0.025 * size[1], 0.5 * thick * size[0], 0.025 * size[1], _HOOF)

    limb(hind + 0.06, stride, far)
    limb(front + 0.06, -stride, far)
    tail = np.array([animal.body[1], animal.tail]) * size
    board.line([tuple(p) for p in tail], 0.025 * size[0], far)
    limb(hind, -stride, fur)
    limb(front, stride, fur)
    board.fill(_smooth(np.array(animal.body)) * size, fur)
    start, end, neck_thick = animal.neck
    board.line([tuple(p * size) for p in np.array([start, end])], neck_thick * size[0], fur)
    x, y, radius_x, radius_y = animal.head
    board.ellipse(x * size[0], y * size[1], radius_x * size[0], radius_y * size[1], fur)
    muzzle = ((x + 0.7 * radius_x) * size[0], (y - 0.25 * radius_y) * size[1])
    board.ellipse(muzzle[0], muzzle[1], 0.03 * size[0], 0.5 * radius_y * size[1], far)
    for lean in (-0.03, 0.01):
        root = (x - 0.4 * radius_x, y + 0.6 * radius_y)
        ear = np.array([root, (root[0] + lean, root[1] + animal.ears)]) * size
        board.line([tuple(point) for point in ear], 0.03 * size[0], far)
    if animal.has_antlers and rng.random() < 0.6:
        _grow_antlers(board, (x - 0.3 * radius_x, y + 0.7 * radius_y), size)
    if animal.is_patched and rng.random() < 0.7:
        _patch(board, rng, animal.furs[rng.integers(len(animal.furs))])
    board.round(0.55)
    board.shade(_hair(rng))
    if rng.random() < 0.5:
        board.flip()


def _grow_antlers(board: Board, root: tuple[float, float], size: np.ndarray) -> None:
    """Draw two antlers."""
    bone: Paint = (176, 152, 116)
    for lean in (-0.07, 0.03):
        points = np.array([root, (root[0] + lean, 0.93), (root[0] + 2 * lean, 0.995)])
        board.line([tuple(p * size) for p in points], 0.018 * size[0], bone)
        twig = np.array([points[1], (points[1][0] + 0.06, 0.985)])
        board.line([tuple(p * size) for p in twig], 0.015 * size[0], bone)


def _patch(board: Board, rng: np.random.Generator, paint: Paint) -> None:
    """Cover parts of what is drawn with another fur."""
    rows, columns = board.rgba.shape[:2]
    ys, xs = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    waves = sum(
        np.sin(fx * xs + fy * ys + phase)
        for fx, fy, phase in zip(
            rng.uniform(-16, 16, 4), rng.uniform(-10, 10, 4), rng.uniform(0, 6, 4), strict=True
        )
    )
    is_patch = (waves > 0.6) & (board.rgba[..., 3] > 0)
    board.rgba[is_patch, :3] = paint


def _hair(rng: np.random.Generator) -> np.ndarray:
    """Return factors of a fur whose hairs lie along the body, (96, 96)."""
    fine = rng.normal(0, 0.2, (96, 96))
    along = 0.5 * fine + 0.3 * np.roll(fine, 1, axis=1) + 0.2 * np.roll(fine, 2, axis=1)
    coarse = cv2.resize(rng.normal(0, 0.09, (9, 12)), (96, 96), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1 + along + coarse)


def _smooth(corners: np.ndarray) -> np.ndarray:
    """Cut the corners of a closed outline twice (Chaikin), (N, 2) to (4 N, 2)."""
    for _ in range(2):
        following = np.roll(corners, -1, axis=0)
        cut = [0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following]
        corners = np.stack(cut, axis=1).reshape(-1, 2)
    return corners
