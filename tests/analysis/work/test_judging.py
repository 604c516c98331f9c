"""Label sets are judged by their own rule of boxes."""

import time
from pathlib import Path

import numpy as np
import pytest

from analysis.work.judging import Judge, count_label_set
from tests.conftest import box_table
from util.data_classes import BoxSettings
from util.label_set import Content, LabelSetWriter


@pytest.mark.parametrize(("threshold", "found"), [(0.25, 1), (0.35, 0)])
def test_a_label_set_is_judged_by_the_threshold_that_it_says_of_itself(
    tmp_path: Path, threshold: float, found: int
) -> None:
    soft_label = np.zeros((16, 16), np.float32)
    soft_label[4:12, 3:13] = 0.3
    with LabelSetWriter(tmp_path / "labels", {"producer": "test"}) as writer:
        writer.add("a", Content(soft_label), "1", 0)
        writer.finish(BoxSettings(threshold=threshold, object_class="quix"))
    truths = box_table([("a", 3 / 16, 4 / 16, 13 / 16, 12 / 16)])
    judge = Judge("Test", ("a",), truths, None, BoxSettings(), 0.1, (0.5,))
    counts = count_label_set(tmp_path / "labels", judge, tmp_path / "store")
    assert counts["boxes"][0, 1].tolist() == [found, 0, 1 - found]
    assert counts["is_empty"].tolist() == [not found]


def test_many_images_are_chosen_from_many_at_once_and_stay_in_order() -> None:
    image_ids = [f"{number:05}" for number in range(30_000)]
    judge = Judge("Test", tuple(image_ids), None, None, BoxSettings(), 0.1, (0.5,))
    start = time.process_time()  # however busy the machine is
    assert judge.only(image_ids[:0:-1]).image_ids == judge.image_ids[1:]
    assert time.process_time() - start < 1
