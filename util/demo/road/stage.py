"""The picture in the making, and how drawings come to stand in it: upright, or in depth."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from util.demo.canvas import Canvas, Layer
from util.demo.light import Light
from util.demo.road.board import Board
from util.demo.road.view import View

_SMOOTH_BELOW_PX = 40_000
"""Shapes of fewer pixels get smooth edges by drawing them at twice the size."""

_LEVELS = np.arange(256, dtype=np.float32) / 255
_SQUARES = np.stack([_LEVELS**2] * 3 + [_LEVELS], axis=1)[None]
"""Of each 8-bit colour its light, of each 8-bit alpha itself, (1, 256, 4)."""

_MAX_SHADOW_DEPTH_M = 30.0
_SHADOW_ALPHA = 0.47
"""Below half: the ground in a shadow is still of its class."""


@dataclass(frozen=True)
class Stage:
    """What everything is painted with.

    Attributes:
        canvas: The picture so far.
        rng: Source of chance.
        view: Of the camera.
        light: Of the day.
    """

    canvas: Canvas
    rng: np.random.Generator
    view: View
    light: Light


def stand(
    stage: Stage,
    board: Board,
    x_m: float,
    z_m: float,
    class_name: str | None,
    y_m: float = 0.0,
    gain: np.ndarray | None = None,
) -> None:
    """Stand a drawing on the ground, its middle at x, facing the camera.

    Args:
        stage: Has the picture.
        board: The drawing.
        x_m: Where its middle is.
        z_m: How far away.
        class_name: What it shows; None for no object.
        y_m: Of its lower edge.
        gain: Light on it; None = that of the day on what faces the camera.
    """
    width_m, height_m = board.size_m
    center_x, bottom = stage.view.project(x_m, y_m, z_m)
    half, height = (stage.view.scale(z_m) * side for side in (0.5 * width_m, height_m))
    corners = [
        (center_x - half, bottom - height),
        (center_x + half, bottom - height),
        (center_x + half, bottom),
        (center_x - half, bottom),
    ]
    lay(stage, board, corners, z_m, class_name, stage.light.on(back=1) if gain is None else gain)


def stand_along(
    stage: Stage,
    board: Board,
    x_m: float,
    near_far_m: tuple[float, float],
    class_name: str,
    gain: np.ndarray,
    y_m: float = 0.0,
) -> None:
    """Stand a drawing beside the street, in depth: its left edge is the near one."""
    near, far = near_far_m
    top = y_m + board.size_m[1]
    corners = [
        stage.view.project(x_m, y, z) for y, z in ((top, near), (top, far), (y_m, far), (y_m, near))
    ]
    lay(stage, board, corners, (near * far) ** 0.5, class_name, gain)


def lay(
    stage: Stage,
    board: Board,
    corners: Sequence[tuple[float, float]],
    depth_m: float,
    class_name: str | None,
    gain: np.ndarray,
) -> None:
    """Lay a drawing into four corners of the picture: top left, top right, bottom right and left.

    Args:
        stage: Has the picture.
        board: The drawing.
        corners: In pixels.
        depth_m: How much air lies before it.
        class_name: What it shows; None for no object.
        gain: (3,) float32, light on it.
    """
    target = np.array(corners, np.float32)
    height, width = stage.canvas.image_rgb.shape[:2]
    x0, y0 = np.maximum(np.floor(target.min(axis=0)), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(target.max(axis=0)), (width, height)).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    factor = 2 if (x1 - x0) * (y1 - y0) < _SMOOTH_BELOW_PX else 1
    rows, columns = board.rgba.shape[:2]
    source = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32) - 0.5
    place = (target - np.array([x0, y0], np.float32)) * factor - 0.5
    matrix = cv2.getPerspectiveTransform(source, place.astype(np.float32))
    size = (int(x1 - x0), int(y1 - y0))
    drawn: np.ndarray = cv2.warpPerspective(
        board.rgba, matrix, (size[0] * factor, size[1] * factor)
    )
    if factor == 2:
        drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    # Colours are premultiplied as displayed; light is their square.
    rgba = np.asarray(cv2.LUT(drawn, _SQUARES))
    is_rim = (drawn[..., 3] > 0) & (drawn[..., 3] < 255)
    rgba[is_rim, :3] = rgba[is_rim, :3] / rgba[is_rim, 3:]
    clear, air_rgb = stage.light.through_air(depth_m)
    lit = np.eye(4, dtype=np.float32)
    lit[[0, 1, 2], [0, 1, 2]] = gain * clear
    lit[:3, 3] = air_rgb
    rgba = np.asarray(cv2.transform(rgba, lit))
    stage.canvas.paint(Layer(rgba, int(x0), int(y0)), class_name)


def cast_shadow(stage: Stage, board: Board, x_m: float, z_m: float) -> None:
    """Paint the shadow that something upright casts on the ground, where the sun shines."""
    light, view = stage.light, stage.view
    if light.sunshine < 0.4 or z_m > _MAX_SHADOW_DEPTH_M:
        return
    width_m, height_m = board.size_m
    right, up, back = light.sun_xyz
    top_x, top_z = x_m - height_m * right / up, max(z_m + height_m * back / up, 0.6 * z_m)
    left, end = x_m - view.mirror * width_m / 2, x_m + view.mirror * width_m / 2
    corners = [
        view.project(top_x + left - x_m, 0, top_z),
        view.project(top_x + end - x_m, 0, top_z),
        view.project(end, 0, z_m),
        view.project(left, 0, z_m),
    ]
    silhouette = Board(width_m, height_m, 1)
    silhouette.rgba = np.zeros_like(board.rgba)
    silhouette.rgba[..., 3] = board.rgba[..., 3] // 255 * round(_SHADOW_ALPHA * 255)
    lay(stage, silhouette, corners, 0, None, np.zeros(3, np.float32))


def shade_ground(stage: Stage, x_m: float, z_m: float, width_m: float, length_m: float) -> None:
    """Paint the soft shadow under something that stands on the ground."""
    scale = stage.view.scale(z_m)
    x, y = stage.view.project(x_m, 0, z_m)
    radius_x = max(0.5 * scale * width_m, 0.7)
    radius_y = max(0.5 * scale * length_m * stage.view.height_m / z_m, 0.7)
    half_w, half_h = int(1.5 * radius_x) + 1, int(1.5 * radius_y) + 1
    xs = (np.arange(-half_w, half_w + 1) / radius_x)[None, :]
    ys = (np.arange(-half_h, half_h + 1) / radius_y)[:, None]
    rgba = np.zeros((len(ys), xs.shape[1], 4), np.float32)
    rgba[..., 3] = _SHADOW_ALPHA * np.clip(1.6 - np.sqrt(xs * xs + ys * ys) * 1.1, 0, 1)
    stage.canvas.paint(Layer(rgba, round(x) - half_w, round(y) - half_h))
