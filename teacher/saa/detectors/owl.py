"""OWLv2 (Minderer et al., arXiv 2306.09683) by transformers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import BaseImageProcessor, Owlv2ForObjectDetection, PreTrainedTokenizerBase

from teacher.inference.runtime import Batches, Encoding, Runtime, check_finite, to_half
from teacher.saa.detectors import Detections
from teacher.saa.detectors.captions import check_lengths
from teacher.saa.detectors.relative_boxes import to_pixels


class HuggingFaceOwl:
    """OWLv2; a `Detector`. A phrase is one token: it gets one score a box."""

    def __init__(
        self,
        model: Owlv2ForObjectDetection,
        image_processor: BaseImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        runtime: Runtime,
        prompts_per_batch: int,
    ) -> None:
        self.model = runtime.place(model)
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.runtime = runtime
        self.batches = Batches(prompts_per_batch, "prompts")
        text_config: Any = model.config.text_config
        self.max_tokens: int = text_config.max_position_embeddings
        runtime.compile(model.owlv2.vision_model)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB, padded to a square.

        Returns:
            `features` (1, h, w, C) float16, one for each patch, and `size_hw` of the image.

        Raises:
            UserError: Memory ran out, or the encoder has answered with NaN.
        """
        seen = self.image_processor(
            image_rgb, return_tensors="pt", input_data_format="channels_last"
        )
        with self.runtime.inference():
            pixels = seen["pixel_values"].to(self.runtime.device)
            features = self.model.image_embedder(pixels)[0]
        encoding = to_half({"features": features}, "OWLv2")
        return encoding | {"size_hw": torch.tensor(image_rgb.shape[:2])}

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        """Answer several phrases about one image: one box a patch, the same for all phrases.

        Raises:
            UserError: Memory ran out on a single phrase, the model has answered with NaN, or
                phrases are too long.
        """
        self.check_phrases(phrases)
        feature_map = encoding["features"].float()
        features = feature_map.flatten(1, 2)  # (1, patches, C)
        size_hw = encoding["size_hw"].tolist()
        with self.runtime.inference():
            with torch.autocast(features.device.type, enabled=False):  # it would move corners
                boxes = check_finite(self.model.box_predictor(features, feature_map)[0], "OWLv2")
            scores = self.batches.map(lambda batch: self._score(features, batch), phrases)
        side = max(size_hw)  # boxes are relative to the image padded to a square
        boxes_xyxy = to_pixels(boxes, (side, side), size_hw)
        return [
            Detections(boxes_xyxy, score.numpy(force=True)[:, None], (phrase,))
            for phrase, score in zip(phrases, scores, strict=True)
        ]

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Refuse phrases of more tokens than the model reads; see `Detector`."""
        check_lengths(self.tokenizer, phrases, self.max_tokens, "the detector")

    def _score(self, features: Tensor, phrases: Sequence[str]) -> Sequence[Tensor]:
        """(patches,) scores for each phrase of a batch."""
        text = self.tokenizer(
            list(phrases), padding="max_length", max_length=self.max_tokens, return_tensors="pt"
        ).to(self.runtime.device)
        owl = self.model.owlv2
        words = owl.text_projection(owl.text_model(**text).pooler_output)
        words = words / words.norm(dim=-1, keepdim=True)
        logits = self.model.class_predictor(features, words[None])[0]  # (1, patches, N)
        return check_finite(logits, "OWLv2")[0].float().sigmoid().unbind(-1)
