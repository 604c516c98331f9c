"""CLIP by transformers, that maps where in an image it sees what a prompt says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

from teacher.clip.maps import balance, map_evidence, spread
from teacher.clip.seeing import find_patch_px, see
from teacher.clip.texts import choose_texts
from teacher.inference.runtime import Batches, Runtime, check_finite
from teacher.saa.detectors.captions import check_lengths
from teacher.weights.checkpoints import read_model, read_model_type, read_processor
from util.errors import UserError
from util.label_set import Content
from util.prompts import prompt_to_phrases

MODEL = "CLIP"


@dataclass(frozen=True)
class ClipSettings:
    """What CLIP is asked, and of what size images are; the config describes each.

    Attributes:
        text_template: Text with `{}` where a phrase or word stands.
        background_words: What prompts are compared with, one or more.
        longest_px: Longest side at which an image is seen.
        region_threshold: In [0, 1), above which what is found bounds where a map spreads from.
    """

    text_template: str
    background_words: Sequence[str]
    longest_px: int
    region_threshold: float


class ClipTeacher:
    """A teacher: images and prompts in, one soft label a prompt out; a `Teacher`."""

    def __init__(
        self,
        model: CLIPModel,
        tokenizer: CLIPTokenizer,
        image_processor: CLIPImageProcessor,
        runtime: Runtime,
        texts_per_batch: int,
        settings: ClipSettings,
    ) -> None:
        self.model = runtime.place(model)
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self.runtime = runtime
        self.batches = Batches(texts_per_batch, "texts")
        self.settings = settings
        self._known: dict[str, Tensor] = {}
        self.model.vision_model.set_attn_implementation("eager")  # others do not tell attention

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Content]:
        """Map each prompt in an image, (H, W, 3) uint8 RGB; see `Teacher`.

        The evidence of a prompt (`map_evidence`), spread by attention (`spread`), is stretched to 1
        in every image, for CLIP-ES is told which images show what it looks for. Here nobody tells:
        the map is multiplied by the probability of the prompt among the words of the background, so
        that an image of something else has a map near 0. The phrases of a prompt,
        split at `|`, are one thing by several names: their probabilities are added up.

        Raises:
            UserError: Memory ran out, the model has answered with NaN, or texts are too long.
        """
        texts = [choose_texts(prompt, self.settings.background_words) for prompt in prompts]
        self.embed([text for pair in texts for part in pair for text in part])
        found = self._find(image_rgb, texts)
        size_hw = (image_rgb.shape[0], image_rgb.shape[1])
        return (Content(_enlarge(small, size_hw)) for small in found)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts of more tokens than the model reads; see `Teacher`."""
        self._check_lengths([phrase for prompt in prompts for phrase in prompt_to_phrases(prompt)])

    def embed(self, phrases: Sequence[str]) -> None:
        """Read phrases and words that have not been read yet, each in the template.

        Raises:
            PromptError: Some are too long.
            UserError: Memory ran out, or the model has answered with NaN.
        """
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._known]
        self._check_lengths(new)
        remedy = "set a smaller teacher.prompts_per_batch"
        with self.runtime.inference(remedy, has_gradients=True):  # others no gradient can use
            self._known |= zip(new, self.batches.map(self._embed, new), strict=True)

    def _check_lengths(self, phrases: Sequence[str]) -> None:
        limit = self.model.text_model.embeddings.position_embedding.num_embeddings
        check_lengths(self.tokenizer, [self._fill(phrase) for phrase in phrases], limit, MODEL)

    def _fill(self, phrase: str) -> str:
        return self.settings.text_template.replace("{}", phrase)

    def _embed(self, phrases: Sequence[str]) -> list[Tensor]:
        """Embed a batch of phrases, (D,) float32 of length 1 each."""
        texts = [self._fill(phrase) for phrase in phrases]
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.runtime.device)
        features = self.model.get_text_features(**tokens).pooler_output.float()
        return list(nn.functional.normalize(check_finite(features, MODEL), dim=1))

    def _find(
        self, image_rgb: np.ndarray, texts: Sequence[tuple[Sequence[str], Sequence[str]]]
    ) -> list[Tensor]:
        """Find what pairs of phrases and other words tell apart: (h, w) float32 in [0, 1] each."""
        remedy = "set a smaller clip.longest_px"
        with self.runtime.inference(remedy, has_gradients=True):
            seen = see(self.model, self._prepare(image_rgb))
            scaled = check_finite(seen.embedding * self.model.logit_scale.exp(), MODEL)
            evidence = []
            for phrases, others in texts:
                embeddings = torch.stack([self._known[text] for text in (*phrases, *others)])
                logits = (embeddings * scaled).sum(1)  # in float32, which a product may not be
                found, probability = map_evidence(seen, logits, len(phrases))
                evidence.append((check_finite(found, MODEL), probability))
            # Sums over thousands of patches stay float32.
            with torch.no_grad(), torch.autocast(self.runtime.device.type, enabled=False):
                affinity = balance(seen.attention)
                threshold = self.settings.region_threshold
                return [spread(found, affinity, threshold) * share for found, share in evidence]

    def _prepare(self, image_rgb: np.ndarray) -> Tensor:
        """Make an image whole patches, (1, 3, H, W) float, no side longer than it may be."""
        shrink = min(1.0, self.settings.longest_px / max(image_rgb.shape[:2]))
        patch = find_patch_px(self.model)
        height, width = (
            -(-max(round(side * shrink), 1) // patch) * patch for side in image_rgb.shape[:2]
        )
        prepared = self.image_processor(
            images=image_rgb,
            size={"height": height, "width": width},
            do_center_crop=False,
            return_tensors="pt",
            input_data_format="channels_last",
        )
        pixels: Tensor = prepared["pixel_values"].to(self.runtime.device)
        return pixels


def _enlarge(small: Tensor, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize (h, w) to an image, linearly: (H, W) float32."""
    (enlarged,) = nn.functional.interpolate(small[None, None], size_hw, mode="bilinear")[0]
    array: np.ndarray = enlarged.numpy(force=True)
    return array


def load_clip(
    folder: Path, runtime: Runtime, texts_per_batch: int, settings: ClipSettings
) -> ClipTeacher:
    """Load CLIP as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, image processor, tokenizer.
        runtime: Where the model runs.
        texts_per_batch: How many texts are read at once.
        settings: What it is asked.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    read_model_type(folder, ("clip",), MODEL)
    model = read_model(CLIPModel, folder)
    tokenizer = read_processor(CLIPTokenizer, folder)
    # Without its files the library makes an empty tokenizer, for which all words are the same.
    if len(tokenizer) < model.text_model.embeddings.token_embedding.num_embeddings:
        raise UserError(f"{folder} lacks the vocabulary of {MODEL}'s tokenizer; fetch it again")
    image_processor = read_processor(CLIPImageProcessor, folder)
    return ClipTeacher(model, tokenizer, image_processor, runtime, texts_per_batch, settings)
