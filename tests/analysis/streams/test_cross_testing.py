"""Frames that everything is tested on, and label sets that are judged on them."""

from pathlib import Path

import numpy as np
import pytest

from analysis.choosing.grid import refuse_untested
from analysis.streams.cross_testing import judge_each
from student.detection.judged_frames import JudgedFrames
from tests.conftest import box_table
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSetWriter
from util.streams.cameras import find_cameras

IDS = [f"{camera}/{number}" for camera in ("all", "cam2") for number in range(4)]
TRUTHS = box_table([(image_id, 0.1, 0.1, 0.3, 0.3) for image_id in IDS])
FRAMES = JudgedFrames("Test", {i: Path(i) for i in IDS}, find_cameras(IDS), TRUTHS, 2)


def write_label_set(folder: Path) -> Path:
    """Write a label set that finds what there is in the first camera alone."""
    with LabelSetWriter(folder, {"producer": "test"}) as writer:
        for image_id in IDS:
            corners = np.array([[10, 10, 30, 30]], float)[: image_id.startswith("all/")]
            boxes = Boxes(corners, np.ones(len(corners)), ("bird",) * len(corners))
            writer.add(image_id, Content(boxes=boxes, size_hw=(100, 100)), "1", 0.0)
        writer.finish(BoxSettings())
    return folder


def test_a_camera_whose_name_is_all_is_not_taken_for_all_together(tmp_path: Path) -> None:
    judged = judge_each(FRAMES, write_label_set(tmp_path / "some"))
    assert {name: metrics["mAP50"] for name, metrics in judged.items()} == {
        "all": pytest.approx(1),
        "cam2": 0,
    }


def test_cameras_with_nothing_but_regions_to_ignore_cannot_be_judged() -> None:
    is_ignored = TRUTHS["image"].str.startswith("cam2").to_numpy()
    truths = TRUTHS.assign(ignore=is_ignored)
    frames = JudgedFrames("Test", FRAMES.image_paths, FRAMES.cameras, truths, 2)
    asked = find_cameras(["all/9", "cam2/9"])
    refuse_untested(asked[:1], frames)
    with pytest.raises(UserError, match="no frame with a true box in the split Test: cam2;"):
        refuse_untested(asked, frames)
