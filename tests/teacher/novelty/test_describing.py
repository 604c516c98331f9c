"""What cells are described by, beside timm's own network of features."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional as F

from teacher.novelty.describing import CellDescriber
from util.weights import efficientnet_lite
from util.weights.finding import find
from util.weights.known import named


@pytest.mark.parametrize("size_hw", [(64, 96), (71, 90), (9, 9)])
def test_cells_are_those_of_the_published_network(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    weights = find(named("efficientnet-lite0", "test"), Path("none"))
    assert weights is not None
    image = rng.integers(0, 256, (*size_hw, 3), np.uint8)
    state = torch.load(weights, weights_only=True)
    names = efficientnet_lite.timm_names(state)
    published = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(2,))
    published.load_state_dict({names[name]: state[name] for name in state}, strict=False)
    height, width = (-(-side // 32) * 32 for side in size_hw)
    padding = ((0, height - size_hw[0]), (0, width - size_hw[1]), (0, 0))
    padded = np.pad(image, padding, mode="edge").astype(np.float32)
    with torch.no_grad():
        levels = published.eval()(torch.from_numpy((padded - 127) / 128).permute(2, 0, 1)[None])
    cells = F.avg_pool2d(levels[0], 3, 1, 1)[0].permute(1, 2, 0).numpy()
    rows, columns = (-(-side // 8) for side in size_hw)
    described = CellDescriber(weights).describe(image)
    assert described.dtype == np.float32
    np.testing.assert_allclose(described, cells[:rows, :columns], atol=1e-4)
