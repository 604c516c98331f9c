"""YOLOX-nano: its boxes from what the network says, and on photographs where there are some."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from teacher.box_detector import yolox
from teacher.box_detector.yolox import SIDE_PX, YoloX, decode, prepare
from teacher.inference.u2net import U2Net
from tests.conftest import ROOT
from util.errors import UserError
from util.images.files import read_image
from util.weights.finding import fault
from util.weights.known import named

SHARED = ROOT.parent / "shared/data"
BIRD, BOAT = 14, 8
NUM_CELLS = 52**2 + 26**2 + 13**2


@pytest.fixture(scope="module")
def file() -> Path:
    row = named("yolox_nano", "test")
    places = [SHARED / "models" / row.place, ROOT / "weights" / row.place]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip(f"yolox_nano is not here; {row.how_to_get}")
    assert fault(path, row) == ""
    return path


def plain_box(cell: int, offsets: np.ndarray) -> list[float]:
    """The box of one cell, counted through from the finest grid."""
    for stride in (8, 16, 32):
        count = 416 // stride
        if cell < count**2:
            row, column = divmod(cell, count)
            x, y = (column + offsets[0]) * stride, (row + offsets[1]) * stride
            w, h = np.exp(offsets[2]) * stride, np.exp(offsets[3]) * stride
            return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        cell -= count**2
    raise AssertionError


def test_boxes_are_decoded_as_one_by_one(rng: np.random.Generator) -> None:
    offsets = rng.normal(size=(NUM_CELLS, 4))
    boxes = decode(offsets)
    for cell in (0, 1, 51, 52, 2703, 2704, 2729, 3379, 3380, 3548):
        np.testing.assert_allclose(boxes[cell], plain_box(cell, offsets[cell]))


@pytest.mark.parametrize(("size_hw", "scale"), [((208, 416), 1), ((832, 416), 0.5), ((1, 1), 416)])
def test_an_image_lies_at_the_top_left_of_a_gray_square(
    size_hw: tuple[int, int], scale: float
) -> None:
    square, found = prepare(np.full((*size_hw, 3), (10, 20, 30), np.uint8))
    assert found == scale
    assert square.shape == (1, 3, SIDE_PX, SIDE_PX)
    height, width = (round(side * scale) for side in size_hw)
    np.testing.assert_array_equal(square[0, :, height - 1, width - 1], (30, 20, 10))  # BGR
    if height < SIDE_PX:
        assert (square[0, :, height:] == 114).all()
    if width < SIDE_PX:
        assert (square[0, :, :, width:] == 114).all()


def answering(monkeypatch: pytest.MonkeyPatch, answer: np.ndarray) -> YoloX:
    """A detector whose network says this."""
    session = SimpleNamespace(
        get_inputs=lambda: [SimpleNamespace(name="images")], run=lambda *_: [answer[None]]
    )
    monkeypatch.setattr(yolox, "open_session", lambda *_: session)
    return YoloX(Path("x.onnx"))


def test_of_boxes_that_overlap_the_best_of_each_class_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = np.zeros((NUM_CELLS, 85), np.float32)
    for cell, (score, number) in {
        3380: (0.6, BIRD),  # of 32 x 32 pixels round (0, 0)
        0: (0.8, BIRD),  # the same place, from the finest grid
        2704: (0.9, BOAT),  # another class
        3548: (0.7, BIRD),  # another place
        1: (0.2, BIRD),  # below the threshold
    }.items():
        answer[cell, 2:4] = np.log(32 / {3380: 32, 0: 8, 2704: 16, 3548: 32, 1: 8}[cell])
        answer[cell, 4], answer[cell, 5 + number] = score, 1
    found = answering(monkeypatch, answer).detect(np.zeros((832, 832, 3), np.uint8), 0.3)
    np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.7])
    assert found.classes.tolist() == [BOAT, BIRD, BIRD]
    np.testing.assert_allclose(found.boxes_xyxy[0], [-32, -32, 32, 32])  # twice the square
    np.testing.assert_allclose(found.boxes_xyxy[2], [736, 736, 800, 800])


def test_where_nothing_is_found_there_are_no_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = answering(monkeypatch, np.zeros((NUM_CELLS, 85), np.float32))
    found = network.detect(np.zeros((5, 7, 3), np.uint8), 0.3)
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.scores.shape == found.classes.shape == (0,)


def test_the_network_says_what_opencv_computes(file: Path) -> None:
    square, _ = prepare(read_image(ROOT / "images/scene_0007.jpg"))
    net = cv2.dnn.readNetFromONNX(str(file))
    net.setInput(square)
    (answer,) = YoloX(file)._session.run(None, {"images": square})
    np.testing.assert_allclose(answer, net.forward(), atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize(("sequence", "number"), [("mallard-water", BIRD), ("boat", BOAT)])
def test_birds_and_boats_are_found_in_photographs(sequence: str, number: int, file: Path) -> None:
    images = sorted((SHARED / "davis_birds/images" / sequence).glob("*.jpg"))
    if not images:
        pytest.skip(f"there are no photographs in {SHARED / 'davis_birds'}")
    mask_path = SHARED / "davis_birds/masks" / sequence / f"{images[0].stem}.png"
    rows, columns = np.nonzero(cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED))
    truth = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    found = YoloX(file).detect(read_image(images[0]), 0.5)
    assert found.classes[0] == number
    box = found.boxes_xyxy[0]
    sides = np.minimum(box[2:], truth[2:]) - np.maximum(box[:2], truth[:2])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, truth)]
    shared = sides.clip(0).prod()
    assert shared / (sum(areas) - shared) > 0.45  # the duck's with its mirror image


def test_another_network_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match=r"is no U²-Net: its inputs are .*416.* not .*320"):
        U2Net(file)
