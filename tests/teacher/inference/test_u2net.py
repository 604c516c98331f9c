"""U²-Netp: as another runtime computes it, and on photographs where there are some."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from teacher.inference.u2net import U2Net, prepare
from tests.conftest import ROOT
from util.errors import UserError
from util.images.files import read_image
from util.weights.finding import fault, find
from util.weights.known import named

PHOTOGRAPHS = ROOT.parent / "shared/data/davis_birds"


@pytest.fixture(scope="module")
def file() -> Path:
    row = named("u2netp", "test")
    path = find(row, ROOT / "weights")
    if path is None:
        pytest.skip(f"u2netp is not here; {row.how_to_get}")
    assert fault(path, row) == ""
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> U2Net:
    return U2Net(file)


def test_the_answer_is_that_of_opencv_where_the_decoders_are_fused(
    file: Path, network: U2Net
) -> None:
    image = read_image(ROOT / "images/scene_0007.jpg")
    net = cv2.dnn.readNetFromONNX(str(file))
    net.setInput(prepare(image))
    expected = cv2.resize(net.forward("1959")[0, 0], image.shape[1::-1])
    assert expected.max() > 0.5
    np.testing.assert_allclose(network.predict(image), expected, atol=1e-3)


def test_a_white_disk_on_blue_stands_out_alone(network: U2Net) -> None:
    image = np.full((200, 300, 3), (30, 60, 110), np.uint8)
    cv2.circle(image, (100, 90), 40, (240, 240, 240), -1)
    answer = network.predict(image)
    assert answer.shape == (200, 300)
    assert answer.dtype == np.float32
    assert 0 <= answer.min() <= answer.max() <= 1
    truth = np.zeros((200, 300), np.uint8)
    cv2.circle(truth, (100, 90), 40, 1, -1)
    assert iou(answer > 0.5, truth > 0) > 0.9


@pytest.mark.parametrize("colour", [(0, 0, 0), (30, 60, 110), (200, 200, 200)])
def test_on_an_even_image_nothing_stands_out(colour: tuple[int, int, int], network: U2Net) -> None:
    assert network.predict(np.full((64, 80, 3), colour, np.uint8)).max() < 0.1


def test_a_duck_is_outlined(network: U2Net) -> None:
    """The mean IoU over frames of this sequence is 0.835, of whole images."""
    images = sorted((PHOTOGRAPHS / "images/mallard-water").glob("*.jpg"))
    if not images:
        pytest.skip(f"there are no photographs in {PHOTOGRAPHS}")
    scores = []
    for path in (images[0], images[-1]):
        mask = cv2.imread(
            str(PHOTOGRAPHS / "masks/mallard-water" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED
        )
        scores.append(iou(network.predict(read_image(path)) > 0.5, mask > 0))
    assert np.mean(scores) > 0.7


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(UserError, match=r"x\.onnx is no U²-Net that can be run"):
        U2Net(tmp_path / "x.onnx")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())
