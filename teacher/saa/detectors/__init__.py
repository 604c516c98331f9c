"""Text-prompted detectors: an image and a phrase in, boxes with a score for every word out.

One file a backend; `teacher.saa.parts` makes one by name. To add a backend, write a class with the
methods of `Detector` and a line there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Detections:
    """The boxes that a detector offers for one phrase, before any threshold.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the image, x1/y1 exclusive.
        token_scores: (N, T) float32 in [0, 1], how well each box fits each word of the phrase.
        tokens: The T words, in the order of the phrase. The later pieces of a word in pieces begin
            with ##, as tokenizers write them; '' is no word (a full stop), but its score counts.
        is_understood: False where the detector knows none of the things that the phrase names, and
            answers with any object instead.
    """

    boxes_xyxy: np.ndarray
    token_scores: np.ndarray
    tokens: tuple[str, ...]
    is_understood: bool = True

    @property
    def scores(self) -> np.ndarray:
        """(N,) float32 in [0, 1], the score of a box: that of its best word."""
        return self.token_scores.max(axis=1, initial=0.0)

    def phrases(self, text_threshold: float) -> list[str]:
        """What each box reads as: its words with a score above the threshold ('' when none is)."""
        above = self.token_scores > text_threshold
        return [
            " ".join(
                t for t, is_above in zip(self.tokens, row, strict=True) if is_above and t
            ).replace(" ##", "")
            for row in above
        ]


class Detector(Protocol):
    """Finds what a phrase names. `encode` does all that does not depend on the phrase, once."""

    def encode(self, image_rgb: np.ndarray) -> Any:
        """Prepare an image, (H, W, 3) uint8 RGB. The result is opaque and may be kept."""
        ...

    def detect(self, encoding: Any, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one encoded image, one `Detections` a phrase, in order."""
        ...

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases that it cannot read, whatever the image; asks no model.

        Raises:
            PromptError: Phrases are too long; all of them are named.
        """
        ...
