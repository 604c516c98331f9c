"""What SAM, SAM-HQ and SAM 2 share, whichever library runs them: an image and boxes to masks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor, nn

from teacher.inference.crop_masks import CropMask
from teacher.inference.enlarging import Enlargement, Step
from teacher.inference.runtime import (
    Batches,
    Encoding,
    M,
    Runtime,
    check_finite,
    refuse_strip,
    to_half,
)

MASK_THRESHOLD = 0.0
"""A pixel belongs to a mask above this logit, as in the post-processing of both libraries."""


@dataclass(frozen=True)
class Padding:
    """How a model that keeps the proportions of an image sees it.

    Attributes:
        longest_px: What the longer side is resized to.
        padded_hw: What the image is then padded to, below and to the right.
    """

    longest_px: int
    padded_hw: tuple[int, int]


class SamFamilySegmenter(ABC, Generic[M]):
    """Outlines the object in each box with the single mask of a SAM; a `Segmenter`.

    A mask stays where the model puts it, so it may leave its box.
    """

    def __init__(
        self,
        model: M,
        image_encoder: nn.Module,
        name: str,
        padding: Padding | None,
        runtime: Runtime,
        boxes_per_batch: int,
    ) -> None:
        """Make a model ready.

        Args:
            model: The whole of it.
            image_encoder: Its part that looks at images.
            name: Of the model, for errors.
            padding: How it sees images; None for one that resizes them to a square.
            runtime: Where it runs.
            boxes_per_batch: How many boxes are decoded at once.
        """
        self.model = runtime.place(model)
        self.name = name
        self.padding = padding
        self.runtime = runtime
        self.batches = Batches(boxes_per_batch, "boxes")
        runtime.compile(image_encoder)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB, as the model sees it.

        Returns:
            What the decoder asks of the image, float16, and the sizes (height, width) of the image,
            `size_hw`, and of what the encoder saw of it before padding, `input_hw`.

        Raises:
            UserError: Memory ran out, the encoder has answered with NaN, or the image is too long
                a strip.
        """
        if self.padding:
            refuse_strip(image_rgb, self.padding.longest_px, self.name)
        pixels, input_hw = self._resize(image_rgb)
        with self.runtime.inference():
            features = to_half(self._look(pixels.to(self.runtime.device)), self.name)
        sizes = {"size_hw": image_rgb.shape[:2], "input_hw": input_hw}
        return features | {name: torch.as_tensor(size) for name, size in sizes.items()}

    def segment(self, encoding: Encoding, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each of (N, 4) boxes; no boxes need no model.

        Raises:
            UserError: Memory ran out on a single box, or the decoder has answered with NaN.
        """
        scale_hw = encoding["input_hw"].numpy(force=True) / encoding["size_hw"].numpy(force=True)
        boxes = boxes_xyxy * np.tile(scale_hw[::-1], 2)
        with self.runtime.inference():
            return self.batches.map(lambda batch: self._outline(encoding, batch), list(boxes))

    def _outline(self, encoding: Encoding, boxes: Sequence[np.ndarray]) -> list[CropMask]:
        """Outline a batch; each mask is enlarged where it is."""
        device = self.runtime.device
        with torch.autocast(device.type, enabled=False):  # half precision moves corners by pixels
            prompt = self._embed(torch.tensor(np.stack(boxes), dtype=torch.float32, device=device))
        logits = self._decode(_on_device(encoding, device), prompt)
        small = check_finite(logits, self.name).float().numpy(force=True)
        enlarged = Enlargement(small.shape[1:], self._steps(encoding))
        return [enlarged.mask_above(each, MASK_THRESHOLD) for each in small]

    def _steps(self, encoding: Encoding) -> list[Step]:
        """How masks are enlarged: to what the model saw, without its padding, then to the image."""
        size_hw = encoding["size_hw"].tolist()
        steps: list[Step] = [(size_hw, size_hw)]
        if self.padding:
            steps.insert(0, (self.padding.padded_hw, encoding["input_hw"].tolist()))
        return steps

    @abstractmethod
    def _resize(self, image_rgb: np.ndarray) -> tuple[Tensor, Sequence[int] | Tensor]:
        """Resize an image.

        Returns:
            (1, 3, h, w) for `_look`, and its height and width before padding.
        """

    @abstractmethod
    def _look(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Run the image encoder and name what the decoder wants of it."""

    @abstractmethod
    def _embed(self, boxes: Tensor) -> dict[str, Any]:
        """Embed (N, 4) float32 boxes, in pixels that the encoder saw, as the decoder takes them."""

    @abstractmethod
    def _decode(self, features: Mapping[str, Tensor], prompt: Mapping[str, Any]) -> Tensor:
        """Run the decoder on what `_look` and `_embed` gave: (N, h, w) logits, one mask a box."""


def _on_device(encoding: Encoding, device: torch.device) -> dict[str, Tensor]:
    """What was kept of the image encoder, but for the sizes, as float32."""
    return {n: v.to(device).float() for n, v in encoding.items() if v.is_floating_point()}
