"""Passes of a network over whole images, and the classes that they give."""

import numpy as np
import torch
from torch.nn import functional as F

from teacher.maskomaly.network import LARGEST_STRIDE, RoadNetwork
from teacher.maskomaly.raw_outputs import STRIDE, RawOutputs
from util.images.scaling import scale_image

LEAST_WIDTH = 2 * LARGEST_STRIDE
"""Columns that an image is padded to at least."""


@torch.inference_mode()
def pass_image(network: RoadNetwork, image_rgb: np.ndarray) -> RawOutputs:
    """Let a network see an image.

    The image is resized as the network was trained, keeping its proportions, and padded at the
    bottom and on the right with the colour that is nothing after normalisation, as the original
    pads; what the network says of the padding is cut off.

    Args:
        network: Ready to answer.
        image_rgb: (H, W, 3) uint8.
    """
    resized = resize_short_side(image_rgb, network.settings.short_side_px)
    height, width = resized.shape[:2]
    # Two cells at least: one alone has no variance to be normalised by.
    padded_hw = height + -height % LARGEST_STRIDE, max(width + -width % LARGEST_STRIDE, LEAST_WIDTH)
    padded = network.mean.repeat(1, *padded_hw)
    pixels = torch.from_numpy(np.ascontiguousarray(resized)).to(padded.device).permute(2, 0, 1)
    padded[:, :height, :width] = pixels.float() / 255
    output = network(padded[None])
    masks = output.masks_queries_logits[0].float()
    return RawOutputs(
        output.class_queries_logits[0].float(),
        masks[:, : -(-height // STRIDE), : -(-width // STRIDE)].contiguous(),
        (height, width),
        image_rgb.shape[:2],
        network.settings.has_negative_class,
    )


def resize_short_side(image_rgb: np.ndarray, side_px: int) -> np.ndarray:
    """Resize an image, (H, W, 3) uint8, so that its shorter side is of a length; 0 = as it is."""
    return scale_image(image_rgb, side_px / min(image_rgb.shape[:2]) if side_px else 1)


def predict_classes(outputs: RawOutputs) -> np.ndarray:
    """Say of which class each pixel is: that of the greatest sum over queries (Cheng et al.).

    Args:
        outputs: Of the image.

    Returns:
        (H, W) int64 numbers of classes.
    """
    shares = outputs.class_probabilities()[:, : outputs.num_classes]
    sums = torch.einsum("qc,qhw->chw", shares, outputs.mask_logits.sigmoid())
    grid_hw = [side * STRIDE for side in sums.shape[1:]]
    height, width = outputs.input_size_hw
    seen = F.interpolate(sums[None], grid_hw, mode="bilinear", align_corners=False)
    enlarged = F.interpolate(
        seen[..., :height, :width], outputs.size_hw, mode="bilinear", align_corners=False
    )
    classes: np.ndarray = enlarged[0].argmax(0).cpu().numpy()
    return classes
