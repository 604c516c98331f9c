"""What stands out in an image as a whole: U²-Net, asked once an image, and only where it can help.

Shared by the detector, whose proposals it gives, and the segmenter, which takes its outlines.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from teacher.inference.cache import Cache, cache_key, image_key
from teacher.inference.u2net import U2Net
from util.images.scaling import scale_image

Look = Callable[[np.ndarray], np.ndarray | None]
"""Gives, of an (H, W, 3) uint8 RGB image, an (h, w) float32 map in [0, 1] of how much each place of
it stands out; None where there is nothing to be said."""

STANDS_OUT = 0.5
"""Value of the map above which a place stands out. It is the network's, not stretched, so that an
image in which nothing does has nothing above it."""

EVEN_LAB = 2.5
"""Spread of the blurred image, in units of L*a*b*, up to which it is even. On the Train and
Validation photographs of water birds and the painted sea open water has 0.6 to 2.4, with a shore up
to 6.2; a duck or boat near by 7.7 and more."""

_SIDE_PX = 128
_BLUR = 0.03  # share of the longest side: what swims far away is gone


def see_nothing(_image_rgb: np.ndarray) -> None:
    """A `Look` that sees nothing."""


class WholeThings:
    """U²-Net as a `Look`: call it with an image.

    An even image, such as open water from the air, is left to colour, which finds small things
    better and in a tenth of the time.
    """

    def __init__(
        self, network: U2Net, cache: Cache | None = None, identity: Mapping[str, Any] | None = None
    ) -> None:
        """Take a network.

        Args:
            network: The network.
            cache: Remembers its answers; None = the last one alone is remembered.
            identity: What decides its answers beside the image; see `teacher.saa.cached_models`.
        """
        self._network = network
        self._cache = cache
        self._identity = identity or {}
        self._image: np.ndarray | None = None
        self._last: tuple[str, np.ndarray | None] = ("", None)

    def __call__(self, image_rgb: np.ndarray) -> np.ndarray | None:
        """Look at an image; see `Look`."""
        if image_rgb is not self._image:  # to hash it for each box would take longer than GrabCut
            key = image_key(image_rgb)
            if key != self._last[0]:
                self._last = key, None if is_even(image_rgb) else self._ask(image_rgb, key)
            self._image = image_rgb
        return self._last[1]

    def _ask(self, image_rgb: np.ndarray, image: str) -> np.ndarray:
        """The network's answer, read or made, to an image of a key."""
        key = cache_key(what="whole things", image=image, **self._identity)
        kept = self._cache.read("encodings", key) if self._cache else None
        if kept is None:
            # In half precision whether or not it is kept, so that the cache changes no result.
            kept = {"answer": self._network.look(image_rgb).astype(np.float16)}
            if self._cache:
                self._cache.write("encodings", key, kept)
        return kept["answer"].astype(np.float32)


def is_even(image_rgb: np.ndarray) -> bool:
    """Tell whether an image, (H, W, 3) uint8, is of one colour but for small things."""
    small = scale_image(image_rgb, min(1.0, _SIDE_PX / max(image_rgb.shape[:2])))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    blurred = cv2.GaussianBlur(lab, (0, 0), max(_BLUR * max(small.shape[:2]), 1.0))
    return float(blurred.reshape(-1, 3).std(axis=0).mean()) <= EVEN_LAB
