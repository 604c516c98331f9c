"""Movement of pictures that are moved by known lengths, and a walk over them."""

import cv2
import numpy as np
import pytest

from util.streams.pictures.movement import choose_moved, measure_movement, score_movement
from util.streams.pictures.reading import shrink


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """A picture of soft spots, wider than what is seen of it."""
    return cv2.GaussianBlur(rng.integers(0, 256, (96, 400), np.uint8), (0, 0), 4) * 3


def seen_from(scene: np.ndarray, left: int) -> np.ndarray:
    return np.ascontiguousarray(scene[:, left : left + 128])


def test_the_movement_of_a_scene_that_is_moved_is_its_length(scene: np.ndarray) -> None:
    for pixels in (1, 2, 4):
        moved = measure_movement(seen_from(scene, 0), seen_from(scene, pixels))
        assert moved == pytest.approx(pixels / 128, rel=0.15)
    assert measure_movement(seen_from(scene, 0), seen_from(scene, 0)) < 1e-4  # rounding
    assert measure_movement(scene, seen_from(scene, 0)) == np.inf


def plain_walk(pictures: list, num: int, least: float) -> list[int]:
    """Keep a frame if its movement since the last that was kept exceeds what it must."""
    kept: list[int] = []
    for number, picture in enumerate(pictures):
        if picture is None or len(kept) == num:
            continue
        if not kept:
            kept.append(number)
            continue
        flow = cv2.calcOpticalFlowFarneback(
            pictures[kept[-1]],
            picture,
            None,
            pyr_scale=0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )
        lengths = [(x * x + y * y) ** 0.5 for x, y in flow.reshape(-1, 2).tolist()]
        if sum(lengths) / len(lengths) / max(picture.shape) > least:
            kept.append(number)
    return kept


@pytest.mark.parametrize("num", [1, 3, 99])
@pytest.mark.parametrize("least", [0.0, 0.01, 0.03])
def test_frames_are_those_of_the_walk(num: int, least: float, scene: np.ndarray) -> None:
    places = [0, 0, 1, 2, 3, 5, 5, 6, 9, 12, 12, 13, 14]
    pictures = [None, *(seen_from(scene, at) for at in places), None]
    pictures[5] = None
    scores = score_movement(pictures, len(pictures), num, least)
    choice = choose_moved(scores, num, least)
    assert choice.positions.tolist() == plain_walk(pictures, num, least)
    assert choice.positions[0] == 1
    assert choice.seen == (choice.positions[-1] + 1 if len(choice.positions) == num else 15)


def test_what_creeps_is_seen_though_no_two_frames_differ_much(scene: np.ndarray) -> None:
    pictures = [seen_from(scene, at) for at in range(10)]
    kept = choose_moved(score_movement(pictures, 10, 99, 2.5 / 128), 99, 2.5 / 128).positions
    assert kept.tolist() == [0, 3, 6, 9]


def test_no_frame_behind_the_last_that_is_asked_for_is_looked_at(scene: np.ndarray) -> None:
    looked = []

    def come() -> object:
        for at in range(0, 40, 8):
            looked.append(at)
            yield seen_from(scene, at)

    scores = score_movement(come(), 5, 2, 0.0)  # type: ignore[arg-type]
    assert looked == [0, 8]
    assert np.isnan(scores[2:]).all()


def test_pictures_are_small_and_keep_their_shape() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 320:] = 255
    small = shrink(image)
    assert small.shape == (192, 256)
    assert (small[:, :128] == 0).all()
    assert (small[:, 128:] == 255).all()
    assert shrink(image[:20, :30]).shape == (20, 30)
    assert shrink(np.zeros((1, 2000, 3), np.uint8)).shape == (1, 256)
