"""What a detector learns from: images, boxes, and where they come from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from student.detection.labelled_frames import (
    LabelledFrames,
    gather_labelled_frames,
    read_labels,
)
from student.detection.origin import describe_origin
from student.detection.validation import measure
from tests.student.detection.painted_cameras import paint_cameras, write_boxes
from util.config.command_line import load_config
from util.data_classes import Boxes
from util.errors import UserError
from util.images.files import find_images
from util.streams.writing import MANIFEST


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    return paint_cameras(tmp_path)


def gather(cameras: Path, **section: Any) -> LabelledFrames:
    content = json.loads(cameras.read_text())
    content["detector"] = section
    path = cameras.with_name("given.json")
    path.write_text(json.dumps(content))
    config, _ = load_config("", ["--config", str(path)])
    return gather_labelled_frames(config.detector, config.data, config.paths)


def test_boxes_are_given_by_image_relative_to_it_with_numbers_of_classes(cameras: Path) -> None:
    frames = gather(cameras)
    assert frames.classes == ["boat", "gull"]
    assert (len(frames.train_ids), len(frames.validation_ids)) == (24, 8)
    assert len(frames.boxes) == 32  # those of the test split are not read
    corners, classes, is_ignored = frames.truth("cam1/frame_0")
    assert corners.shape == (1, 4)
    np.testing.assert_allclose((corners[0, 2:] - corners[0, :2]) * [64, 48], 16, atol=1e-3)
    assert (classes.tolist(), is_ignored.tolist()) == ([1], [False])
    assert [each.shape for each in frames.truth("cam1/frame_99")] == [(0, 4), (0,), (0,)]


@pytest.mark.parametrize("label_set", [None, "some"])
def test_labels_that_were_read_for_many_give_the_same_as_those_that_are_read_anew(
    cameras: Path, label_set: str | None
) -> None:
    write_boxes(cameras, "some", failed=["cam1/frame_3"])
    config, _ = load_config("", ["--config", str(cameras)])
    section = config.detector.model_copy(update={"label_set": label_set})
    images = find_images(config.data.images)
    every = sorted(images) if label_set is None else ["cam1/frame_0"]
    told = section, config.data, config.paths
    read = gather_labelled_frames(*told, read_labels(*told, images, every))
    anew = gather_labelled_frames(*told)
    pd.testing.assert_frame_equal(read.boxes, anew.boxes)
    assert (read.classes, read.labels) == (anew.classes, anew.labels)
    assert read.train_ids == anew.train_ids
    assert len(anew.train_ids) == (24 if label_set is None else 23)


def test_regions_to_ignore_are_nothing_to_find_and_nothing_found_in_them_is_false(
    cameras: Path,
) -> None:
    name, height, width = "cam1/frame_0", 48, 64
    images = [{"id": 1, "file_name": f"{name}.png", "height": height, "width": width}]
    boxes = [([0, 0, 16, 16], 0), ([32, 0, 32, 48], 1)]
    annotations = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box, "iscrowd": crowd, "area": 256}
        for i, (box, crowd) in enumerate(boxes)
    ]
    coco = {"images": images, "annotations": annotations}
    coco["categories"] = [{"id": 1, "name": "gull"}]
    cameras.with_name("truth.json").write_text(json.dumps(coco))
    content = json.loads(cameras.read_text())
    content["data"] |= {"ground_truth": "truth.json", "splits": "few"}
    content["data"]["ground_truth_format"] = "coco"
    cameras.write_text(json.dumps(content))
    (cameras.parent / "few").mkdir()
    for split in ("Train", "Validation"):
        (cameras.parent / "few" / f"{split}.txt").write_text(f"{name}\n")
    frames = gather(cameras)
    assert (len(frames.boxes), len(frames.objects)) == (2, 1)
    truth = frames.truth(name).on((height, width))
    assert truth.boxes_xyxy.tolist() == [
        pytest.approx(b) for b in ([0, 0, 16, 16], [32, 0, 64, 48])
    ]
    assert truth.is_ignored.tolist() == [False, True]
    found = np.array([[0, 0, 16, 16], [40, 4, 60, 40]], np.float32)
    seen = Boxes(found, np.array([0.5, 0.9], np.float32), ("gull", "gull"))
    assert measure(frames, [name], [(0.0, 1, (height, width), seen)])["val_ap50"] == 1
    beside = replace(seen, boxes_xyxy=found - np.float32([[0, 0, 0, 0], [20, 0, 20, 0]]))
    assert measure(frames, [name], [(0.0, 1, (height, width), beside)])["val_ap50"] < 1


def test_the_order_of_classes_is_that_of_the_config(cameras: Path) -> None:
    frames = gather(cameras, classes=["gull", "boat"])
    assert frames.truth("cam1/frame_0")[1].tolist() == [0]
    only = gather(cameras, classes=["gull"])
    assert set(only.boxes["obj_class"]) == {"gull"}
    assert len(only.train_ids) == 24  # frames without gulls are learnt from, too
    assert only.truth("cam1/frame_1")[0].shape == (0, 4)


def test_images_that_a_label_set_has_failed_on_are_left_out(cameras: Path) -> None:
    write_boxes(cameras, "some", failed=["cam1/frame_3"])
    frames = gather(cameras, label_set="some")
    assert len(frames.train_ids) == 23
    assert "cam1/frame_3" not in frames.train_ids
    assert frames.origin["frames"] == 23
    assert frames.labels == "some"


def test_without_a_validation_image_nothing_is_learnt(cameras: Path) -> None:
    failed = (cameras.parent / "splits/Validation.txt").read_text().split()
    write_boxes(cameras, "some", failed=failed)
    with pytest.raises(UserError, match="some has failed on all images of the split Validation"):
        gather(cameras, label_set="some")


def test_without_any_box_there_is_nothing_to_learn(cameras: Path) -> None:
    path = cameras.parent / "truth.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError, match=r"split Train: no frame has a box, so there is nothing"):
        gather(cameras)
    with pytest.raises(
        UserError, match=r"there is no box of gull \(detector.classes\), but of: nothing"
    ):
        gather(cameras, classes=["gull"])


def test_the_origin_names_cameras_in_natural_order_and_who_has_chosen(tmp_path: Path) -> None:
    ids = ["cam10/a", "cam9/b", "cam9/c"]
    assert describe_origin(ids, None, tmp_path, "Train") == {
        "cameras": ["cam9", "cam10"],
        "frames": 3,
        "selection": None,
    }
    settings = {"frames": 2, "splits": ["Train", "Validation"]}
    (tmp_path / MANIFEST).write_text(json.dumps({"settings": settings}))
    told = describe_origin(ids, "cam(1|9)", tmp_path, "Train")
    assert told["cameras"] == ["1", "9"]
    assert told["selection"] == settings
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(UserError, match="choose the frames anew"):
        describe_origin(ids, None, tmp_path, "Train")


@pytest.mark.parametrize("split", ["Mine", "Validation", "Train+Mine"])
def test_a_choice_is_not_credited_with_other_lists_beside_its_own(
    tmp_path: Path, split: str
) -> None:
    settings = {"frames": 2, "splits": ["Train", "Validation"]}
    (tmp_path / MANIFEST).write_text(json.dumps({"settings": settings}))
    assert describe_origin(["cam1/a"], None, tmp_path, split)["selection"] is None
