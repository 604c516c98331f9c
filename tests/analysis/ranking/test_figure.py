"""The figure of a ranking: texts beside dots can be read."""

from itertools import combinations

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from analysis.ranking.figure import label_points
from util.visualization import new_figure


def label(points_xy: np.ndarray, texts: list[str]) -> tuple[list[BboxBase], np.ndarray, BboxBase]:
    """Label points of a figure: the extents of the texts, the dots and the frame, in pixels."""
    figure = new_figure(5, 4)
    axis = figure.subplots()
    axis.plot(*points_xy.T, "o")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    labels = label_points(axis, texts, points_xy)
    figure.draw_without_rendering()
    extents = [Text.get_window_extent(each) for each in labels]  # lines may cross
    return extents, axis.transData.transform(points_xy), axis.get_window_extent()


def test_a_lonely_point_has_its_text_beside_it() -> None:
    (extent,), (point,), _ = label(np.array([[0.4, 0.4]]), ["gull"])
    assert 0 < extent.x0 - point[0] < 12
    assert abs(extent.y0 - point[1]) < 12


def test_texts_of_crowded_points_cover_neither_each_other_nor_points_nor_leave_the_frame(
    rng: np.random.Generator,
) -> None:
    points = rng.normal(0.9, 0.012, (10, 2)).clip(0, 0.98)
    extents, dots, frame = label(points, [f"prompt {number}" for number in range(10)])
    for one, other in combinations(extents, 2):
        assert not one.overlaps(other)
    for extent in extents:
        assert not any(extent.contains(*dot) for dot in dots.tolist())
        assert frame.x0 < extent.x0
        assert extent.x1 < frame.x1
