"""What a mask-classification network says of one image, before anything is made of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from util.errors import UserError

STRIDE = 4
"""Pixels of the network's input, along a side, that a cell of its mask logits stands for."""


@dataclass(frozen=True)
class RawOutputs:
    """The queries of one image: what each shows, and where.

    Tensors without gradients, on whatever device: on a processor torch interpolates, applies
    sigmoids and sums over queries several times faster than numpy, and arrays become tensors
    without a copy (`torch.from_numpy`).

    Attributes:
        class_logits: (Q, K + 1) float32: K known classes, then "no object" (void). With a negative
            class (Q, K + 2): known classes, negative class, void, which so is always the last.
        mask_logits: (Q, h, w) float32, a cell for each 4 x 4 pixels of the network's input. Cells
            of padding, to the bottom and to the right, may be cut off or kept; they are known by
            `input_size_hw`. Only `maskomaly` as published looks at them.
        input_size_hw: Size of the image as the network saw it, without padding; need not be a
            multiple of 4.
        size_hw: Size of the image itself, and so of its maps.
        has_negative_class: Whether the network was trained with a class of negatives (UNO).
    """

    class_logits: Tensor
    mask_logits: Tensor
    input_size_hw: tuple[int, int]
    size_hw: tuple[int, int]
    has_negative_class: bool = False

    def __post_init__(self) -> None:
        """Make sure that all belongs together.

        Raises:
            ValueError: A tensor has another shape or is not float32, or the cells do not cover the
                image.
        """
        tensors = (self.class_logits, self.mask_logits)
        if any(tensor.dtype != torch.float32 for tensor in tensors):
            raise ValueError(f"expected float32 logits, not {[t.dtype for t in tensors]}")
        if self.class_logits.ndim != 2 or self.mask_logits.ndim != 3 or self.num_classes < 1:
            raise ValueError(f"expected (Q, K + 1) and (Q, h, w), not {[t.shape for t in tensors]}")
        if len(self.class_logits) != len(self.mask_logits) or self.num_queries < 1:
            raise ValueError(f"expected the same queries in {[t.shape for t in tensors]}")
        if min(*self.input_size_hw, *self.size_hw) < 1:
            raise ValueError(f"expected sizes of pixels, not {self.input_size_hw}, {self.size_hw}")
        needed_hw = tuple(math.ceil(side / STRIDE) for side in self.input_size_hw)
        cells_hw = tuple(self.mask_logits.shape[1:])
        if cells_hw[0] < needed_hw[0] or cells_hw[1] < needed_hw[1]:
            raise ValueError(
                f"an input of {self.input_size_hw} has {needed_hw} cells, not {cells_hw}"
            )

    @property
    def num_queries(self) -> int:
        """Q."""
        return len(self.class_logits)

    @property
    def num_classes(self) -> int:
        """K, the known classes alone."""
        return self.class_logits.shape[1] - 1 - self.has_negative_class

    def class_probabilities(self) -> Tensor:
        """(Q, K + 1) or (Q, K + 2) float32, each row of sum 1, void included."""
        return self.class_logits.softmax(dim=1)

    def rounded(self) -> "RawOutputs":
        """Give what is left of them when they are kept: masks of half precision, on their device.

        Mask logits are kept in half precision, in which a mask's probability is off by 1.2e-4 at
        most: half of the last bit of a logit, |logit| / 2048, times the slope of the sigmoid, below
        0.23 / |logit|. Maps change by less than 1e-3, but where the border rule, which has a
        threshold, changes its mind.
        """
        return replace(self, mask_logits=self._halved().float())

    def _halved(self) -> Tensor:
        largest = torch.finfo(torch.float16).max
        return self.mask_logits.clamp(-largest, largest).half()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Turn into arrays to be kept, `rounded`, by `teacher.inference.cache.Cache`."""
        return {
            "class_logits": self.class_logits.cpu().numpy(),
            "mask_logits": self._halved().cpu().numpy(),
            "sizes": np.array([self.input_size_hw, self.size_hw]),
            "has_negative_class": np.array(self.has_negative_class),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], device: torch.device | str = "cpu"
    ) -> "RawOutputs":
        """Read what `to_arrays` gave, onto a device.

        Raises:
            UserError: Arrays are missing or do not belong together.
        """
        try:
            (input_height, input_width), (height, width) = arrays["sizes"].tolist()
            return cls(
                torch.tensor(arrays["class_logits"], device=device),
                torch.tensor(arrays["mask_logits"], device=device).float(),
                (input_height, input_width),
                (height, width),
                bool(arrays["has_negative_class"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"the raw outputs of an image are damaged ({error}); remove them, to be made anew"
            ) from None
