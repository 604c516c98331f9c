"""The network is asked once an image, only where the image is not even, and remembered."""

from pathlib import Path

import numpy as np
import pytest

from teacher.inference.cache import Cache
from teacher.saa.whole_things import WholeThings, is_even
from tests.conftest import paint_scene

WATER = paint_scene((96, 128), [(20, 30), (60, 100)])


class Middle:
    """In place of the network: a third stands out in the middle; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def look(self, image_rgb: np.ndarray) -> np.ndarray:
        self.asked += 1
        answer = np.zeros((320, 320), np.float32)
        answer[100:220, 80:240] = 1 / 3 + image_rgb[0, 0, 0] / 1000
        return answer


def shore(first: int = 9) -> np.ndarray:
    image = WATER.copy()
    image[:, 70:] = (190, 170, 140)
    image[0, 0] = first
    return image


def test_water_with_birds_is_even_and_water_with_a_shore_is_not() -> None:
    assert is_even(WATER)
    assert not is_even(shore())
    assert is_even(np.full((1, 1, 3), 7, np.uint8))


def test_the_network_is_asked_once_for_one_image_and_never_for_open_water() -> None:
    network = Middle()
    look = WholeThings(network)  # type: ignore[arg-type]
    assert look(WATER) is None
    assert network.asked == 0
    first = look(shore())
    assert look(shore()) is first
    assert network.asked == 1
    other = look(shore(200))
    assert network.asked == 2
    assert other is not None
    assert other.max() == pytest.approx(1 / 3 + 0.2, abs=1e-3)


def test_a_cache_gives_the_same_answer_and_asks_no_network_of_equal_weights(
    tmp_path: Path,
) -> None:
    plain = WholeThings(Middle())(shore())  # type: ignore[arg-type]
    cache, network = Cache(tmp_path, 10**8), Middle()
    for weights in ("a", "a", "b"):
        look = WholeThings(network, cache, {"weights": weights})  # type: ignore[arg-type]
        np.testing.assert_array_equal(look(shore()), plain)
    assert network.asked == 2
