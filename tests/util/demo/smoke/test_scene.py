"""Painted skylines: smoke where the masks say so, and nothing else differs with it."""

from typing import Any

import cv2
import numpy as np
import pytest

from util.demo.light import Light
from util.demo.smoke import plume as plumes
from util.demo.smoke import scene as composing
from util.demo.smoke.picture import Picture
from util.demo.smoke.plate import Drawing
from util.demo.smoke.scene import CLASSES, DENSE, FAINT, IGNORED, THIN, Scene, make_scene

SIZE_PX = 96
NUM_SCENES = 24
DENSE_SMOKE, THIN_SMOKE, STEAM, CHIMNEY = (
    CLASSES.index(name) for name in ("dense smoke", "thin smoke", "steam", "chimney")
)


def paint(has_smoke: bool, number: int, camera: int | None = None) -> Scene:
    return make_scene(3, number % 10 if camera is None else camera, number, SIZE_PX, has_smoke)


def difference(one: Scene, other: Scene) -> np.ndarray:
    return np.abs(one.image_rgb.astype(int) - other.image_rgb).max(axis=2)


@pytest.fixture(scope="module")
def smoky() -> list[Scene]:
    return [paint(True, number) for number in range(NUM_SCENES)]


@pytest.fixture(scope="module")
def clear() -> list[Scene]:
    return [paint(False, number) for number in range(NUM_SCENES)]


def test_the_same_numbers_give_the_same_frame_and_others_another(smoky: list[Scene]) -> None:
    again = paint(True, 4)
    assert np.array_equal(again.image_rgb, smoky[4].image_rgb)
    assert np.array_equal(again.class_mask, smoky[4].class_mask)
    assert np.array_equal(again.opacity, smoky[4].opacity)
    for other in (paint(True, 14), make_scene(4, 4, 4, SIZE_PX, True)):
        assert not np.array_equal(other.image_rgb, again.image_rgb)


@pytest.mark.parametrize("size_px", [32, 97, 160])
def test_a_frame_is_half_as_wide_again_as_high(size_px: int) -> None:
    for number in range(4):
        scene = make_scene(11, number, number, size_px, True)
        assert scene.image_rgb.shape == (size_px, round(1.5 * size_px), 3)
        for array in (scene.class_mask, scene.opacity):
            assert array.shape == scene.image_rgb.shape[:2]
        assert scene.image_rgb.dtype == scene.class_mask.dtype == np.uint8
        assert scene.opacity.dtype == np.float32


def test_clear_frames_have_no_smoke_not_even_faint(clear: list[Scene]) -> None:
    for scene in clear:
        assert not scene.opacity.any()
        assert not np.isin(scene.class_mask, [DENSE_SMOKE, THIN_SMOKE, IGNORED]).any()
        assert all(name == "steam" for name, _ in scene.plumes)


def test_frames_with_smoke_show_some_of_it_dense_and_thin(smoky: list[Scene]) -> None:
    shares = np.array(
        [np.isin(scene.class_mask, [DENSE_SMOKE, THIN_SMOKE]).mean() for scene in smoky]
    )
    assert shares.min() > 0.005
    assert shares.max() < 0.4
    for scene in smoky:
        assert {DENSE_SMOKE, THIN_SMOKE, IGNORED} <= set(np.unique(scene.class_mask))


def test_where_no_smoke_is_the_picture_is_that_without_smoke(
    smoky: list[Scene], clear: list[Scene]
) -> None:
    reach = np.ones((9, 9), np.uint8)  # of the blur of the camera
    for with_smoke, without in zip(smoky, clear, strict=True):
        near = cv2.dilate((with_smoke.opacity > 0).astype(np.uint8), reach) > 0
        assert (~near).mean() > 0.2
        assert not difference(with_smoke, without)[~near].any()


def test_where_smoke_is_dense_the_picture_differs(smoky: list[Scene], clear: list[Scene]) -> None:
    differs, levels = [], []
    for with_smoke, without in zip(smoky, clear, strict=True):
        found = difference(with_smoke, without)
        differs.append(found[with_smoke.class_mask == DENSE_SMOKE] > 2)
        levels.append(
            [found[with_smoke.class_mask == kind].mean() for kind in (DENSE_SMOKE, THIN_SMOKE)]
        )
    assert np.concatenate(differs).mean() > 0.97
    dense, thin = np.median(levels, axis=0)
    assert dense > 20
    assert dense > 1.4 * thin > 0


@pytest.mark.parametrize("number", range(4))
def test_opacity_is_the_share_of_light_that_is_of_smoke(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smoke that shines by 1 more than black smoke adds just its opacity to the picture."""
    monkeypatch.setattr(composing, "photograph", lambda rng, image_rgb: image_rgb)
    usual, added = plumes._light_up, [0]

    def shine(kind: Any, gain: np.ndarray, *others: Any) -> np.ndarray:
        lit = usual(kind, gain, *others)
        is_steam = kind.rgb == plumes._STEAM
        return lit if is_steam else np.full_like(lit, added[0])

    monkeypatch.setattr(plumes, "_light_up", shine)
    black = paint(True, number)
    added[0] = 1
    white = paint(True, number)
    expected = (white.image_rgb - black.image_rgb)[..., 1]
    assert white.opacity.max() > 0.6
    assert white.opacity == pytest.approx(expected, abs=1e-5)


def test_classes_of_smoke_are_ranges_of_its_opacity(smoky: list[Scene]) -> None:
    for scene in smoky:
        for kind, low, high in (
            (DENSE_SMOKE, DENSE, 1.01),
            (THIN_SMOKE, THIN, DENSE),
            (IGNORED, FAINT, THIN),
        ):
            expected = (scene.opacity >= low) & (scene.opacity < high)
            assert np.array_equal(scene.class_mask == kind, expected)


def test_chimneys_are_in_all_frames_and_steam_in_many_of_both_kinds(
    smoky: list[Scene], clear: list[Scene]
) -> None:
    for scenes in (smoky, clear):
        assert all((scene.class_mask == CHIMNEY).any() for scene in scenes)
        steaming = np.mean([(scene.class_mask == STEAM).any() for scene in scenes])
        assert 0.3 < steaming < 0.9


def test_frames_of_a_camera_show_one_site_in_other_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "_STEAM_SHARE", 0)
    frames = [paint(False, number, camera=1) for number in range(5)]
    other = paint(False, 0, camera=2)
    for frame in frames[1:]:
        assert np.array_equal(frame.class_mask, frames[0].class_mask)
        assert difference(frame, frames[0]).mean() > 10
    assert not np.array_equal(other.class_mask, frames[0].class_mask)


def test_the_boxes_hold_all_pixels_of_their_plumes_and_no_more(smoky: list[Scene]) -> None:
    for scene in smoky:
        for name, kinds in (("smoke", [DENSE_SMOKE, THIN_SMOKE]), ("steam", [STEAM])):
            shown = np.isin(scene.class_mask, kinds)
            boxes = [box for of_box, box in scene.plumes if of_box == name]
            assert bool(boxes) == shown.any()
            if boxes:
                ys, xs = np.nonzero(shown)
                x0, y0, x1, y1 = np.array(boxes).T
                edges = (x0.min(), y0.min(), x1.max(), y1.max())
                assert edges == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            for left, top, right, bottom in boxes:
                shown[top:bottom, left:right] = False
            assert not shown.any()


def test_smoke_drifts_farther_than_steam(smoky: list[Scene]) -> None:
    longest = {
        wanted: np.median(
            [
                max(x1 - x0, y1 - y0)
                for scene in smoky
                for name, (x0, y0, x1, y1) in scene.plumes
                if name == wanted
            ]
        )
        for wanted in ("smoke", "steam")
    }
    assert longest["smoke"] > 1.5 * longest["steam"]


def test_what_is_painted_before_a_plume_hides_its_share() -> None:
    picture = Picture(np.zeros((2, 3, 3), np.float32))
    everywhere = (slice(0, 2), slice(0, 3))
    half, white = np.full((2, 3), 0.5, np.float32), np.ones((2, 3, 3), np.float32)
    picture.paint_plume("smoke", everywhere, white, half)
    picture.paint_plume("steam", everywhere, white, half)
    picture.paint_plume("smoke", (slice(0, 2), slice(0, 1)), white[:, :1], half[:, :1])
    alpha = np.array([[0.5, 0.5, 0.4]], np.float32)
    kinds = np.full((1, 3), 1, np.uint8)
    picture.paint_solid(1, np.zeros((1, 3, 3), np.float32), alpha, kinds)
    smoke = [[0.125 + 0.5, 0.25, 0.25], [0.0625 + 0.25, 0.125, 0.15]]
    assert picture.opacity("smoke") == pytest.approx(np.array(smoke))
    steam = [[0.25, 0.5, 0.5], [0.125, 0.25, 0.3]]
    assert picture.opacity("steam") == pytest.approx(np.array(steam))
    assert picture.image_rgb[..., 0] == pytest.approx(np.add(smoke, steam))
    assert picture.kinds.tolist() == [[0, 0, 0], [1, 1, 0]]


def test_what_is_round_is_bright_where_the_sun_is() -> None:
    drawing = Drawing(np.random.default_rng(0), (64, 96), 0.75)
    drawing.round(0.5, [0, 0.5], [0.2, 0.2], (150, 150, 150), kind=1)
    plate = drawing.finish(depth_m=10)
    for right in (-0.8, 0.8):
        light = Light(
            sky_rgb=np.zeros((2, 3), np.float32),
            ambient_rgb=np.full(3, 0.2, np.float32),
            sun_rgb=np.ones(3, np.float32),
            sun_xyz=(right, 0, 0.6),
            haze_per_m=0.0,
            clouds=0.0,
            wetness=0.0,
            is_dusk=False,
        )
        picture = Picture(np.zeros((64, 96, 3), np.float32))
        plate.paint(picture, light)
        # From (0.3, 0.5) to (0.7, 0) in heights of the picture: its rows 16 to 48.
        ys, xs = np.nonzero(picture.kinds == 1)
        assert (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1) == (19, 45, 16, 48)
        left, far = picture.image_rgb[30, 22].mean(), picture.image_rgb[30, 41].mean()
        assert (far > 1.5 * left) if right > 0 else (left > 1.5 * far)
