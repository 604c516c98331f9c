"""SAM (Kirillov et al., 2023, arXiv 2304.02643) by the package segment-anything."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from teacher.inference.runtime import Runtime
from teacher.saa.segmenters.sam_family import Padding, SamFamilySegmenter
from util.learning.tensors import load_strictly, not_whole, read_tensors

VARIANTS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""The published models by the width of their image encoder."""

PUBLISHED = "checkpoint of SAM, vit_h, vit_l or vit_b"


class SamSegmenter(SamFamilySegmenter[Sam]):
    """The original SAM, which sees images with a long side of 1024; a `Segmenter`."""

    def __init__(self, model: Sam, runtime: Runtime, boxes_per_batch: int) -> None:
        side_px = model.image_encoder.img_size
        padding = Padding(side_px, (side_px, side_px))
        super().__init__(model, model.image_encoder, "SAM", padding, runtime, boxes_per_batch)
        self.transform = ResizeLongestSide(side_px)

    def _resize(self, image_rgb: np.ndarray) -> tuple[Tensor, Sequence[int]]:
        """Resize an image; its values stay in [0, 255]."""
        resized = self.transform.apply_image(image_rgb)
        return torch.as_tensor(resized).permute(2, 0, 1)[None], resized.shape[:2]

    def _look(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """Normalise, pad, and run the image encoder: `embedding` (1, 256, 64, 64)."""
        return {"embedding": self.model.image_encoder(self.model.preprocess(pixels))}

    def _embed(self, boxes: Tensor) -> dict[str, Any]:
        """Embed boxes as the package's predictor does."""
        encoder = self.model.prompt_encoder
        sparse, dense = encoder(points=None, boxes=boxes, masks=None)
        return {
            "image_pe": encoder.get_dense_pe(),
            "sparse_prompt_embeddings": sparse,
            "dense_prompt_embeddings": dense,
        }

    def _decode(self, features: Mapping[str, Tensor], prompt: Mapping[str, Any]) -> Tensor:
        """Run the decoder, which answers with (N, 1, 256, 256)."""
        logits, _ = self.model.mask_decoder(
            image_embeddings=features["embedding"], **prompt, multimask_output=False
        )
        return logits[:, 0]


def load_sam(checkpoint: Path, runtime: Runtime, boxes_per_batch: int) -> SamSegmenter:
    """Load one of the published checkpoints, such as `sam_vit_b_01ec64.pth`.

    Args:
        checkpoint: The file; its shapes say which variant it is.
        runtime: Where SAM runs.
        boxes_per_batch: How many boxes are decoded at once.

    Raises:
        UserError: The file is missing, damaged, or holds something else.
    """
    state = read_tensors(checkpoint, PUBLISHED)
    embedding = state.get("image_encoder.pos_embed", torch.empty(0))
    variant = VARIANTS.get(embedding.shape[-1])
    if variant is None:
        why = "image_encoder.pos_embed is missing or has another shape"
        raise not_whole(checkpoint, PUBLISHED, why)
    model = sam_model_registry[variant]()
    load_strictly(model, state, checkpoint, PUBLISHED)
    return SamSegmenter(model, runtime, boxes_per_batch)
