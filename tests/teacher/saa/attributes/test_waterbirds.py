"""The embedded teacher on real photographs, where they are at hand (they are not ours to ship)."""

import pytest

from teacher.building import build_teacher, find_models
from teacher.saa.plan import plan
from tests.conftest import ROOT
from util.bbox_csv import boxes_to_table
from util.config import SaaSection, TeacherSection
from util.data_classes import BoxSettings
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images, read_image
from util.images.splits import read_split
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics.boxes import BoxMatcher

WATERBIRDS = ROOT.parent / "shared" / "data" / "waterbirds"


@pytest.mark.skipif(not WATERBIRDS.exists(), reason="the water bird photographs are not here")
@pytest.mark.parametrize(("split", "least_f1"), [("Train", 0.75), ("Validation", 0.45)])
def test_the_default_teacher_finds_water_birds(split: str, least_f1: float) -> None:
    images = find_images(WATERBIRDS / "images")
    ids = read_split(WATERBIRDS / "splits", split, images)[::3]
    paths = {image_id: images[image_id] for image_id in ids}
    truths = read_ground_truth(WATERBIRDS / "annotations.json", "coco", paths, ["bird"])
    planned = plan(TeacherSection(), SaaSection())
    teacher = build_teacher(planned, find_models(planned, ROOT / "weights"))
    found = []
    for image_id, path in paths.items():
        (finding,) = teacher.label(read_image(path), ["bird"])
        soft_label = finding.soft_label
        height, width = soft_label.shape
        boxes = soft_label_to_boxes(soft_label, BoxSettings())
        found.append((image_id, (height, width), boxes))
    counts = BoxMatcher(truths, boxes_to_table(found, "bird"), ids).thesis().total()
    assert counts.f1 >= least_f1
