"""SAM, SAM-HQ and SAM 2 by transformers, from a folder on this disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    Sam2ImageProcessor,
    Sam2Model,
    SamHQModel,
    SamImageProcessor,
    SamModel,
)

from teacher.inference.crop_masks import CropMask
from teacher.inference.enlarging import Enlargement, Step
from teacher.inference.runtime import (
    Batches,
    Encoding,
    Runtime,
    check_finite,
    refuse_strip,
    to_half,
)
from teacher.weights.checkpoints import read_model, read_model_type, read_processor

MASK_THRESHOLD = 0.0
"""A pixel belongs to a mask above this logit, as in the library's post-processing."""

SamFamily = SamModel | SamHQModel | Sam2Model

_FAMILY: dict[str, tuple[Any, Any]] = {
    "sam": (SamModel, SamImageProcessor),
    "sam_hq": (SamHQModel, SamImageProcessor),
    "sam2": (Sam2Model, Sam2ImageProcessor),
    "sam2_video": (Sam2Model, Sam2ImageProcessor),  # what the published SAM 2 folders say
}


class HuggingFaceSegmenter:
    """Outlines the object in each box with the single mask of a SAM; a `Segmenter`.

    A mask stays where the model puts it, so it may leave its box.
    """

    def __init__(
        self,
        model: SamFamily,
        processor: SamImageProcessor | Sam2ImageProcessor,
        runtime: Runtime,
        boxes_per_batch: int,
    ) -> None:
        self.model = runtime.place(model)
        self.processor = processor
        self.runtime = runtime
        self.batches = Batches(boxes_per_batch, "boxes")
        self.name = type(model).__name__.removesuffix("Model")
        runtime.compile(model.vision_encoder)
        if isinstance(model, SamHQModel):
            _repair_decoder(model)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB, as the processor resizes it.

        Returns:
            What the decoder asks of the image, float16, and the sizes (height, width) of the image,
            `size_hw`, and of what the encoder saw of it before padding, `input_hw`.

        Raises:
            UserError: Memory ran out, the encoder has answered with NaN, or the image is too long
                a strip.
        """
        if longest_px := self.processor.size.get("longest_edge"):  # SAM 2 resizes to a square
            refuse_strip(image_rgb, longest_px, self.name)
        seen = self.processor(image_rgb, return_tensors="pt", input_data_format="channels_last")
        # SAM 2 pads nothing.
        input_hw = seen.get("reshaped_input_sizes", [seen["pixel_values"].shape[-2:]])[0]
        with self.runtime.inference():
            pixels = seen["pixel_values"].to(self.runtime.device)
            features = to_half(_image_features(self.model, pixels), self.name)
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
        model, device = self.model, self.runtime.device
        with torch.autocast(device.type, enabled=False):  # half precision moves corners by pixels
            sparse, dense = model.prompt_encoder(
                input_points=None,
                input_labels=None,
                input_boxes=torch.tensor(np.stack(boxes), dtype=torch.float32, device=device)[None],
                input_masks=None,
            )
            positions = model.get_image_wide_positional_embeddings()
        logits, *_ = model.mask_decoder(
            **_decoder_features(encoding, device),
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )  # (1, N, 1, h, w)
        small = check_finite(logits, self.name)[0, :, 0].float().numpy(force=True)
        enlarged = Enlargement(small.shape[1:], self._steps(encoding))
        return [enlarged.mask_above(each, MASK_THRESHOLD) for each in small]

    def _steps(self, encoding: Encoding) -> list[Step]:
        """How the processor enlarges masks; SAM 2 has no padding to cut off."""
        size_hw = encoding["size_hw"].tolist()
        if isinstance(self.model, Sam2Model):
            return [(size_hw, size_hw)]
        square: Any = self.processor.pad_size
        seen_hw = encoding["input_hw"].tolist()
        return [((square["height"], square["width"]), seen_hw), (size_hw, size_hw)]


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


def _image_features(model: SamFamily, pixels: Tensor) -> Mapping[str, Tensor]:
    """Run the image encoder and name what the model's decoder wants of it."""
    if isinstance(model, Sam2Model):
        finest, finer, embedding = model.get_image_embeddings(pixels)
        return {"embedding": embedding, "finer": finer, "finest": finest}
    if isinstance(model, SamHQModel):
        embedding, intermediate = model.get_image_embeddings(pixels)
        return {"embedding": embedding, "intermediate": intermediate[0]}  # others are not used
    return {"embedding": model.get_image_embeddings(pixels)}


def _decoder_features(encoding: Encoding, device: torch.device) -> dict[str, Any]:
    """Hand the kept features back to the decoder, by the names of its arguments."""
    kept = {n: v.to(device).float() for n, v in encoding.items() if v.is_floating_point()}
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
