"""Where anomalies lie, and how large they are, before anything is painted."""

import itertools

import numpy as np
import pytest

from util.demo.road.board import Board
from util.demo.road.plan import draw_plan
from util.demo.road.things.anomalies import KINDS, MAX_SHARE, MIN_SHARE, draw_anomalies
from util.demo.road.view import draw_view


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_fills_about_the_share_of_its_box_that_sizes_are_reckoned_with(name: str) -> None:
    kind, rng = KINDS[name], np.random.default_rng(0)
    fills = []
    for _ in range(20):
        height, aspect = 1.0, float(rng.uniform(*kind.aspect))
        board = Board(height * aspect, height, 60)
        kind.draw(board, rng)
        fills.append((board.rgba[..., 3] > 0).mean())
    assert np.mean(fills) == pytest.approx(kind.fill, rel=0.25)


def test_anomalies_lie_on_the_road_or_a_pavement_within_the_picture_and_apart() -> None:
    num_anomalies = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        view, plan = draw_view(rng, 256), draw_plan(rng)
        found = draw_anomalies(rng, view, plan)
        num_anomalies += len(found)
        assert found
        columns = sorted(each.columns(view) for each in found)
        assert columns[0][0] > 0
        assert columns[-1][1] < 512
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(columns))
        for each in found:
            low, high = (each.x_m + sign * each.size_m[0] / 2 for sign in (-1, 1))
            assert -plan.left.pavement_edge_m <= low + 1e-9
            assert high <= plan.right.pavement_edge_m + 1e-9
            _, bottom = view.project(each.x_m, 0, each.z_m)
            assert view.vanish_xy[1] < bottom <= 0.9 * 256 + 1e-6
    assert 240 < num_anomalies < 400


def test_sizes_spread_over_the_range() -> None:
    shares = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        view, plan = draw_view(rng, 256), draw_plan(rng)
        largest = draw_anomalies(rng, view, plan)[0]
        width, height = (side * view.scale(largest.z_m) for side in largest.size_m)
        shares.append(KINDS[largest.name].fill * width * height / (256 * 512))
    assert min(shares) > MIN_SHARE
    assert max(shares) < MAX_SHARE
    assert np.quantile(shares, 0.1) < 0.006
    assert np.quantile(shares, 0.9) > 0.02
