"""What the two GroundingDINO backends share: captions in, encodings kept, answers out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from teacher.inference.runtime import Batches, Encoding, M, Runtime, check_finite, to_half
from teacher.saa.detectors import Detections
from teacher.saa.detectors.captions import check_lengths, name_tokens, to_caption
from teacher.saa.detectors.relative_boxes import to_pixels


class CaptionDetector(ABC, Generic[M]):
    """GroundingDINO or MM-GroundingDINO, whichever library runs it; a `Detector`.

    The image is encoded by the backbone alone, because all that follows looks at the text, too.
    """

    def __init__(
        self,
        model: M,
        backbone: nn.Module,
        compiled: tuple[type[nn.Module], ...],
        tokenizer: PreTrainedTokenizerBase,
        max_tokens: int,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        """Make a model ready.

        Args:
            model: The whole of it.
            backbone: Its part that looks at images.
            compiled: Layers of the backbone that are worth compiling.
            tokenizer: Of its captions.
            max_tokens: How many of a caption's it reads.
            runtime: Where it runs.
            prompts_per_batch: How many phrases are asked for at once.
        """
        self.model = runtime.place(model)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.runtime = runtime
        self.batches = Batches(prompts_per_batch, "prompts")
        for layer in backbone.modules():
            if isinstance(layer, compiled):  # the backbone as a whole: minutes for each image size
                runtime.compile(layer)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the backbone on an image, (H, W, 3) uint8 RGB, as the model sees it.

        Returns:
            `level_0`, ... (1, C, h, w) float16, fine to coarse, and `size_hw` of the image.

        Raises:
            UserError: Memory ran out, the backbone has answered with NaN, or the image is too long
                a strip.
        """
        pixels = self._resize(image_rgb)
        with self.runtime.inference():
            levels = self._look(pixels.to(self.runtime.device))
        return keep_levels(levels, image_rgb)

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image; see `Detections`.

        Raises:
            UserError: Memory ran out on a single phrase, the model has answered with NaN, or
                phrases are too long.
        """
        self.check_phrases(phrases)
        with self.runtime.inference():
            return self.batches.map(lambda batch: self._answer(encoding, batch), phrases)

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases of more tokens than the model reads; see `Detector`."""
        captions = list(map(to_caption, phrases))
        check_lengths(self.tokenizer, captions, self.max_tokens, "the detector")

    def _answer(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer a batch."""
        captions = [to_caption(phrase) for phrase in phrases]
        tokens = [name_tokens(self.tokenizer, caption) for caption in captions]
        logits, boxes = self._ask(kept_levels(encoding), captions)
        size_hw = encoding["size_hw"].tolist()
        rows = zip(logits, boxes, tokens, strict=True)
        return [read_answer(*row, size_hw=size_hw) for row in rows]

    @abstractmethod
    def _resize(self, image_rgb: np.ndarray) -> Tensor:
        """Resize and normalise an image: (1, 3, h, w) float32.

        Raises:
            UserError: It is too long a strip.
        """

    @abstractmethod
    def _look(self, pixels: Tensor) -> Sequence[Tensor]:
        """Run the backbone: feature maps, (1, C, h, w) each, fine to coarse."""

    @abstractmethod
    def _ask(self, levels: Sequence[Tensor], captions: list[str]) -> tuple[Tensor, Tensor]:
        """Run all behind the backbone for N captions; what follows a shorter one is masked.

        Returns:
            (N, Q, T) logits of the tokens and (N, Q, 4) relative boxes; see `read_answer`.
        """


def keep_levels(levels: Sequence[Tensor], image_rgb: np.ndarray) -> Encoding:
    """Make an encoding of an image's feature maps, (1, C, h, w) each, fine to coarse.

    Returns:
        `level_0`, ... float16 and `size_hw` of the image.

    Raises:
        UserError: They are not all finite.
    """
    named = {f"level_{i}": level for i, level in enumerate(levels)}
    encoding = to_half(named, "the image encoder of GroundingDINO")
    return encoding | {"size_hw": torch.tensor(image_rgb.shape[:2])}


def kept_levels(encoding: Encoding) -> list[Tensor]:
    """Take the feature maps out of an encoding again, as float32."""
    return [encoding[f"level_{i}"].float() for i in range(len(encoding) - 1)]


def repeat(tensor: Tensor, times: int) -> Tensor:
    """Show one row as many, (1, ...) as (times, ...), without a copy."""
    return tensor.expand(times, *tensor.shape[1:])


def read_answer(
    logits: Tensor, boxes: Tensor, tokens: tuple[str, ...], size_hw: Sequence[int]
) -> Detections:
    """Read what GroundingDINO says about one caption.

    Args:
        logits: (Q, T or more) float; what follows the T tokens of the caption is padding.
        boxes: (Q, 4) float centre x, y, width and height, relative to the image.
        tokens: The T tokens of the caption.
        size_hw: Of the image.

    Returns:
        All Q boxes.

    Raises:
        UserError: Not all is finite.
    """
    check_finite(boxes, "GroundingDINO")
    scores = check_finite(logits[:, : len(tokens)], "GroundingDINO").float().sigmoid()
    boxes_xyxy = to_pixels(boxes, (size_hw[1], size_hw[0]), size_hw)
    return Detections(boxes_xyxy, scores.numpy(force=True), tokens)
