"""What crops of large images cost, beside images that are decoded for each crop anew."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from student.data.augmentation import Augmentation, Sample, augment
from student.data.crops import count_crops
from student.data.loading import SoftLabelPairs
from tests.benchmarks.test_speed import speed_up
from util.config import Config
from util.data_classes import BoxSettings
from util.images.files import read_image, write_image
from util.label_set import Content, LabelSetWriter

SIZE_HW = (1500, 2000)
SETTINGS = Config().student
SIDE = SETTINGS.crop_size_px
AUGMENTATION = Augmentation(SIDE, crops_per_image=count_crops(SETTINGS, {"a": SIZE_HW}))


@pytest.fixture
def pairs(tmp_path: Path, rng: np.random.Generator) -> SoftLabelPairs:
    """One large image of swell with 40 birds, of which nothing is kept in memory."""
    swell = cv2.resize(rng.integers(60, 110, (150, 200, 3), dtype=np.uint8), SIZE_HW[::-1])
    soft_label = np.zeros(SIZE_HW)
    for row, column in rng.integers(0, 1400, (40, 2)):
        swell[row : row + 20, column : column + 30] = 230
        soft_label[row : row + 20, column : column + 30] = 0.7
    write_image(tmp_path / "a.jpg", swell)
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", Content(soft_label), "1", 0)
        label_set = writer.finish(BoxSettings())
    return SoftLabelPairs(["a"], {"a": tmp_path / "a.jpg"}, label_set, 1.0, AUGMENTATION)


def test_a_crop_of_a_large_image_costs_a_third_of_one_that_is_decoded_for_itself(
    benchmark: BenchmarkFixture, pairs: SoftLabelPairs
) -> None:
    generator = torch.Generator().manual_seed(0)

    def plain() -> Sample:
        image = read_image(pairs.image_paths["a"])
        soft_label = pairs.label_set.read("a")
        sums = soft_label.ravel().cumsum()
        drawn = int(np.searchsorted(sums, sums[-1] * float(torch.rand((), generator=generator))))
        row, column = divmod(drawn, SIZE_HW[1])
        top, left = min(row, SIZE_HW[0] - SIDE), min(column, SIZE_HW[1] - SIDE)
        place = (slice(top, top + SIDE), slice(left, left + SIDE))
        image, soft_label = image[place].copy(), soft_label[place].copy()
        sample = Sample(
            torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(soft_label)[None]
        )
        return augment(sample, Augmentation(SIDE, foreground_crops=0), generator)

    assert AUGMENTATION.crops_per_image == 45
    ratio = speed_up(lambda: pairs.crops(0, 0), plain, rounds=3) * AUGMENTATION.crops_per_image
    benchmark.extra_info["times one decoded for itself"] = round(ratio, 1)
    benchmark.pedantic(pairs.crops, (0, 0), rounds=3)
    assert ratio >= 3  # 9 is usual
