"""What is seen of images and labels before a training."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from student.data.loading import SoftLabelPairs
from student.data.survey import Seen, count_labels, leave_out, survey
from tests.student.student_runs import label, train
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, write_image
from util.images.splits import read_split
from util.label_set import LabelSet
from util.learning.device import build_fabric

Pairs = Callable[[], SoftLabelPairs]


@pytest.fixture
def pairs(tmp_path: Path, write_label_set: Callable[..., LabelSet]) -> Pairs:
    def build() -> SoftLabelPairs:
        maps = {name: np.zeros((10, 12)) for name in "abc"}
        maps["b"][2:5, 3:9] = 0.6
        maps["c"][2:5, 3:9] = 0.4
        for name in maps:
            write_image(tmp_path / "images" / f"{name}.png", np.zeros((10, 12, 3), np.uint8))
        paths = find_images(tmp_path / "images")
        return SoftLabelPairs(list(maps), paths, write_label_set("labels", maps), 2.0)

    return build


def look(pairs: SoftLabelPairs, threshold: float = 0.5) -> dict[str, Seen | str]:
    settings = BoxSettings(threshold, dilation_iterations=0)
    return survey(pairs, settings, build_fabric("cpu"), num_threads=2)


def test_boxes_and_anomalous_pixels_are_those_of_the_soft_label(pairs: Pairs) -> None:
    found = look(pairs())
    assert list(found) == ["a", "b", "c"]
    seen, failed = leave_out(found, "Train")
    assert not failed
    np.testing.assert_array_equal(seen["b"].boxes.boxes_xyxy, [[3, 2, 9, 5]])
    assert [len(seen[name].boxes.confidences) for name in "abc"] == [0, 1, 0]
    counts = count_labels(list(seen.values()))
    assert (counts.num_maps, counts.num_empty) == (3, 2)
    assert counts.share_above == pytest.approx(18 / 360)
    lower, _ = leave_out(look(pairs(), threshold=0.3), "Train")
    assert count_labels(list(lower.values())).num_empty == 1


def test_what_cannot_be_read_is_left_out_with_its_reason_unless_it_is_all(pairs: Pairs) -> None:
    dataset = pairs()
    image = dataset.image_paths["a"]
    image.write_bytes(image.read_bytes()[:-30])
    dataset.label_set.path("c").write_bytes(b"no map")
    seen, failed = leave_out(look(dataset), "Train")
    assert list(seen) == ["b"]
    assert "a.png" in failed["a"]
    assert "c.png" in failed["c"]
    dataset.image_paths["b"].write_bytes(b"")
    with pytest.raises(UserError, match=r"no image of the split Train can be read: .*a\.png"):
        leave_out(look(dataset), "Train")


def test_a_training_goes_on_without_images_that_cannot_be_read_and_says_so(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    label(project)
    images = find_images(project.parent / "images")
    splits = project.parent / "splits"
    bad = [read_split(splits, split, images)[0] for split in ("Train", "Validation")]
    images[bad[0]].write_bytes(images[bad[0]].read_bytes()[:500])  # its header can be read
    images[bad[1]].write_text("no image")
    run = train(project)
    assert "2 images are left out" in caplog.text
    facts = json.loads((run / "run.json").read_text())
    assert set(facts["left_out"]) == set(bad)
    assert facts["labels"]["train"]["num_maps"] == 5
    assert facts["labels"]["validation"]["num_maps"] == 2
    assert len(pd.read_csv(run / "metrics.csv")) == 2


def test_a_training_says_how_many_of_its_labels_are_empty(
    project: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def mostly_nothing(image_rgb: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        marked = np.zeros(image_rgb.shape[:2])
        marked[:20, :20] = calls in (1, 7)
        return marked

    label(project, mostly_nothing)
    train(project)
    assert "train labels: 5 of 6 maps are empty; 1.5 % of all pixels" in caplog.text
    assert "validation labels: 2 of 3 maps are empty" in caplog.text
    assert "5 of the 6 label maps that it learnt from mark nothing" in capsys.readouterr().out
