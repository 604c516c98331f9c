"""Networks of road scenes as a teacher."""

import numpy as np
import pytest
import torch

from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.maskomaly_score import MaskomalySettings
from teacher.maskomaly.teacher import MaskomalyTeacher, NetworkPasses
from util.errors import UserError


class Damaged(NetworkPasses):
    """Passes whose cache is damaged."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        pass

    def see(self, image_rgb: np.ndarray) -> RawOutputs:
        raise UserError("the cache is damaged")


def test_networks_have_answered_before_a_map_is_asked_for() -> None:
    teacher = MaskomalyTeacher({"it": Damaged()}, {}, MaskomalySettings(), 0.0)
    with pytest.raises(UserError, match="the cache is damaged"):
        teacher.label(np.zeros((4, 6, 3), np.uint8), ["it-rba", "it-eam"])


class TooLarge(Damaged):
    """Passes for which there is too little memory."""

    def see(self, image_rgb: np.ndarray) -> RawOutputs:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_an_image_that_is_too_large_fails_alone() -> None:
    teacher = MaskomalyTeacher({"it": TooLarge()}, {}, MaskomalySettings(), 0.0)
    with pytest.raises(UserError, match=r"^the image does not fit into the memory of cpu; make it"):
        teacher.label(np.zeros((4, 6, 3), np.uint8), ["it-rba"])
