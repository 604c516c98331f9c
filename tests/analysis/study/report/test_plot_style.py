"""Names beside plots, which can be read."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from analysis.study.report.plot_style import _keep_apart, name_points, shortened
from util.visualization import new_figure


def draw(points_xy: np.ndarray, height_inch: float = 4) -> tuple[Axes, list[Annotation]]:
    """Draw points, named by their numbers; the axis, and the names from below."""
    figure = new_figure(5, height_inch)
    axis = figure.subplots()
    axis.plot(*points_xy.T, "o")
    name_points(axis, [f"point {number}" for number in range(len(points_xy))], points_xy)
    figure.draw_without_rendering()
    named = [each for each in axis.texts if isinstance(each, Annotation)]
    return axis, sorted(named, key=lambda each: Text.get_window_extent(each).y0)


@pytest.mark.parametrize("height_inch", [2.5, 4])
def test_names_of_crowded_points_stand_beside_the_plot_and_do_not_touch(
    rng: np.random.Generator, height_inch: float
) -> None:
    points_xy = rng.normal(0.9, 0.012, (8, 2))
    points_xy[1] = points_xy[0]
    axis, names = draw(points_xy, height_inch)
    extents = [Text.get_window_extent(each) for each in names]
    assert all(below.y1 < above.y0 for below, above in pairwise(extents))
    figure = axis.get_figure(root=True)
    assert figure is not None
    for extent in extents:
        assert axis.get_window_extent().x1 < extent.x0
        assert extent.x1 <= figure.bbox.x1
        assert extent.y0 >= 0
        assert extent.y1 <= figure.bbox.y1


def test_names_are_in_the_order_of_their_points_and_have_lines_to_them() -> None:
    points_xy = np.array([[0.1, 0.9], [0.5, 0.2], [0.4, 0.2], [0.2, 0.6]])
    _, names = draw(points_xy)
    assert [each.get_text() for each in names] == ["point 2", "point 1", "point 3", "point 0"]
    assert [tuple(each.xy) for each in names] == [(0.4, 0.2), (0.5, 0.2), (0.2, 0.6), (0.1, 0.9)]
    assert all(each.arrow_patch is not None for each in names)


def test_more_names_than_fit_are_left_out() -> None:
    rising = np.linspace(0, 1, 23)
    assert len(draw(np.stack([rising, rising], axis=1), 4.4)[1]) == 0
    assert len(draw(np.stack([rising, rising], axis=1)[:22], 4.4)[1]) == 22


def test_names_keep_their_order_and_their_places_where_there_is_room() -> None:
    places = _keep_apart(np.array([0.0, 0.0, 0.01, 0.5, 0.99, 1.0, 1.0]), 0.046)
    assert (np.diff(places) > 0.0459).all()
    assert places[3] == 0.5
    assert max(places) <= 1
    assert _keep_apart(np.array([]), 0.046) == []


def test_a_long_name_loses_its_middle() -> None:
    assert shortened("a gull") == "a gull"
    assert shortened("a\n gull") == "a gull"
    short = shortened("a small bright seabird that floats on the waves of the sea")
    assert len(short) <= 34
    assert short.startswith("a small bright seabird")
    assert short.endswith("of the sea")
