"""Texts beside boxes, judged pixel by pixel."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from teacher.box_texts import place_texts, write_texts
from util.visualization import new_figure

WITHIN = np.array([10.0, 20.0, 410.0, 320.0])


def paint(rectangles: np.ndarray) -> np.ndarray:
    """Count the rectangles of whole pixels over each pixel of the picture."""
    counts = np.zeros((400, 500), int)
    for x0, y0, x1, y1 in np.round(rectangles).astype(int):
        counts[y0:y1, x0:x1] += 1
    return counts


def test_a_text_alone_stands_above_its_box_or_within_the_picture_beside_it() -> None:
    size = np.array([[40.0, 8.0]])
    (place,) = place_texts(np.array([[100.0, 100, 120, 130]]), size, WITHIN)
    assert place.tolist() == [100, 130, 140, 138]
    (at_the_top,) = place_texts(np.array([[100.0, 300, 120, 320]]), size, WITHIN)
    assert at_the_top[3] <= 320
    assert paint(np.array([at_the_top, [100, 300, 120, 320]])).max() == 1
    (at_the_right,) = place_texts(np.array([[395.0, 100, 410, 120]]), size, WITHIN)
    assert at_the_right.tolist() == [370, 120, 410, 128]


@pytest.mark.parametrize("seed", range(5))
def test_texts_of_a_flock_hide_no_other_and_stay_in_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers((20, 30), (380, 280), (30, 2))
    boxes = np.hstack([corners, corners + rng.integers(5, 20, (30, 2))]).astype(float)
    sizes = np.stack([rng.integers(20, 60, 30), np.full(30, 8)], axis=1).astype(float)
    places = place_texts(boxes, sizes, WITHIN)
    np.testing.assert_allclose(places[:, 2:] - places[:, :2], sizes)
    assert (places[:, :2] >= WITHIN[:2]).all()
    assert (places[:, 2:] <= WITHIN[2:]).all()
    shared = np.minimum(places[:, None, 2:], places[None, :, 2:]) - np.maximum(
        places[:, None, :2], places[None, :, :2]
    )
    overlaps = (shared > 1e-9).all(axis=2) & ~np.eye(30, dtype=bool)
    assert not overlaps.any()


def test_where_there_is_no_place_all_texts_are_there_all_the_same() -> None:
    boxes = np.tile([20.0, 30, 30, 40], (9, 1))
    places = place_texts(boxes, np.tile([20.0, 8.0], (9, 1)), np.array([10.0, 20, 50, 50]))
    assert places.shape == (9, 4)
    assert place_texts(np.empty((0, 4)), np.empty((0, 2)), WITHIN).shape == (0, 4)
    wide = place_texts(boxes[:1], np.array([[90.0, 8.0]]), np.array([10.0, 20, 50, 50]))
    assert wide[0, 0] == 10


def test_labels_of_rectangles_are_written_and_joined_to_them_where_they_are_away() -> None:
    figure = new_figure(4, 4)
    axis = figure.subplots()
    axis.imshow(np.zeros((100, 100)))
    for number in range(40):
        shape = Rectangle((40, 40), 10, 10, fill=False, edgecolor="orange")
        shape.set_label(f"bird {number}")
        axis.add_patch(shape)
    axis.add_patch(Rectangle((0, 0), 5, 5))
    limits = axis.get_xlim(), axis.get_ylim()
    write_texts(figure)
    assert [text.get_text() for text in axis.texts] == [f"bird {n}" for n in range(40)]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axis.texts]
    for index, one in enumerate(boxes):
        assert axis.bbox.x0 <= one.x0 < one.x1 <= axis.bbox.x1
        assert not any(one.overlaps(other) for other in boxes[:index])
    assert axis.lines
    assert (axis.get_xlim(), axis.get_ylim()) == limits
