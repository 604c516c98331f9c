"""YOLOX: its boxes from what the network says, and on photographs where there are some."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, save

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.choosing import choose_boxes
from teacher.box_detector.class_table import read_class_table
from teacher.box_detector.coco import COCO_CLASSES
from teacher.box_detector.yolox import YoloX, decode, lay_out_cells, prepare
from teacher.inference.u2net import U2Net
from tests.conftest import ROOT
from tests.teacher.box_detector.small_yolox import write_small_yolox
from util.data_classes import Boxes
from util.detections import BoxRule
from util.errors import UserError
from util.images.files import read_image
from util.weights.finding import fault
from util.weights.known import named

SHARED = ROOT.parent / "shared/data"


@pytest.fixture(scope="module")
def file() -> Path:
    row = named("yolox_nano", "test")
    places = [SHARED / "models" / row.place, ROOT / "weights" / row.place]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip(f"yolox_nano is not here; {row.how_to_get}")
    assert fault(path, row) == ""
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> YoloX:
    return YoloX(write_small_yolox(tmp_path_factory.mktemp("yolox") / "small.onnx"))


def plain_box(cell: int, offsets: np.ndarray, size_hw: tuple[int, int]) -> list[float]:
    """The box of one cell, counted through from the finest grid."""
    for stride in (8, 16, 32):
        height, width = (side // stride for side in size_hw)
        if cell < height * width:
            row, column = divmod(cell, width)
            x, y = (column + offsets[0]) * stride, (row + offsets[1]) * stride
            w, h = np.exp(offsets[2]) * stride, np.exp(offsets[3]) * stride
            return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        cell -= height * width
    raise AssertionError


@pytest.mark.parametrize("size_hw", [(416, 416), (64, 96)])
def test_boxes_are_decoded_as_one_by_one(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    corners, sides = lay_out_cells(size_hw)
    offsets = rng.normal(size=(len(sides), 4))
    boxes = decode(offsets, corners, sides)
    expected = [plain_box(cell, each, size_hw) for cell, each in enumerate(offsets)]
    np.testing.assert_allclose(boxes, expected)


@pytest.mark.parametrize(("size_hw", "scale"), [((208, 416), 1), ((832, 416), 0.5), ((1, 1), 416)])
def test_an_image_lies_at_the_top_left_of_a_gray_frame(
    size_hw: tuple[int, int], scale: float
) -> None:
    frame, found = prepare(np.full((*size_hw, 3), (10, 20, 30), np.uint8), (416, 416))
    assert found == scale
    assert frame.shape == (416, 416, 3)
    height, width = (round(side * scale) for side in size_hw)
    np.testing.assert_array_equal(frame[height - 1, width - 1], (30, 20, 10))  # BGR
    if height < 416:
        assert (frame[height:] == 114).all()
    if width < 416:
        assert (frame[:, width:] == 114).all()


def test_what_a_network_of_another_size_sees_is_found_in_the_image(small: YoloX) -> None:
    image = np.zeros((32, 48, 3), np.uint8)  # seen twice as large
    image[8:12, 16:20] = (255, 0, 0)  # the cell (2, 4) of the finest grid
    image[28:32, 44:48] = (0, 0, 255)  # the last
    found = small.find(image, 0.5)
    assert small.classes == ("0", "1", "2")
    assert small.size_hw == (64, 96)
    is_good = found.scores.max(axis=1) > 0.5
    np.testing.assert_allclose(
        found.boxes_xyxy[is_good],
        [[14, 6, 22, 14], [42, 26, 50, 34]],  # twice a cell of 4 x 4, beyond the border, too
    )
    inner, corner = (1 - 0.5 / 8) ** 2, (1 - 0.25 / 8) ** 2  # enlarged, the edges are blurred
    np.testing.assert_allclose(
        found.scores[is_good], [[inner, 0, 0], [0, corner / 2, corner]], atol=0.01
    )
    assert found.is_exclusive


def test_below_the_threshold_of_the_box_nothing_is_given(small: YoloX) -> None:
    assert len(small.find(np.zeros((9, 9, 3), np.uint8), 1.01).boxes_xyxy) == 0


def write_answering(path: Path, shape: tuple[int, ...]) -> Path:
    """Write a network that answers with zeros of a shape."""
    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["shape"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 64, 64))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))],
        [helper.make_tensor("shape", TensorProto.INT64, [len(shape)], shape)],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_other_networks_are_refused(tmp_path: Path) -> None:
    for shape in ((1, 84, 5), (1, 85, 8), (1, 10)):
        with pytest.raises(UserError, match=r"x\.onnx is no YOLOX: its answer is .*expected 84"):
            YoloX(write_answering(tmp_path / "x.onnx", shape))
    assert YoloX(write_answering(tmp_path / "x.onnx", (1, 84, 85))).classes == COCO_CLASSES
    with pytest.raises(UserError, match=r"no\.onnx is no YOLOX that can be run"):
        YoloX(tmp_path / "no.onnx")
    with pytest.raises(UserError, match=r"is no U²-Net: its inputs are .*64.* not .*320"):
        U2Net(tmp_path / "x.onnx")


def test_a_network_whose_size_is_open_is_refused(tmp_path: Path) -> None:
    path = write_small_yolox(tmp_path / "open.onnx", ("h", "w"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"open\.onnx is no YOLOX: its inputs are .*'h', 'w'"):
        YoloX(path)


def test_the_network_says_what_opencv_computes(file: Path) -> None:
    frame, _ = prepare(read_image(ROOT / "images/scene_0007.jpg"), (416, 416))
    net = cv2.dnn.readNetFromONNX(str(file))
    net.setInput(frame.transpose(2, 0, 1)[None].astype(np.float32))
    np.testing.assert_allclose(YoloX(file)._ask(frame), net.forward()[0], atol=1e-2, rtol=1e-3)


def choose(candidates: Candidates, image_rgb: np.ndarray) -> Boxes:
    size_hw = (image_rgb.shape[0], image_rgb.shape[1])
    return choose_boxes(candidates, read_class_table({}, COCO_CLASSES, "x"), BoxRule(0.5), size_hw)


@pytest.mark.parametrize(("sequence", "name"), [("mallard-water", "bird"), ("boat", "boat")])
def test_birds_and_boats_are_found_in_photographs(sequence: str, name: str, file: Path) -> None:
    images = sorted((SHARED / "davis_birds/images" / sequence).glob("*.jpg"))
    if not images:
        pytest.skip(f"there are no photographs in {SHARED / 'davis_birds'}")
    mask_path = SHARED / "davis_birds/masks" / sequence / f"{images[0].stem}.png"
    rows, columns = np.nonzero(cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED))
    truth = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    image = read_image(images[0])
    found = choose(YoloX(file).find(image, 0.5), image)
    assert found.classes is not None
    assert found.classes[0] == name
    box = found.boxes_xyxy[0]
    sides = np.minimum(box[2:], truth[2:]) - np.maximum(box[:2], truth[:2])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, truth)]
    shared = sides.clip(0).prod()
    assert shared / (sum(areas) - shared) > 0.45  # the duck's with its mirror image
