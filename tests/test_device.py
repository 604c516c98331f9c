"""Where a student runs."""

import pytest
import torch

from student.device import build_fabric
from util.errors import UserError


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_is_one_sentence() -> None:
    with pytest.raises(UserError, match="set it to auto or cpu"):
        build_fabric("cuda")
