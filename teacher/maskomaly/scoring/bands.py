"""Masks of all queries at the size of the network's input, some rows at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from teacher.maskomaly.raw_outputs import STRIDE

BAND_BYTES = {"cpu": 2**23, "cuda": 2**29}
"""Of the masks of a band, at most, by the kind of device; at least four rows of them.

What stays in the cache of a processor is read from there by all scores; a GPU wants much at once.
"""


def mask_bands(mask_logits: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Enlarge masks fourfold, bilinearly, and turn them into probabilities.

    As `torch.nn.functional.interpolate` with `align_corners=False` does with the whole, but for the
    last bits, and whatever the bands, but for the last bit that a processor's sigmoid has. Pixels
    that lie between two rows of cells are made from these two alone, so first rows of cells are
    widened, then four rows of pixels are mixed from each two of them.

    Args:
        mask_logits: (Q, h, w) float32.

    Yields:
        Where rows lie in the (4 h, 4 w) masks, and what these are there: (rows, Q, 4 w) float32 in
        [0, 1]. It may be changed.
    """
    count, height, width = mask_logits.shape
    bytes_of_gap = 4 * count * width * STRIDE * STRIDE
    gaps = max(1, BAND_BYTES.get(mask_logits.device.type, BAND_BYTES["cpu"]) // bytes_of_gap)
    # The shares of the lower row for four pixels: their centres lie 1/8, 3/8 ... down the way.
    shares = (torch.arange(STRIDE, device=mask_logits.device) + 0.5) / STRIDE
    # Before the first and behind the last row of cells there is half a gap, where nothing changes.
    for first in range(-1, height, gaps):
        last = min(first + gaps, height)
        rows = torch.arange(first, last + 1, device=mask_logits.device).clamp(0, height - 1)
        cells = mask_logits[:, rows].transpose(0, 1)
        wide = F.interpolate(cells, size=width * STRIDE, mode="linear", align_corners=False)
        mixed = torch.lerp(wide[:-1, None], wide[1:, None], shares[:, None, None])
        masks = mixed.flatten(0, 1).sigmoid_()
        top = first * STRIDE + STRIDE // 2
        bottom = top + len(masks)
        inside = slice(max(top, 0), min(bottom, height * STRIDE))
        yield inside, masks[inside.start - top : len(masks) - (bottom - inside.stop)]
