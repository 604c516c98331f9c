"""Where a student runs."""

import pytest
import torch

from util.errors import UserError
from util.learning.device import build_fabric


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_is_one_sentence() -> None:
    with pytest.raises(UserError, match="set it to auto or cpu"):
        build_fabric("cuda")


def test_numbers_that_a_processor_lacks_are_refused_not_replaced() -> None:
    with pytest.raises(UserError, match=r"student\.precision '16-mixed' .*set it to auto"):
        build_fabric("cpu", "16-mixed")
