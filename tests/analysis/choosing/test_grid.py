"""Tests of the grid of the stream study."""

from pathlib import Path
from unittest.mock import Mock

from analysis.choosing.grid import Point, find_complete, find_lacking_groups
from analysis.work.cells import Cell
from analysis.work.plan import Plan

OWN = [Point(camera, "random", 16, seed) for camera in ("north", "south") for seed in (0, 1)]
ALL = [point._replace(group="all") for point in OWN]
CLUSTER = [point._replace(group="cluster") for point in OWN]


def test_a_shared_detector_that_lacks_costs_its_kind_alone() -> None:
    chosen, there = [*OWN, *ALL, *CLUSTER], {*OWN, *ALL, *CLUSTER[:-1]}
    assert find_complete(chosen, there) == ["north", "south"]
    assert find_lacking_groups(chosen, there) == ["cluster"]


def test_an_own_detector_that_lacks_costs_its_camera() -> None:
    assert find_complete([*OWN, *ALL], {*OWN[:-1], *ALL}) == ["north"]
    assert find_lacking_groups([*OWN, *ALL], {*OWN[:-1], *ALL}) == []


def test_a_cell_that_several_cameras_share_is_made_once() -> None:
    shared = Cell("student", "all", Path("cells/all"), {}, stage=Mock(), makes={})
    plan = Plan((), (), {("north",): {0: shared}, ("south",): {0: shared}})
    assert plan.students == (shared,)
