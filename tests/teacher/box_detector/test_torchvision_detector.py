"""Detectors of torchvision beside what torchvision itself makes of the same networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import get_model

from teacher.box_detector.candidates import BoxDetector
from teacher.box_detector.choosing import choose_boxes
from teacher.box_detector.class_table import read_class_table
from teacher.box_detector.torchvision_detector import load_torchvision_boxes
from teacher.inference.runtime import Runtime
from tests.teacher.box_detector.spreading import spread
from util.data_classes import Boxes
from util.detections import BoxRule
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

SSD, FASTER = "ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"
NUM_CLASSES, CONFIDENCE, OVERLAP = 4, 0.28, 0.5
IMAGE_RGB = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)


def to_tensor(image_rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image_rgb).permute(2, 0, 1) / 255


def write_network(path: Path, name: str, num_classes: int = NUM_CLASSES) -> Any:
    """Write a network of random weights; it is given, too."""
    torch.manual_seed(0)
    network = get_model(name, weights=None, weights_backbone=None, num_classes=num_classes)
    torch.save(network.state_dict(), path)
    return network.eval()


def write_spread(path: Path, name: str) -> Any:
    """Write a network whose boxes have scores of many kinds; it is given, too."""
    network = write_network(path, name)
    if name == SSD:
        layers = [grid[1] for grid in network.head.classification_head.module_list]
    else:
        layers = [*network.roi_heads.box_predictor.children()]
    for module in network.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    picture = torch.rand(2, 3, 320, 320)
    with torch.no_grad():
        network.backbone.train()(picture)
    spread(layers, lambda: network.eval()([to_tensor(IMAGE_RGB)]))
    torch.save(network.state_dict(), path)
    return network


def find(detector: BoxDetector, rule: BoxRule, **wanted: list[str]) -> Boxes:
    table = read_class_table(wanted, detector.classes, "x")
    candidates = detector.find(IMAGE_RGB, rule.confidence)
    return choose_boxes(candidates, table, rule, (90, 130))


@pytest.mark.parametrize("name", [SSD, FASTER])
def test_boxes_are_those_that_torchvision_chooses(name: str, tmp_path: Path) -> None:
    network = write_spread(tmp_path / f"{name}.pth", name)
    judge = getattr(network, "roi_heads", network)
    judge.score_thresh, judge.nms_thresh, judge.detections_per_img = CONFIDENCE, OVERLAP, 40
    with torch.inference_mode():
        (expected,) = network([to_tensor(IMAGE_RGB)])
    assert len(expected["boxes"]) >= 5
    detector = load_torchvision_boxes(tmp_path / f"{name}.pth", None, Runtime("cpu"))
    assert detector.classes == ("__background__", "1", "2", "3")
    found = find(detector, BoxRule(CONFIDENCE, OVERLAP, 40))
    np.testing.assert_allclose(found.confidences, expected["scores"], atol=1e-5)
    np.testing.assert_allclose(found.boxes_xyxy, expected["boxes"], atol=1e-3)
    assert found.classes == tuple(str(number) for number in expected["labels"].tolist())


def test_merged_classes_leave_no_two_boxes_of_one_thing(tmp_path: Path) -> None:
    write_spread(tmp_path / "own.pth", SSD)
    detector = load_torchvision_boxes(tmp_path / "own.pth", SSD, Runtime("cpu"))
    rule = BoxRule(CONFIDENCE, OVERLAP, 10_000)
    found = find(detector, rule, thing=["1", "2", "3"])
    apart = find(detector, rule)
    assert 0 < len(found.boxes_xyxy) < len(apart.boxes_xyxy)
    corners, ends = found.boxes_xyxy[:, None, :2], found.boxes_xyxy[:, None, 2:]
    sides = np.minimum(ends, ends[:, 0]) - np.maximum(corners, corners[:, 0])
    shared = sides.clip(0).prod(axis=2)
    areas = np.diag(shared)
    overlap = shared / (areas[:, None] + areas - shared)
    assert np.triu(overlap, 1).max() <= OVERLAP + 1e-6


def test_classes_of_coco_have_their_names(tmp_path: Path) -> None:
    write_network(tmp_path / f"{SSD}_coco-1.pth", SSD, 91)
    detector = load_torchvision_boxes(tmp_path / f"{SSD}_coco-1.pth", None, Runtime("cpu"))
    assert detector.classes[:4] == ("__background__", "person", "bicycle", "car")


def test_weights_without_counts_of_steps_are_whole_and_others_are_not(tmp_path: Path) -> None:
    network = write_network(tmp_path / "x.pth", FASTER)
    state = network.state_dict()
    frozen = {key: value for key, value in state.items() if not key.endswith("_tracked")}
    torch.save(frozen, tmp_path / "frozen.pth")
    load_torchvision_boxes(tmp_path / "frozen.pth", FASTER, Runtime("cpu"))
    del frozen["rpn.head.cls_logits.weight"]
    torch.save(frozen, tmp_path / "part.pth")
    with pytest.raises(
        UserError, match=r"part\.pth holds no whole fasterrcnn_.*missing: rpn\.head"
    ):
        load_torchvision_boxes(tmp_path / "part.pth", FASTER, Runtime("cpu"))
    with pytest.raises(UserError, match=r"x\.pth holds no whole ssdlite320_"):
        load_torchvision_boxes(tmp_path / "x.pth", SSD, Runtime("cpu"))


def test_the_first_weights_that_were_published_add_nothing_to_variances(tmp_path: Path) -> None:
    name = "fasterrcnn_resnet50_fpn"
    for file, epsilon in ((f"{name}_coco-258fb6c6.pth", 0), (f"{name}.pth", 1e-5)):
        write_network(tmp_path / file, name)
        detector = load_torchvision_boxes(tmp_path / file, None, Runtime("cpu"))
        assert detector._model.backbone.body.bn1.eps == epsilon


def test_a_network_that_there_is_not_is_refused(tmp_path: Path) -> None:
    for network, told in ((None, "the name of .*own.pth tells no network"), ("ssd", "is 'ssd'")):
        with pytest.raises(UserError, match=f"{told}; set boxes.network to one of .*{SSD}"):
            load_torchvision_boxes(tmp_path / "own.pth", network, Runtime("cpu"))
    with pytest.raises(UserError, match=r"own\.pth holds no whole ssdlite"):
        load_torchvision_boxes(tmp_path / "own.pth", SSD, Runtime("cpu"))


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    state = write_network(tmp_path / "x.pth", SSD).state_dict()
    state["backbone.features.0.0.0.weight"][:] = np.nan
    torch.save(state, tmp_path / "x.pth")
    detector = load_torchvision_boxes(tmp_path / "x.pth", SSD, Runtime("cpu"))
    with pytest.raises(UserError, match="answered with NaN"):
        detector.find(IMAGE_RGB, 0.5)
