"""What a pretrained network sees in each cell of an image."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from util.learning.detection.backbones import FINE_PX, StagedBackbone
from util.learning.inference.torch_session import scale_images
from util.learning.networks.pretrained import TIMM
from util.learning.networks.unet import pad_to_multiple
from util.weights import efficientnet_lite

NETWORK = TIMM + efficientnet_lite.TIMM_NAME
"""What is asked, as segmentation-models-pytorch calls it."""

WEIGHTS = "efficientnet-lite0"
"""Their name, of those that come with the requirements."""

CELL_PX = FINE_PX
"""Side of a cell."""


class CellDescriber:
    """The first stages of EfficientNet-Lite0, which see edges and textures."""

    def __init__(self, weights: Path) -> None:
        """Build it with weights.

        Raises:
            UserError: The weights are damaged or of another network.
        """
        self._backbone = StagedBackbone(efficientnet_lite.TIMM_NAME, weights).eval()
        self._mean = torch.tensor(efficientnet_lite.IMAGE_MEAN).view(3, 1, 1)
        self._std = torch.tensor(efficientnet_lite.IMAGE_STD).view(3, 1, 1)

    @torch.inference_mode()
    def describe(self, image_rgb: np.ndarray) -> np.ndarray:
        """Describe the cells of an image.

        Args:
            image_rgb: (H, W, 3) uint8.

        Returns:
            (ceil(H / 8), ceil(W / 8), C) float32: means of the features of 3x3 cells of 8 pixels.
        """
        height, width = (-(-side // CELL_PX) for side in image_rgb.shape[:2])
        image = scale_images(torch.from_numpy(image_rgb)[None].permute(0, 3, 1, 2))
        normalised = pad_to_multiple((image - self._mean) / self._std, 32)
        cells = F.avg_pool2d(self._backbone.fine(self._backbone.stem(normalised)), 3, 1, 1)
        return np.ascontiguousarray(cells[0, :, :height, :width].permute(1, 2, 0).numpy())
