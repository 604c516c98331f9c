"""What passes the cameras: rush hours of birds, people by day, paths that are followed."""

import numpy as np
import pytest

from util.demo.cameras.families import FAMILIES, QUAY, ROADS
from util.demo.cameras.site import draw_site
from util.demo.cameras.traffic import bustle, find_passages

SEED = 2


def count(camera: int, kind: str, hours: np.ndarray) -> np.ndarray:
    """How many of a kind are there at hours."""
    family = FAMILIES[camera % 3]
    found = (find_passages(SEED, camera, family, float(hour)) for hour in hours)
    return np.array([sum(each.lane.kind == kind for each in there) for there in found])


def test_birds_have_rush_hours_and_are_few_at_others() -> None:
    hours = np.arange(0, 24 * 14, 0.25)
    for camera in range(6):
        birds = np.sort(count(camera, "bird", hours))[::-1]
        busiest = len(birds) // 5
        assert birds[:busiest].sum() > 0.6 * birds.sum()
        assert (birds == 0).mean() > 0.4
        assert birds.max() >= 8


def test_the_first_hours_show_few_birds() -> None:
    first = [count(camera, "bird", np.arange(4.5, 8, 0.15)).mean() for camera in range(30)]
    later = [count(camera, "bird", np.arange(8, 22, 0.15)).mean() for camera in range(30)]
    assert np.mean(first) < 0.6 * np.mean(later)


def test_each_day_and_each_camera_has_rush_hours_of_its_own() -> None:
    hours = np.arange(0, 24, 0.1)

    def busiest(camera: int, day: int) -> float:
        told = [bustle(SEED, camera, "bird", 24 * day + float(hour)) for hour in hours]
        return float(hours[int(np.argmax(told))])

    assert len({round(busiest(0, day), 1) for day in range(6)}) > 3
    assert len({round(busiest(camera, 0), 1) for camera in range(6)}) > 3


def test_people_come_by_day_and_hardly_any_at_night() -> None:
    day, night = (
        np.concatenate([24 * day + np.arange(*hours, 0.25) for day in range(14)])
        for hours in ((11, 20), (2, 6))
    )
    assert count(1, "person", day).mean() > 1.5
    assert count(1, "person", night).mean() < 0.3


def test_boats_go_out_in_the_morning_and_come_home_in_the_evening() -> None:
    assert bustle(SEED, 0, "boat", 8.5) > 2 * bustle(SEED, 0, "boat", 12.8)
    assert bustle(SEED, 0, "boat", 17.5) > 2 * bustle(SEED, 0, "boat", 23)


def test_what_is_there_comes_from_far_to_near() -> None:
    for hour in np.arange(5, 40, 0.7).tolist():
        depths = [passage.depth_m(hour) for passage in find_passages(SEED, 1, QUAY, hour)]
        assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize("camera", [0, 1, 2])
def test_what_crosses_comes_in_at_one_side_and_leaves_at_the_other(camera: int) -> None:
    view = draw_site(SEED, camera, 96).view
    width = view.size_hw[1]
    num_checked = 0
    for hour in np.arange(6, 40, 0.5).tolist():
        for passage in find_passages(SEED, camera, FAMILIES[camera], hour):
            if passage.lane.kind != "boat" or passage.lane.way != "cross":
                continue
            columns = [
                view.project(passage.x_m(time, view), 0, passage.depth_m(time))[0]
                for time in passage.start_h + np.linspace(0, 1, 5) * passage.hours
            ]
            steps = np.diff(columns)
            assert (steps > 0).all() or (steps < 0).all()
            assert min(columns) < 0 < width < max(columns)
            num_checked += 1
    assert num_checked > 5


def test_people_above_open_water_keep_to_the_pier() -> None:
    view = draw_site(SEED, 0, 144).view
    found = [
        (passage.x_m(hour, view), passage.depth_m(hour))
        for hour in np.arange(6, 200, 0.5).tolist()
        for passage in find_passages(SEED, 0, ROADS, hour)
        if passage.lane.kind == "person"
    ]
    assert len(found) > 20
    for x_m, z_m in found:
        assert abs(x_m - (-2 - 0.18 * z_m)) <= 0.5
        _, row = view.project(x_m, 0, z_m)
        assert 0 < row < 144
