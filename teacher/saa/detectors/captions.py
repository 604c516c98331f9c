"""What the two GroundingDINO backends share: captions in, encodings kept, answers out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import BertTokenizer, PreTrainedTokenizerBase

from teacher.inference.runtime import Encoding, check_finite, to_half
from teacher.prompts import quoted
from teacher.saa.detectors import Detections
from util.errors import PromptError, UserError, listed

BETWEEN_WORDS = ("[CLS]", "[SEP]", ".", "?")
"""Tokens at which GroundingDINO cuts a caption into phrases."""

_NUMBERS = [101, 102, 1012, 1029]  # of these, in bert-base-uncased


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of bert-base-uncased, of which vocab.txt is enough.

    Raises:
        UserError: The folder has no vocabulary, or another one.
    """
    vocabulary = folder / "vocab.txt"
    if not vocabulary.is_file():
        raise UserError(
            f"saa.text_encoder: {folder} has no vocab.txt; give a folder with that of"
            " bert-base-uncased, or fetch google-bert/bert-base-uncased"
        )
    tokenizer = BertTokenizer(str(vocabulary), do_lower_case=True)
    if tokenizer.convert_tokens_to_ids(list(BETWEEN_WORDS)) != _NUMBERS:
        raise UserError(
            f"saa.text_encoder: {vocabulary} is not the vocabulary of bert-base-uncased, with"
            " which GroundingDINO was trained"
        )
    return tokenizer


def to_caption(phrase: str) -> str:
    """Write a phrase as GroundingDINO was trained on: lower case, with a full stop at the end."""
    caption = phrase.lower().strip()
    return caption if caption.endswith(".") else caption + "."


def name_tokens(tokenizer: PreTrainedTokenizerBase, caption: str) -> tuple[str, ...]:
    """Name the tokens of a caption, first to last; '' for those between words."""
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(caption)["input_ids"])
    return tuple("" if token in BETWEEN_WORDS else token for token in tokens)


def check_lengths(
    tokenizer: PreTrainedTokenizerBase, phrases: Sequence[str], limit: int, reader: str
) -> None:
    """Refuse phrases of more tokens than the model can read.

    Args:
        tokenizer: The model's own.
        phrases: What it shall read.
        limit: How many tokens of a phrase it reads.
        reader: The model, for the error.

    Raises:
        PromptError: There are such phrases; all of them are named.
    """
    # Not verbose: the tokenizer has a warning of its own for what is refused here.
    counts = {p: len(tokenizer(p, verbose=False)["input_ids"]) for p in phrases}
    if long := [f"{quoted([p])} has {count}" for p, count in counts.items() if count > limit]:
        raise PromptError(
            f"the prompt {listed(long)} tokens and {reader} reads {limit} at most; shorten it"
        )


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


def to_pixels(boxes: Tensor, scale_wh: Sequence[int], size_hw: Sequence[int]) -> np.ndarray:
    """Turn relative boxes into pixels.

    Args:
        boxes: (N, 4) float centre x, y, width and height.
        scale_wh: What 1 stands for, in pixels.
        size_hw: Of the image.

    Returns:
        (N, 4) float32 x0, y0, x1, y1, clipped to the image; a box beside it has no area.
    """
    centre, size = boxes.float().cpu().unflatten(1, (2, 2)).unbind(1)
    corners = torch.stack([centre - size / 2, centre + size / 2], dim=1)  # (N, 2, 2)
    pixels = (corners * torch.tensor(scale_wh)).clamp(min=0)
    return pixels.minimum(torch.tensor(size_hw).flip(0)).flatten(1).numpy()
