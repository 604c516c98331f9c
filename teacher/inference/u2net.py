"""U²-Net (Qin et al., arXiv 2005.09007): outlines whatever stands out in an image."""

from pathlib import Path

import cv2
import numpy as np

from teacher.inference.onnx_session import open_fixed_session
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD

SIDE_PX = 320
"""Side of the square that the network sees, whatever the shape of the image."""

_MEAN = np.array(IMAGE_MEAN, np.float32)
_STD = np.array(IMAGE_STD, np.float32)


class U2Net:
    """The network, from an ONNX file such as u2netp.onnx."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UserError: It is missing, damaged or of another network.
        """
        self._session = open_fixed_session(path, (1, 3, SIDE_PX, SIDE_PX), "U²-Net")
        self._input = self._session.get_inputs()[0].name
        self._fused = self._session.get_outputs()[0].name  # the others are of single depths

    def look(self, image_rgb: np.ndarray) -> np.ndarray:
        """Say how much stands out, on the network's own grid.

        Args:
            image_rgb: (H, W, 3) uint8.

        Returns:
            (320, 320) float32 in [0, 1], the whole image whatever its shape; see `predict`.
        """
        fused = self._session.run([self._fused], {self._input: prepare(image_rgb)})[0]
        return np.clip(np.asarray(fused)[0, 0], 0, 1)

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Say how much each pixel stands out.

        The answer is that of the network. It is not stretched to the whole range as usual, which
        would find something in every image.

        Args:
            image_rgb: (H, W, 3) uint8.

        Returns:
            (H, W) float32 in [0, 1].
        """
        return cv2.resize(self.look(image_rgb), image_rgb.shape[1::-1])


def prepare(image_rgb: np.ndarray) -> np.ndarray:
    """Make of an (H, W, 3) uint8 image what the network sees, (1, 3, 320, 320) float32.

    As it was trained: divided by the largest value, then normalised as ImageNet's images.
    """
    small = cv2.resize(image_rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    scaled = small.astype(np.float32) / max(int(small.max()), 1)
    return ((scaled - _MEAN) / _STD).transpose(2, 0, 1)[None]
