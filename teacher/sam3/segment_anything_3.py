"""SAM 3 (Meta, 2025) by transformers: a whole teacher, from a text to masks of its instances."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from transformers import Sam3Model, Sam3Processor
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

from teacher.findings import Finding
from teacher.inference.crop_masks import CropMask, join_masks
from teacher.inference.enlarging import Enlargement
from teacher.inference.runtime import Batches, Encoder, Encoding, Runtime, check_finite, to_half
from teacher.saa.algorithm import shrink_to
from teacher.saa.detectors.captions import check_lengths
from teacher.weights.checkpoints import read_model, read_model_type, read_processor
from util.errors import UserError
from util.prompts import prompt_to_phrases

MODEL = "SAM 3"
MODEL_TYPES = ("sam3", "sam3_video")
"""What the config.json of a folder may say; the published one is that of the video model."""

MAX_TOKENS = 32
"""What the text encoder was trained with; its processor pads to it."""

MASK_THRESHOLD = 0.5
"""A pixel belongs to an instance above this probability, as in the library's post-processing."""


@dataclass(frozen=True)
class Sam3Settings:
    """Which instances count; the config has the thresholds that are SAM 3's own.

    Attributes:
        box_threshold: An instance counts when its score is above this.
        min_area: Smallest relative area of its box, exclusive.
        area_threshold: Largest relative area of its box, inclusive, so that 1 is no limit.
        max_masks: How many instances of highest score enter the map.
        working_size_px: Longest side that the model sees; 0 = the image as it is. SAM 3 resizes
            all to a square of 1008 pixels, so larger values change little.
    """

    box_threshold: float
    area_threshold: float
    min_area: float = 0.0
    max_masks: int = 100
    working_size_px: int = 0


@dataclass(frozen=True)
class Instances:
    """The instances of one phrase that count, best first.

    Attributes:
        boxes_relative: (N, 4) float32 x0, y0, x1, y1 in [0, 1], shares of the image's sides.
        scores: (N,) float32 in [0, 1].
        mask_probabilities: (N, h, w) float32 in [0, 1], of the whole image on the model's grid.
    """

    boxes_relative: np.ndarray
    scores: np.ndarray
    mask_probabilities: np.ndarray


class SegmentAnything3:
    """A teacher: images and prompts in, one soft label a prompt out; a `Teacher`."""

    def __init__(
        self,
        model: Sam3Model,
        processor: Sam3Processor,
        runtime: Runtime,
        prompts_per_batch: int,
        settings: Sam3Settings,
    ) -> None:
        self.model = runtime.place(model)
        self.processor = processor
        self.runtime = runtime
        self.batches = Batches(prompts_per_batch, "prompts")
        self.settings = settings
        self.encoder: Encoder = self
        """Encodes images for `label`; one that remembers may take its place."""
        runtime.compile(model.vision_encoder)

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Finding]:
        """Answer all prompts about one image, (H, W, 3) uint8 RGB; see `Teacher`.

        The phrases of a prompt, split at `|`, are pooled; each phrase is asked once.

        Returns:
            One finding a prompt, in order, without saliency; see `lay_out` for its soft label.

        Raises:
            UserError: Memory ran out, the model has answered with NaN, or phrases are too long.
        """
        groups = [prompt_to_phrases(prompt) for prompt in prompts]
        phrases = list(dict.fromkeys(phrase for group in groups for phrase in group))
        check_lengths(self.processor.tokenizer, phrases, MAX_TOKENS, MODEL)
        encoding = self.encoder.encode(shrink_to(image_rgb, self.settings.working_size_px))
        found = dict(zip(phrases, self.detect_masks(encoding, phrases), strict=True))
        size_hw, max_masks = (image_rgb.shape[0], image_rgb.shape[1]), self.settings.max_masks
        return (
            pool_instances([(phrase, found[phrase]) for phrase in group], max_masks, size_hw)
            for group in groups
        )

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts of more tokens than the model reads; see `Teacher`."""
        phrases = [phrase for prompt in prompts for phrase in prompt_to_phrases(prompt)]
        check_lengths(self.processor.tokenizer, phrases, MAX_TOKENS, MODEL)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB.

        Returns:
            `level_0`, the finest, and so on: (1, 256, h, w) float16 each, of the whole image.
        """
        seen = self.processor(
            images=image_rgb, return_tensors="pt", input_data_format="channels_last"
        )
        with self.runtime.inference():
            pixels = seen["pixel_values"].to(self.runtime.device)
            levels = self.model.get_vision_features(pixels).fpn_hidden_states[:-1]  # last: unused
        return to_half({f"level_{i}": level for i, level in enumerate(levels)}, MODEL)

    def detect_masks(self, encoding: Encoding, phrases: Sequence[str]) -> list[Instances]:
        """Find the instances of each phrase in an encoded image, one `Instances` a phrase."""
        with self.runtime.inference():
            return self.batches.map(lambda batch: self._detect(encoding, batch), phrases)

    def _detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Instances]:
        """Answer a batch of phrases."""
        answer = self.model(
            vision_embeds=self._vision(encoding, len(phrases)), **self._tokens(phrases)
        )
        presence = answer.presence_logits.float().sigmoid()  # (B, 1): is there any at all?
        scores = check_finite(answer.pred_logits.float().sigmoid() * presence, MODEL)
        boxes = check_finite(answer.pred_boxes, MODEL).float().clamp(0, 1)
        return [self._select(*a) for a in zip(boxes, scores, answer.pred_masks, strict=True)]

    def _vision(self, encoding: Encoding, num_phrases: int) -> Sam3VisionEncoderOutput:
        """Turn an encoding back into what the model takes, the same for each phrase."""
        levels = [
            encoding[f"level_{i}"].to(self.runtime.device).float().expand(num_phrases, -1, -1, -1)
            for i in range(len(encoding))
        ]
        coarse = levels[-1]
        encode_positions = self.model.vision_encoder.neck.position_encoding
        positions = encode_positions(coarse.shape, coarse.device, coarse.dtype)
        # The model drops the last of both, and looks at the positions of the coarsest level only.
        return Sam3VisionEncoderOutput(
            fpn_hidden_states=(*levels, coarse), fpn_position_encoding=(positions, positions)
        )

    def _tokens(self, phrases: Sequence[str]) -> dict[str, Tensor]:
        """Tokenise phrases, padded to one length."""
        tokens = self.processor(text=list(phrases), return_tensors="pt").to(self.runtime.device)
        return {name: tokens[name] for name in ("input_ids", "attention_mask")}

    def _select(self, boxes: Tensor, scores: Tensor, mask_logits: Tensor) -> Instances:
        """Keep the best of the instances that count."""
        settings = self.settings
        widths, heights = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
        areas = widths * heights
        counts = (
            (scores > settings.box_threshold)
            & (areas > settings.min_area)
            & (areas <= settings.area_threshold)
        )
        order = scores.argsort(descending=True, stable=True)
        best = order[counts[order]][: settings.max_masks]
        probabilities = check_finite(mask_logits[best], MODEL).float().sigmoid()
        return Instances(
            boxes[best].numpy(force=True),
            scores[best].numpy(force=True),
            probabilities.numpy(force=True),
        )


def pool_instances(
    found: Sequence[tuple[str, Instances]], max_masks: int, size_hw: tuple[int, int]
) -> Finding:
    """Pool the phrases of a prompt and lay out the best of their instances.

    Args:
        found: The phrases, one or more, each with its instances that count.
        max_masks: How many instances of highest score are laid out.
        size_hw: Size of the image.
    """
    height, width = size_hw
    boxes = np.concatenate([instances.boxes_relative for _, instances in found])
    scores = np.concatenate([instances.scores for _, instances in found])
    phrases = [phrase for phrase, instances in found for _ in instances.scores]
    probabilities = [p for _, instances in found for p in instances.mask_probabilities]
    best = np.argsort(-scores, kind="stable")[:max_masks]
    soft_label, masks = lay_out([probabilities[i] for i in best], scores[best], (height, width))
    return Finding(
        soft_label=soft_label,
        boxes_xyxy=boxes[best] * np.array([width, height, width, height], np.float32),
        scores=scores[best],
        phrases=[phrases[i] for i in best],
        masks=masks,
    )


def lay_out(
    mask_probabilities: Sequence[np.ndarray], scores: np.ndarray, size_hw: tuple[int, int]
) -> tuple[np.ndarray, list[CropMask]]:
    """Lay instances over each other: the best score * mask probability of those at a pixel.

    An instance is at a pixel where its mask probability, resized to the image, is above 0.5. So
    pixels outside of all masks are exactly 0, and no instance gives more than its score.

    Args:
        mask_probabilities: N (h, w) float32 maps in [0, 1], of the whole image.
        scores: (N,) in [0, 1].
        size_hw: Size of the image.

    Returns:
        (H, W) float32 in [0, 1], all 0 without instances, and the N masks.
    """
    soft_label = np.zeros(size_hw, np.float32)
    masks: list[CropMask] = []
    if not len(mask_probabilities):
        return soft_label, masks
    enlarged = Enlargement(mask_probabilities[0].shape, [(size_hw, size_hw)])
    for small, score in zip(mask_probabilities, scores, strict=True):
        parts = []
        for place, probability in enlarged.blocks_above(small, MASK_THRESHOLD):
            inside = probability > MASK_THRESHOLD
            so_far = soft_label[place]
            np.maximum(so_far, np.float32(score) * probability * inside, out=so_far)
            parts.append((place, inside))
        masks.append(join_masks(parts))
    return soft_label, masks


def load_segment_anything_3(
    folder: Path, runtime: Runtime, prompts_per_batch: int, settings: Sam3Settings
) -> SegmentAnything3:
    """Load SAM 3 as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, processor, tokenizer.
        runtime: Where the model runs.
        prompts_per_batch: How many phrases are answered at once.
        settings: Which instances count.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    read_model_type(folder, MODEL_TYPES, MODEL)
    model = read_model(Sam3Model, folder)
    processor = read_processor(Sam3Processor, folder)
    # Without its files the library makes an empty tokenizer, for which all words are the same.
    if len(processor.tokenizer) < model.text_encoder.config.vocab_size:
        raise UserError(f"{folder} lacks the vocabulary of {MODEL}'s tokenizer; fetch it again")
    return SegmentAnything3(model, processor, runtime, prompts_per_batch, settings)
