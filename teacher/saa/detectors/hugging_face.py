"""Detectors by transformers, from a folder on this disk: GroundingDINO, MM-GroundingDINO, OWLv2."""

from pathlib import Path
from typing import Any

from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    GroundingDinoForObjectDetection,
    MMGroundingDinoForObjectDetection,
    Owlv2ForObjectDetection,
)

from teacher.inference.runtime import Runtime
from teacher.saa.detectors.hugging_face_dino import HuggingFaceGroundingDino
from teacher.saa.detectors.owl import HuggingFaceOwl
from teacher.weights.checkpoints import read_model, read_model_type, read_processor
from util.errors import UserError

_MODELS: dict[str, Any] = {
    "grounding-dino": GroundingDinoForObjectDetection,
    "mm-grounding-dino": MMGroundingDinoForObjectDetection,
    "owlv2": Owlv2ForObjectDetection,
}


def load_hugging_face_detector(
    folder: Path, runtime: Runtime, prompts_per_batch: int
) -> HuggingFaceGroundingDino | HuggingFaceOwl:
    """Load a GroundingDINO, MM-GroundingDINO or OWLv2 as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, preprocessor, tokenizer.
        runtime: Where the model runs.
        prompts_per_batch: How many phrases are asked for at once.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    model_type = read_model_type(folder, _MODELS, "a detector")
    model = read_model(_MODELS[model_type], folder)
    image_processor: Any = read_processor(AutoImageProcessor, folder)
    tokenizer: Any = read_processor(AutoTokenizer, folder)
    num_words = model.config.text_config.vocab_size
    if len(tokenizer) != num_words:  # where its files are missing, transformers makes an empty one
        raise UserError(
            f"the tokenizer in {folder} has {len(tokenizer)} words and the model {num_words}; fetch"
            " the folder again"
        )
    detector = HuggingFaceOwl if model_type == "owlv2" else HuggingFaceGroundingDino
    return detector(model, image_processor, tokenizer, runtime, prompts_per_batch)
