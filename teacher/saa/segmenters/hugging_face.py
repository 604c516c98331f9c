"""SAM, SAM-HQ and SAM 2 by transformers, from a folder on this disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import (
    Sam2ImageProcessor,
    Sam2Model,
    SamHQModel,
    SamImageProcessor,
    SamModel,
)

from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.sam_family import Padding, SamFamilySegmenter
from teacher.weights.checkpoints import read_model, read_model_type, read_processor

SamFamily = SamModel | SamHQModel | Sam2Model

_FAMILY: dict[str, tuple[Any, Any]] = {
    "sam": (SamModel, SamImageProcessor),
    "sam_hq": (SamHQModel, SamImageProcessor),
    "sam2": (Sam2Model, Sam2ImageProcessor),
    "sam2_video": (Sam2Model, Sam2ImageProcessor),  # what the published SAM 2 folders say
}


class HuggingFaceSegmenter(SamFamilySegmenter[SamFamily]):
    """A SAM, SAM-HQ or SAM 2, which sees images as its processor makes them; a `Segmenter`."""

    def __init__(
        self,
        model: SamFamily,
        processor: SamImageProcessor | Sam2ImageProcessor,
        runtime: Runtime,
        boxes_per_batch: int,
    ) -> None:
        name = type(model).__name__.removesuffix("Model")
        padding = None if isinstance(model, Sam2Model) else _padding_of(processor)
        super().__init__(model, model.vision_encoder, name, padding, runtime, boxes_per_batch)
        self.processor = processor
        if isinstance(model, SamHQModel):
            _repair_decoder(model)

    def _resize(self, image_rgb: np.ndarray) -> tuple[Tensor, Sequence[int] | Tensor]:
        """Let the processor resize, normalise and pad an image; SAM 2 pads nothing."""
        seen = self.processor(image_rgb, return_tensors="pt", input_data_format="channels_last")
        pixels = seen["pixel_values"]
        return pixels, seen.get("reshaped_input_sizes", [pixels.shape[-2:]])[0]

    def _look(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Run the image encoder and name what the model's decoder wants of it."""
        model = self.model
        if isinstance(model, Sam2Model):
            finest, finer, embedding = model.get_image_embeddings(pixels)
            return {"embedding": embedding, "finer": finer, "finest": finest}
        if isinstance(model, SamHQModel):
            embedding, intermediate = model.get_image_embeddings(pixels)
            return {"embedding": embedding, "intermediate": intermediate[0]}  # others are not used
        return {"embedding": model.get_image_embeddings(pixels)}

    def _embed(self, boxes: Tensor) -> dict[str, Any]:
        """Embed boxes as the model does whole."""
        sparse, dense = self.model.prompt_encoder(
            input_points=None, input_labels=None, input_boxes=boxes[None], input_masks=None
        )
        return {
            "image_positional_embeddings": self.model.get_image_wide_positional_embeddings(),
            "sparse_prompt_embeddings": sparse,
            "dense_prompt_embeddings": dense,
        }

    def _decode(self, features: Mapping[str, Tensor], prompt: Mapping[str, Any]) -> Tensor:
        """Run the decoder, which answers with (1, N, 1, h, w)."""
        logits, *_ = self.model.mask_decoder(
            **_decoder_features(features), **prompt, multimask_output=False
        )
        return logits[0, :, 0]


def load_hugging_face_segmenter(
    folder: Path, runtime: Runtime, boxes_per_batch: int
) -> HuggingFaceSegmenter:
    """Load a SAM, SAM-HQ or SAM 2 as published on the hub.

    Args:
        folder: The model's folder on this disk: config.json, weights, preprocessor.
        runtime: Where the model runs.
        boxes_per_batch: How many boxes are decoded at once.

    Raises:
        UserError: The folder holds another model, or is not whole.
    """
    model_type = read_model_type(folder, _FAMILY, "a segmenter")
    model_class, processor_class = _FAMILY[model_type]
    model: SamFamily = read_model(model_class, folder)
    processor = read_processor(processor_class, folder)
    return HuggingFaceSegmenter(model, processor, runtime, boxes_per_batch)


def _padding_of(processor: Any) -> Padding:
    """Read how a processor resizes and pads."""
    square = processor.pad_size
    return Padding(processor.size["longest_edge"], (square["height"], square["width"]))


def _decoder_features(kept: Mapping[str, Tensor]) -> dict[str, Any]:
    """Hand the kept features back to the decoder, by the names of its arguments."""
    features: dict[str, Any] = {"image_embeddings": kept["embedding"]}
    if "finest" in kept:
        features["high_resolution_features"] = [kept["finest"], kept["finer"]]
    if "intermediate" in kept:
        features |= {"intermediate_embeddings": [kept["intermediate"]], "hq_token_only": False}
    return features


def _repair_decoder(model: SamHQModel) -> None:
    """Let the mask decoder of SAM-HQ use the image that its transformer has attended to.

    transformers 5.23 drops it and goes on with the transformer's input, rows and columns swapped,
    unlike the published model (https://github.com/SysCV/sam-hq). The transformer's output is
    therefore written over its input, such that the swap undoes itself. A decoder that takes the
    output no longer looks at the input, so this does no harm there.
    """

    def write_back(_module: object, _args: object, kwargs: Any, result: Any) -> None:
        given, (_, attended) = kwargs["image_embeddings"], result  # (N, C, h, w), (N, 1, h * w, C)
        number, channels, height, width = given.shape
        swapped = attended.transpose(2, 3).reshape(number, channels, width, height)
        given.copy_(swapped.transpose(2, 3))

    model.mask_decoder.transformer.register_forward_hook(write_back, with_kwargs=True)
