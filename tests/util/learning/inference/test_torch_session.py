"""What is put before a network in torch, and in how many threads."""

import pytest
import torch
from torch import nn

from util.learning.inference.torch_session import TorchSession

CPU = torch.device("cpu")


def test_images_at_once_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    for most, at_once, num_threads in ((1, 1, 8), (3, 3, 2), (100, 8, 1)):
        session = TorchSession(nn.Conv2d(3, 1, 1), CPU, most)
        assert (session.num_at_once, session.num_threads) == (at_once, num_threads)
