"""How fast images are found and their sizes read; see `test_speed` for how it is measured."""

from pathlib import Path

import numpy as np
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import best_speed_up
from util.images.files import find_images, image_size_hw, read_image
from util.images.ids import name_to_id


def test_images_are_found_twice_as_fast_as_by_pathlib(
    tmp_path: Path, benchmark: BenchmarkFixture
) -> None:
    for number in range(3000):
        path = tmp_path / f"flight {number % 30}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()

    def plain() -> dict[str, Path]:
        found = {}
        for path in sorted(tmp_path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in path.relative_to(tmp_path).parts)
            if path.suffix.lower() in (".jpg", ".png") and not is_hidden and not path.is_dir():
                found[name_to_id(path.relative_to(tmp_path).as_posix())] = path
        return found

    assert find_images(tmp_path) == plain()
    ratio = best_speed_up(lambda: find_images(tmp_path), plain, rounds=3, least=2)
    benchmark.extra_info["times pathlib"] = round(ratio, 1)
    benchmark(find_images, tmp_path)
    assert ratio >= 2


def test_the_size_of_a_png_is_read_5_times_as_fast_as_its_pixels(
    tmp_path: Path, benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    noise = rng.integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    path = tmp_path / "x.png"
    Image.fromarray(noise).save(path, compress_level=1)
    assert image_size_hw(path) == (1500, 2000)
    ratio = best_speed_up(lambda: image_size_hw(path), lambda: read_image(path), rounds=3, least=5)
    benchmark.extra_info["times the pixels"] = round(ratio, 1)
    benchmark(image_size_hw, path)
    assert ratio >= 5
