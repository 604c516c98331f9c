"""Where windows lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from util.config import WindowsSection
from util.errors import UserError
from util.windows.grid import lay_windows
from util.windows.joining import join_maps

MARGINS = st.floats(0, 0.45)


@st.composite
def rules(draw: st.DrawFn) -> WindowsSection:
    size_px = draw(st.integers(1, 40))
    margins = {side: draw(MARGINS) for side in ("top", "left", "bottom", "right")}
    return WindowsSection(size_px=size_px, stride_px=draw(st.integers(1, size_px)), **margins)  # type: ignore[arg-type]


SIDES = st.integers(10, 90)


def kept_part(settings: WindowsSection, size_hw: tuple[int, int]) -> np.ndarray:
    """Tell pixel by pixel which ones margins leave."""
    height, width = size_hw
    kept = np.zeros(size_hw, bool)
    for row in range(height):
        for column in range(width):
            kept[row, column] = round(settings.top * height) <= row < height - round(
                settings.bottom * height
            ) and round(settings.left * width) <= column < width - round(settings.right * width)
    return kept


@given(rules(), SIDES, SIDES)
def test_windows_cover_all_that_margins_leave_and_nothing_else(
    settings: WindowsSection, height: int, width: int
) -> None:
    grid = lay_windows(settings, (height, width))
    kept = kept_part(settings, (height, width))
    np.testing.assert_array_equal(grid.count() > 0, kept)
    rows, columns = (int(kept.any(axis=axis).sum()) for axis in (1, 0))
    assert grid.window_hw == (min(rows, settings.size_px), min(columns, settings.size_px))
    for starts in (grid.tops, grid.lefts):
        steps = np.diff(starts)
        assert (steps > 0).all()
        assert (steps[:-1] == settings.stride_px).all()
        assert (steps <= settings.stride_px).all()


@given(rules(), SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_what_is_cut_and_joined_is_as_it_was_where_margins_leave_it(
    settings: WindowsSection, height: int, width: int, seed: int
) -> None:
    grid = lay_windows(settings, (height, width))
    levels = np.random.default_rng(seed).integers(0, 65536, (height, width))
    whole = (levels / 65535).astype(np.float32)
    places = dict(grid.places())
    joined = join_maps(grid, lambda name: whole[places[name]])
    expected = np.where(kept_part(settings, (height, width)), levels, 0)
    np.testing.assert_array_equal(np.rint(joined * 65535), expected)
    assert joined.max() <= 1


def test_windows_of_a_large_frame_with_a_logo_lie_where_they_should() -> None:
    grid = lay_windows(WindowsSection(top=0.12, left=0.24), (1280, 1920))
    assert grid.window_hw == (512, 512)
    assert grid.tops == (154, 410, 666, 768)
    assert grid.lefts == (461, 717, 973, 1229, 1408)
    places = dict(grid.places())
    assert places["03_04"] == (slice(768, 1280), slice(1408, 1920))
    assert list(places)[:6] == ["00_00", "00_01", "00_02", "00_03", "00_04", "01_00"]


def test_a_frame_that_is_smaller_than_a_window_is_one_of_its_own_size() -> None:
    grid = lay_windows(WindowsSection(right=0.25), (40, 80))
    assert list(grid.places()) == [("00_00", (slice(0, 40), slice(0, 60)))]


def test_where_windows_overlap_their_maps_are_averaged() -> None:
    grid = lay_windows(WindowsSection(size_px=2, stride_px=1, right=0.25), (2, 4))
    maps = {"00_00": np.full((2, 2), 0.2), "00_01": np.full((2, 2), 0.8)}
    np.testing.assert_allclose(join_maps(grid, maps.__getitem__), [[0.2, 0.5, 0.8, 0]] * 2)


def test_margins_that_leave_nothing_and_strides_that_leave_gaps_are_refused() -> None:
    with pytest.raises(UserError, match=r"margins of 0.6 and 0.3 leave nothing of 1 pixels"):
        lay_windows(WindowsSection(top=0.6, bottom=0.3), (1, 5))
    for told, message in (
        ({"top": 0.5, "bottom": 0.5}, r"less than 1 together with windows\.top"),
        ({"left": 0.7, "right": 0.6}, r"less than 1 together with windows\.left"),
        ({"size_px": 4, "stride_px": 5}, r"at most windows\.size_px"),
    ):
        with pytest.raises(ValidationError, match=message):
            WindowsSection(**told)  # type: ignore[arg-type]


def test_hundreds_of_windows_over_a_pixel_lose_nothing() -> None:
    grid = lay_windows(WindowsSection(size_px=24, stride_px=1), (45, 51))
    level = np.float32(65080 / 65535)
    joined = join_maps(grid, lambda _: np.full(grid.window_hw, level))
    assert grid.count().max() > 400
    assert (joined == level).all()
