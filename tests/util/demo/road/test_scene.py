"""Painted streets: exact masks, and anomalies only where they are asked for."""

from typing import Any

import numpy as np
import pytest

from util.demo.canvas import Canvas, Layer
from util.demo.road import scene as composing
from util.demo.road.scene import CLASSES, VOID, Scene, make_scene
from util.demo.road.things.anomalies import KINDS, MAX_SHARE, MIN_SHARE, Anomaly, draw_anomalies

SIZE_PX = 96
NUM_SCENES = 24


@pytest.fixture(scope="module")
def with_anomalies() -> list[Scene]:
    return [make_scene((3, number), SIZE_PX, True) for number in range(NUM_SCENES)]


@pytest.fixture(scope="module")
def without() -> list[Scene]:
    return [make_scene((3, number), SIZE_PX, False) for number in range(NUM_SCENES)]


def test_the_same_seed_gives_the_same_scene_and_another_one_another() -> None:
    first, again, other = (make_scene((1, number), 64, True) for number in (4, 4, 5))
    assert np.array_equal(first.image_rgb, again.image_rgb)
    assert np.array_equal(first.class_mask, again.class_mask)
    assert np.array_equal(first.anomaly_mask, again.anomaly_mask)
    assert not np.array_equal(first.image_rgb, other.image_rgb)


@pytest.mark.parametrize("size_px", [32, 97, 160])
def test_a_scene_is_twice_as_wide_as_high(size_px: int) -> None:
    scene = make_scene((11, size_px), size_px, True)
    assert scene.image_rgb.shape == (size_px, 2 * size_px, 3)
    for array in (scene.image_rgb, scene.class_mask, scene.anomaly_mask):
        assert array.shape[:2] == (size_px, 2 * size_px)
        assert array.dtype == np.uint8


def test_no_anomaly_is_painted_where_none_is_asked_for(without: list[Scene]) -> None:
    for scene in without:
        assert scene.anomalies == ()
        assert set(np.unique(scene.anomaly_mask)) <= {0, VOID}


def test_every_scene_that_shall_have_anomalies_shows_one_to_three(
    with_anomalies: list[Scene],
) -> None:
    counts = [len(scene.anomalies) for scene in with_anomalies]
    assert set(counts) <= {1, 2, 3}
    assert len(set(counts)) > 1
    assert len({name for scene in with_anomalies for name, _ in scene.anomalies}) > 8


def test_nothing_hides_an_anomaly(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Anomaly] = []

    def draw(*arguments: Any) -> list[Anomaly]:
        drawn[:] = draw_anomalies(*arguments)
        return drawn

    monkeypatch.setattr(composing, "draw_anomalies", draw)
    for number in range(40):
        scene = make_scene((123, number), 64, True)
        assert [name for name, _ in scene.anomalies] == [
            each.name for each in sorted(drawn, key=lambda each: -each.z_m)
        ]
        assert (scene.anomaly_mask == 1).mean() >= MIN_SHARE


def test_anomalies_are_neither_tiny_nor_huge(with_anomalies: list[Scene]) -> None:
    shares = np.array([(scene.anomaly_mask == 1).mean() for scene in with_anomalies])
    assert shares.min() >= MIN_SHARE
    assert shares.max() <= MAX_SHARE
    assert shares.max() > 5 * shares.min()


def test_the_boxes_hold_all_anomalous_pixels_and_each_has_some(
    with_anomalies: list[Scene],
) -> None:
    for scene in with_anomalies:
        left = scene.anomaly_mask == 1
        for _, (x0, y0, x1, y1) in scene.anomalies:
            assert left[y0:y1, x0:x1].any()
        for _, (x0, y0, x1, y1) in scene.anomalies:
            left[y0:y1, x0:x1] = False
        assert not left.any()


def test_masks_agree_about_what_is_of_no_class(
    with_anomalies: list[Scene], without: list[Scene]
) -> None:
    for scene in [*with_anomalies, *without]:
        assert np.array_equal(scene.class_mask == VOID, scene.anomaly_mask != 0)
        assert set(np.unique(scene.class_mask)) <= {*range(len(CLASSES)), VOID}


def test_what_is_void_but_no_anomaly_touches_the_lower_edge(without: list[Scene]) -> None:
    bonnets = [scene.anomaly_mask == VOID for scene in without]
    assert 0 < sum(bonnet.any() for bonnet in bonnets) < NUM_SCENES
    for bonnet in bonnets:
        assert not bonnet[: int(0.85 * SIZE_PX)].any()
        assert bonnet.any() == bonnet[-1].any()


def test_all_classes_are_shown_and_each_in_many_scenes(without: list[Scene]) -> None:
    for number, name in enumerate(CLASSES):
        shown = sum((scene.class_mask == number).any() for scene in without)
        assert shown >= NUM_SCENES / 5, name


def test_the_sky_is_above_the_road(without: list[Scene]) -> None:
    for scene in without:
        rows = [np.nonzero(scene.class_mask == CLASSES.index(name))[0] for name in ("sky", "road")]
        if rows[0].size:
            assert rows[0].max() < np.median(rows[1])


def test_masks_are_of_what_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each object in a colour of its own, without light or air, is found by its colour again."""
    numbers = {name: number + 1 for number, name in enumerate((*CLASSES, *KINDS, "bonnet"))}
    usual = Canvas.paint

    def paint_flat(canvas: Canvas, layer: Layer, class_name: str | None = None) -> None:
        is_solid = (layer.rgba[..., 3] >= 0.5) & (class_name is not None)
        flat = np.zeros_like(layer.rgba)
        flat[is_solid] = (numbers.get(class_name or "", 0), 0, 0, 1)
        usual(canvas, Layer(flat, layer.x, layer.y), class_name)

    monkeypatch.setattr(Canvas, "paint", paint_flat)
    monkeypatch.setattr(composing, "photograph", lambda rng, image_rgb: image_rgb)
    for number in range(4):
        scene = make_scene((3, number), SIZE_PX, True)
        painted = np.rint(scene.image_rgb[..., 0]).astype(int)
        expected = np.where(painted <= len(CLASSES), painted - 1, VOID)
        assert np.array_equal(scene.class_mask, expected)
        is_anomalous = (painted > len(CLASSES)) & (painted < numbers["bonnet"])
        assert np.array_equal(scene.anomaly_mask == 1, is_anomalous)


def test_anomalies_stand_out_from_what_is_around_them(with_anomalies: list[Scene]) -> None:
    contrasts = []
    for scene in with_anomalies:
        image = scene.image_rgb.astype(np.float32)
        for _, (x0, y0, x1, y1) in scene.anomalies:
            around = (slice(max(y0 - 3, 0), y1 + 3), slice(max(x0 - 3, 0), x1 + 3))
            inside = scene.anomaly_mask[around] == 1
            pixels = image[around]
            difference = pixels[inside].mean(axis=0) - pixels[~inside].mean(axis=0)
            contrasts.append(float(np.abs(difference).max()))
    assert np.median(contrasts) > 15


def test_lighting_differs_from_scene_to_scene(without: list[Scene]) -> None:
    levels = [scene.image_rgb.mean() for scene in without]
    assert min(levels) < 90
    assert max(levels) > 120
