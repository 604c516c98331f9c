"""Painted frames of the harbour: boxes round what is there, light that drifts, families alike."""

import itertools

import cv2
import numpy as np
import pytest

from util.demo.cameras import boats
from util.demo.cameras.day import light_at, sun_elevation
from util.demo.cameras.families import FAMILIES
from util.demo.cameras.scene import CLASSES, LEAST_PX, Scene, make_scene, paint_frame
from util.demo.cameras.site import draw_site
from util.demo.cameras.traffic import Passage, find_passages
from util.demo.road.things import people

SEED = 3
SIZE_PX = 144
HOURS = np.arange(5, 53, 1.7).tolist()


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Frames of six cameras through two days."""
    return [make_scene(SEED, camera, hour, SIZE_PX) for camera in range(6) for hour in HOURS]


def mean_difference(one: Scene, other: Scene) -> float:
    return float(np.abs(one.image_rgb.astype(int) - other.image_rgb).mean())


def test_the_same_numbers_give_the_same_frame_and_others_another() -> None:
    first = make_scene(SEED, 1, 12.0, 64)
    draw_site.cache_clear()
    again = make_scene(SEED, 1, 12.0, 64)
    assert np.array_equal(first.image_rgb, again.image_rgb)
    assert first.instances == again.instances
    for other in (make_scene(4, 1, 12.0, 64), make_scene(SEED, 4, 12.0, 64)):
        assert not np.array_equal(first.image_rgb, other.image_rgb)


@pytest.mark.parametrize("size_px", [32, 97, 192])
def test_a_frame_is_a_third_wider_than_high(size_px: int) -> None:
    for camera in range(3):
        image_rgb = make_scene(SEED, camera, 10.0, size_px).image_rgb
        assert image_rgb.shape == (size_px, round(size_px * 4 / 3), 3)
        assert image_rgb.dtype == np.uint8


def test_boxes_lie_in_the_frame_and_are_not_too_small(scenes: list[Scene]) -> None:
    found = [instance for scene in scenes for instance in scene.instances]
    assert {name for name, _ in found} == set(CLASSES)
    for _, (x0, y0, x1, y1) in found:
        assert 0 <= x0 <= x1 - LEAST_PX
        assert 0 <= y0 <= y1 - LEAST_PX
        assert x1 <= 192
        assert y1 <= 144


def test_things_are_large_enough_for_a_detector(scenes: list[Scene]) -> None:
    sides: dict[str, list[tuple[int, int]]] = {name: [] for name in CLASSES}
    for scene in scenes:
        for name, (x0, y0, x1, y1) in scene.instances:
            if x0 > 0 and x1 < 192:
                sides[name].append((x1 - x0, y1 - y0))
    boat, person, bird = (np.array(sides[name]) for name in CLASSES)
    assert np.percentile(boat[:, 0], 10) >= 12
    assert boat[:, 0].max() <= 75
    assert np.percentile(person[:, 1], 10) >= 9
    assert person[:, 1].max() <= 36
    assert np.percentile(bird.max(axis=1), 10) >= 6
    assert bird.max() <= 18


def alone(camera: int, hour: float, passages: list[Passage]) -> Scene:
    site = draw_site(SEED, camera, SIZE_PX)
    return paint_frame(SEED, camera, hour, site, passages)


@pytest.fixture
def nothing_beside_things(monkeypatch: pytest.MonkeyPatch) -> None:
    """Things without shadows, wakes and mirror images, which are outside of their boxes."""
    for module, name in (
        (boats, "_lay_mirrored"),
        (boats, "_paint_wake"),
        (people, "cast_shadow"),
        (people, "shade_ground"),
    ):
        monkeypatch.setattr(module, name, lambda *_: None)


@pytest.mark.usefixtures("nothing_beside_things")
def test_a_box_encloses_all_that_a_thing_changes_and_no_more() -> None:
    checked = dict.fromkeys(CLASSES, 0)
    for camera, hour in itertools.product(range(6), (9.0, 12.5, 17.5)):
        empty = alone(camera, hour, [])
        family = FAMILIES[camera % 3]
        for passage in find_passages(SEED, camera, family, hour):
            scene = alone(camera, hour, [passage])
            difference = np.abs(scene.image_rgb.astype(int) - empty.image_rgb).max(axis=2)
            if not scene.instances:
                continue
            ((name, (x0, y0, x1, y1)),) = scene.instances
            assert name == passage.lane.kind
            # The blur of the camera reaches two pixels farther, faintly.
            outside = difference.copy()
            outside[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2] = 0
            assert outside.max() <= 0.2 * difference.max() + 4
            if difference.max() > 60:
                inside = difference[y0:y1, x0:x1] > 5
                assert inside.mean() > 0.15
                for edge in (inside[:2], inside[-2:], inside[:, :2], inside[:, -2:]):
                    assert edge.any()
                checked[name] += 1
    assert min(checked.values()) >= 5


def test_what_is_hidden_is_not_told() -> None:
    camera = 1
    site = draw_site(SEED, camera, SIZE_PX)
    near = next(
        passage
        for start in np.arange(8, 60, 0.5)
        for passage in find_passages(SEED, camera, FAMILIES[1], float(start))
        if passage.lane.kind == "boat" and passage.speed == 0
    )
    hour = near.start_h + 0.5 * near.hours
    own = paint_frame(SEED, camera, hour, site, [near]).instances
    twice = paint_frame(SEED, camera, hour, site, [near, near]).instances
    assert len(own) == 1
    assert twice == own


def test_neighbouring_frames_are_alike_and_far_ones_are_not() -> None:
    for camera in range(3):
        starts = [make_scene(SEED, camera, hour, 64) for hour in (6, 10, 14, 18, 22)]
        nexts = [make_scene(SEED, camera, hour + 0.15, 64) for hour in (6, 10, 14, 18, 22)]
        near = [mean_difference(*pair) for pair in zip(starts, nexts, strict=True)]
        far = [mean_difference(*pair) for pair in itertools.combinations(starts, 2)]
        assert max(near) < 0.7 * float(np.median(far))


def test_things_move_little_from_frame_to_frame_and_go_in_the_end() -> None:
    for camera in range(3):
        family = FAMILIES[camera]
        for hour in (9.0, 17.0):
            now, soon, late = (
                {passage.look for passage in find_passages(SEED, camera, family, hour + more)}
                for more in (0, 0.15, 7)
            )
            assert len(now & soon) >= 0.5 * len(now)
            assert not now & late


def test_noon_is_bright_dusk_is_red_and_night_is_dark_with_lamps() -> None:
    noon, dusk, night = (light_at(hour, 0.2, 0.1, 0.0, (1, 1, 1)) for hour in (13, 20.9, 1))
    assert noon.ambient_rgb.mean() > dusk.ambient_rgb.mean() > night.ambient_rgb.mean() > 0
    assert not noon.is_dusk
    assert dusk.is_dusk
    assert night.is_dusk
    red, _, blue = dusk.sky_rgb[1]
    assert red > blue
    assert noon.sky_rgb[1][2] > noon.sky_rgb[1][0]
    assert sun_elevation(13) > 1 > 0 > sun_elevation(23)
    assert sun_elevation(37) == pytest.approx(sun_elevation(13))


def test_clouds_take_the_sun_and_haze_the_distance() -> None:
    clear, closed = (light_at(13, clouds, 0.1, 0.0, (1, 1, 1)) for clouds in (0, 1))
    assert closed.sun_rgb.mean() < 0.2 * clear.sun_rgb.mean()
    misty = light_at(13, 0.5, 1.0, 0.0, (1, 1, 1))
    assert misty.through_air(60)[0] < 0.5 < clear.through_air(60)[0]


def test_cameras_of_a_family_are_nearer_to_each_other_than_to_others() -> None:
    def describe(camera: int) -> np.ndarray:
        """Mean of coarse frames through a day, less their mean colour."""
        frames = [make_scene(SEED, camera, hour, 48).image_rgb for hour in range(6, 22, 3)]
        coarse = cv2.resize(np.mean(frames, axis=0), (16, 12), interpolation=cv2.INTER_AREA)
        gray = coarse.mean(axis=2)
        return np.asarray(gray - gray.mean()).ravel()

    cameras = [*range(6), 1000, 1001, 1002]
    described = {camera: describe(camera) for camera in cameras}
    for camera in cameras:
        distances = {
            other: float(np.linalg.norm(described[camera] - described[other]))
            for other in cameras
            if other != camera
        }
        nearest = sorted(distances, key=lambda other: distances[other])[:2]
        assert {other % 3 for other in nearest} == {camera % 3}
