"""SAM (Kirillov et al., 2023, arXiv 2304.02643) by the package segment-anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide

from teacher.inference.crop_masks import CropMask
from teacher.inference.enlarging import Enlargement
from teacher.inference.runtime import (
    Batches,
    Encoding,
    Runtime,
    check_finite,
    refuse_strip,
    to_half,
)
from util.learning.tensors import load_strictly, not_whole, read_tensors

VARIANTS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""The published models by the width of their image encoder."""

PUBLISHED = "checkpoint of SAM, vit_h, vit_l or vit_b"


class SamSegmenter:
    """Outlines the object in each box with SAM's single mask; a `Segmenter`.

    A mask stays where SAM puts it, so it may leave its box.
    """

    def __init__(self, model: Sam, runtime: Runtime, boxes_per_batch: int) -> None:
        self.model = runtime.place(model)
        self.runtime = runtime
        self.batches = Batches(boxes_per_batch, "boxes")
        self.transform = ResizeLongestSide(model.image_encoder.img_size)
        runtime.compile(model.image_encoder)

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        """Run the image encoder on an image, (H, W, 3) uint8 RGB, resized to a long side of 1024.

        Returns:
            `embedding` (1, 256, 64, 64) float16, and the sizes (height, width) of the image,
            `size_hw`, and of what the encoder saw of it before padding, `input_hw`.

        Raises:
            UserError: Memory ran out, the encoder has answered with NaN, or the image is too long
                a strip.
        """
        refuse_strip(image_rgb, self.transform.target_length, "SAM")
        resized = self.transform.apply_image(image_rgb)
        with self.runtime.inference():
            pixels = torch.as_tensor(resized, device=self.runtime.device).permute(2, 0, 1)
            embedding = self.model.image_encoder(self.model.preprocess(pixels)[None])
        sizes = {"size_hw": image_rgb.shape[:2], "input_hw": resized.shape[:2]}
        features = to_half({"embedding": embedding}, "SAM")
        return features | {name: torch.tensor(size) for name, size in sizes.items()}

    def segment(self, encoding: Encoding, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each of (N, 4) boxes; no boxes need no model.

        Raises:
            UserError: Memory ran out on a single box, or the decoder has answered with NaN.
        """
        boxes = self.transform.apply_boxes(boxes_xyxy, encoding["size_hw"].tolist())
        with self.runtime.inference():
            return self.batches.map(lambda batch: self._outline(encoding, batch), list(boxes))

    def _outline(self, encoding: Encoding, boxes: Sequence[np.ndarray]) -> list[CropMask]:
        """Outline a batch; each mask is enlarged where it is."""
        model, device = self.model, self.runtime.device
        with torch.autocast(device.type, enabled=False):  # half precision moves corners by pixels
            sparse, dense = model.prompt_encoder(
                points=None,
                boxes=torch.tensor(np.stack(boxes), dtype=torch.float32, device=device),
                masks=None,
            )
            positions = model.prompt_encoder.get_dense_pe()
        logits, _ = model.mask_decoder(
            image_embeddings=encoding["embedding"].to(device).float(),
            image_pe=positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )  # (N, 1, 256, 256)
        small = check_finite(logits, "SAM").float()[:, 0].numpy(force=True)
        seen_hw, size_hw = encoding["input_hw"].tolist(), encoding["size_hw"].tolist()
        square_hw = (model.image_encoder.img_size,) * 2
        enlarged = Enlargement(small.shape[1:], [(square_hw, seen_hw), (size_hw, size_hw)])
        return [enlarged.mask_above(each, model.mask_threshold) for each in small]


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
