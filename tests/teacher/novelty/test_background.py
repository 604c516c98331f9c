"""What empty frames show, beside plain loops over cells."""

import numpy as np
import pytest

from teacher.novelty.background import LEAST_FRAMES, REACH, Background


def plain_distance(frames: list[np.ndarray], features: np.ndarray, row: int, column: int) -> float:
    """Distance of a cell to the nearest one of frames that is no more than REACH away."""
    height, width = features.shape[:2]
    near = [
        frame[r, c]
        for frame in frames
        for r in range(max(row - REACH, 0), min(row + REACH + 1, height))
        for c in range(max(column - REACH, 0), min(column + REACH + 1, width))
    ]
    return min(float(np.linalg.norm(features[row, column] - other)) for other in near)


def plain_novelty(frames: list[np.ndarray], features: np.ndarray) -> np.ndarray:
    spread = np.stack(frames).std(axis=(0, 1, 2))
    scaled = [frame / spread for frame in frames]
    cells = list(np.ndindex(features.shape[:2]))

    def distances(of: list[np.ndarray], image: np.ndarray) -> np.ndarray:
        return np.array([plain_distance(of, image, *cell) for cell in cells])

    apart = np.stack(
        [distances(scaled[:own] + scaled[own + 1 :], scaled[own]) for own in range(len(scaled))]
    )
    usual = apart.mean(axis=0)
    limit = np.quantile(np.maximum(apart - usual, 0), 0.99)
    excess = np.maximum(distances(scaled, features / spread) - usual, 0)
    return (excess / (excess + limit)).reshape(features.shape[:2])


@pytest.mark.parametrize("size_hw", [(7, 9), (2, 3), (1, 1)])
def test_novelty_equals_plain_loops_over_cells(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    frames = [rng.random((*size_hw, 4)).astype(np.float32) * (1, 5, 1, 9) for _ in range(4)]
    frames = [frame.astype(np.float32) for frame in frames]
    features = (rng.random((*size_hw, 4)) * 8).astype(np.float32)
    novelty = Background.of(frames).novelty_of(features)
    assert novelty.dtype == np.float32
    np.testing.assert_allclose(novelty, plain_novelty(frames, features), atol=1e-4)


def noisy_frames(rng: np.random.Generator) -> list[np.ndarray]:
    scene = rng.random((12, 12, 6)) * 10
    return [(scene + rng.normal(0, 0.1, scene.shape)).astype(np.float32) for _ in range(8)]


def test_what_an_empty_frame_shows_is_hardly_novel_and_what_none_shows_is(
    rng: np.random.Generator,
) -> None:
    *frames, another = noisy_frames(rng)
    another[5, 6] = 30
    novelty = Background.of(frames).novelty_of(another)
    assert novelty[5, 6] > 0.95
    novelty[5, 6] = 0
    assert np.quantile(novelty, 0.9) < 0.6
    np.testing.assert_array_equal(Background.of(frames).novelty_of(frames[0]), 0)


@pytest.mark.parametrize(("shift", "is_novel"), [(REACH, False), (REACH + 1, True)])
def test_a_thing_may_move_as_far_as_neighbours_are_looked_for(
    shift: int, is_novel: bool, rng: np.random.Generator
) -> None:
    frames = noisy_frames(rng)
    for frame in frames:
        frame[5, 5] = 30  # a flag that is always there
    moved = frames[0].copy()
    moved[5, 5], moved[5, 5 + shift] = frames[0][4, 4], 30
    assert (Background.of(frames).novelty_of(moved)[5, 5 + shift] > 0.9) == is_novel


def test_frames_that_never_vary_are_known_to_the_bit() -> None:
    frames = [np.ones((3, 3, 2), np.float32)] * LEAST_FRAMES
    background = Background.of(frames)
    np.testing.assert_array_equal(background.novelty_of(frames[0]), 0)
    np.testing.assert_array_equal(background.novelty_of(frames[0] + 1), 1)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 empty frames, given 2"):
        Background.of([np.ones((3, 3, 2), np.float32)] * 2)
