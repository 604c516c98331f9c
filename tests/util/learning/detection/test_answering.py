from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from util.detections import BoxRule
from util.errors import UserError
from util.learning.detection.answering import DetectorLabeller
from util.learning.detection.network import Cells, Detector, DetectorSettings
from util.learning.detection.torch_detector import TorchDetector

SETTINGS = DetectorSettings(["boat", "bird"], None, 2, 64, [0.5] * 3, [0.5] * 3)


class _Sure(nn.Module):
    """Finds one box, always the same, in pixels of the image as it sees it."""

    def forward(self, images: torch.Tensor) -> Cells:
        return Cells(torch.tensor([[[9.0, -9.0]]]), torch.tensor([[[8.0, -4.0, 16.0, 12.0]]]))


def test_boxes_come_back_in_pixels_of_the_image_and_within_it() -> None:
    detector = TorchDetector(Detector(SETTINGS), torch.device("cpu"))
    detector._session.model = _Sure()
    labeller = DetectorLabeller(detector, BoxRule(0.1, 0.5, 10))
    (content,) = labeller.label(np.zeros((30, 128, 3), np.uint8), ["set"])
    assert content.size_hw == (30, 128)  # seen at half of its size
    assert content.boxes is not None
    assert content.boxes.boxes_xyxy.tolist() == [[16.0, 0.0, 32.0, 24.0]]
    assert content.boxes.classes == ("boat",)


def test_answers_do_not_depend_on_how_many_are_given_at_once() -> None:
    image = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    found = []
    for at_once in (1, 4):
        torch.manual_seed(0)
        detector = TorchDetector(Detector(SETTINGS), torch.device("cpu"), at_once)
        found.append(DetectorLabeller(detector, BoxRule(0.001, 0.5, 10)).detect(image))
    np.testing.assert_allclose(found[0].boxes_xyxy, found[1].boxes_xyxy, rtol=1e-5)
    assert len(found[0].confidences) == 10


def test_memory_that_runs_out_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = TorchDetector(Detector(SETTINGS), torch.device("cpu"))

    def fail(_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(detector._session.model, "forward", fail)
    with pytest.raises(UserError, match=r"96 x 64 pixels .* a smaller detector\.size_px"):
        detector.look(np.zeros((64, 96, 3), np.uint8))


@pytest.mark.parametrize("encoder", [None, "tf_efficientnet_lite0", "mobilenetv3_small_100"])
def test_a_detector_that_is_made_fast_says_what_its_network_does(encoder: str | None) -> None:
    torch.manual_seed(0)
    network = Detector(replace(SETTINGS, encoder=encoder, width=4))
    network(torch.rand(4, 3, 64, 96))  # running moments
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -1, 1)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    with torch.inference_mode():
        seen = network.eval()(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
    detector = TorchDetector(network, torch.device("cpu"))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in detector._session.model.modules())
    answer = detector.look(image)
    np.testing.assert_allclose(answer.scores, seen.logits[0].sigmoid(), rtol=1e-3)
    np.testing.assert_allclose(answer.boxes_xyxy, seen.boxes_xyxy[0], rtol=1e-3, atol=1e-2)
