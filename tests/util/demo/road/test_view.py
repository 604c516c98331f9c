"""The camera of the car, against points computed by hand."""

import numpy as np
import pytest

from util.demo.road.view import View, draw_view

VIEW = View(size_hw=(100, 200), focal_px=120, vanish_xy=(90, 40), height_m=1.5, bend=0.0, mirror=1)


def test_points_are_seen_where_similar_triangles_say() -> None:
    assert VIEW.project(0, 1.5, 7) == (90, 40)
    assert VIEW.project(2, 0, 10) == (90 + 24, 40 + 18)
    assert VIEW.project(-1, 3, 6) == (90 - 20, 40 - 30)


def test_the_ground_at_a_row_is_as_far_as_what_is_seen_there() -> None:
    _, row = VIEW.project(3, 0, 12.5)
    assert VIEW.depth_at(row) == pytest.approx(12.5)


def test_a_mirrored_street_and_a_bend_move_points_sideways() -> None:
    mirrored = View(**{**vars(VIEW), "mirror": -1})
    assert mirrored.project(2, 0, 10)[0] == 90 - 24
    bent = View(**{**vars(VIEW), "bend": 0.01})
    assert bent.project(0, 0, 10)[0] == pytest.approx(90 + 12 * 0.01 * 100)


def test_cameras_differ_and_see_ground_and_sky() -> None:
    views = [draw_view(np.random.default_rng(seed), 64) for seed in range(50)]
    assert len({view.focal_px for view in views}) == 50
    assert {view.mirror for view in views} == {1, -1}
    assert all(0.3 * 64 < view.vanish_xy[1] < 0.6 * 64 for view in views)
    assert all(view.size_hw == (64, 128) for view in views)
