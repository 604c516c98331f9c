"""The attentions in which GroundingDINO spends its time, rearranged: the same sums, less work.

Torch alone. The backends put these functions into the modules of their library.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

QUERIES_AT_ONCE = 1024
"""How many queries a CPU samples for at a time; their samples shall stay in its cache."""

LARGEST_LOGIT = 50_000
"""Attention logits are clamped to this, as both libraries do for the sake of half precision."""


class ImageTextProjections(NamedTuple):
    """The six linear layers of an attention between image and text, both ways.

    Attributes:
        image_query: Image features to queries.
        text_key: Text features to keys.
        image_value: Image features to what the text collects.
        text_value: Text features to what the image collects.
        image_out: What the image has collected to image features.
        text_out: What the text has collected to text features.
    """

    image_query: nn.Linear
    text_key: nn.Linear
    image_value: nn.Linear
    text_value: nn.Linear
    image_out: nn.Linear
    text_out: nn.Linear


def image_text_attention(
    image: Tensor,
    text: Tensor,
    projections: ImageTextProjections,
    num_heads: int,
    image_padding: Tensor | None = None,
    text_padding: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Let image and text attend to each other, at the same time.

    The fusion of GroundingDINO (Liu et al., arXiv 2303.05499, section 3.2). A text has few tokens
    (N), an image many positions (M), so the products are taken in another order:
    (I Wq)(T Wk)' = I (Wq (T Wk)'), and likewise for the values. All that is left to do with an
    image position is a product with N rows a head. Equal to the published order up to rounding.

    Args:
        image: (B, M, C) float.
        text: (B, N, C) float.
        projections: The layers, C to heads x D and back.
        num_heads: Of the attention.
        image_padding: (B, M) bool, True = no image there, so the text must not look.
        text_padding: (B, N) bool, True = no token there, so the image must not look.

    Returns:
        (B, M, C) what the image and (B, N, C) what the text learns from the other.
    """
    logits = _image_text_logits(image, text, projections, num_heads)  # (B, heads, N, M)
    logits = (logits - logits.max()).clamp(min=-LARGEST_LOGIT, max=LARGEST_LOGIT)
    text_logits = logits - logits.amax(dim=-1, keepdim=True)
    text_logits = text_logits.clamp(min=-LARGEST_LOGIT, max=LARGEST_LOGIT)
    if image_padding is not None:
        text_logits = text_logits.masked_fill(image_padding[:, None, None], float("-inf"))
    if text_padding is not None:
        logits = logits.masked_fill(text_padding[:, None, :, None], float("-inf"))
    return (
        _collect_text(text, logits.softmax(dim=2), projections),
        _collect_image(image, text_logits.softmax(dim=3), projections),
    )


def _image_text_logits(
    image: Tensor, text: Tensor, projections: ImageTextProjections, num_heads: int
) -> Tensor:
    """(B, heads, N, M) products of the queries of the image with the keys of the text."""
    query = projections.image_query
    keys = projections.text_key(text).unflatten(-1, (num_heads, -1))  # (B, N, heads, D)
    scale = keys.shape[-1] ** -0.5
    weight = query.weight.unflatten(0, (num_heads, -1)) * scale  # (heads, D, C)
    bias = query.bias.unflatten(0, (num_heads, -1)) * scale
    keys_of_image = torch.einsum("bnhd,hdc->bhnc", keys, weight).flatten(1, 2)
    logits = keys_of_image @ image.transpose(1, 2)  # (B, heads x N, M)
    offsets = torch.einsum("bnhd,hd->bhn", keys, bias)
    return logits.unflatten(1, (num_heads, -1)) + offsets[..., None]


def _collect_text(text: Tensor, shares: Tensor, projections: ImageTextProjections) -> Tensor:
    """(B, M, C) the values of the text, as each image position weighs them."""
    num_heads = shares.shape[1]
    values = projections.text_value(text).unflatten(-1, (num_heads, -1))  # (B, N, heads, D)
    weight = projections.image_out.weight.unflatten(1, (num_heads, -1))  # (C, heads, D)
    values_out = torch.einsum("bnhd,chd->bhnc", values, weight).flatten(1, 2)
    return shares.flatten(1, 2).transpose(1, 2) @ values_out + projections.image_out.bias


def _collect_image(image: Tensor, shares: Tensor, projections: ImageTextProjections) -> Tensor:
    """(B, N, C) the values of the image, as each token weighs them."""
    num_heads = shares.shape[1]
    means = (shares.flatten(1, 2) @ image).unflatten(1, (num_heads, -1))  # (B, heads, N, C)
    weight = projections.image_value.weight.unflatten(0, (num_heads, -1))  # (heads, D, C)
    bias = projections.image_value.bias.unflatten(0, (num_heads, -1))
    values = torch.einsum("bhnc,hdc->bnhd", means, weight) + bias
    return projections.text_out(values.flatten(2))


def deformable_attention(
    value: Tensor,
    spatial_shapes: Tensor | Sequence[tuple[int, int]],
    sampling_locations: Tensor,
    attention_weights: Tensor,
) -> Tensor:
    """Sum up what feature maps show at chosen places, weighted.

    Multi-scale deformable attention (Zhu et al., Deformable DETR, arXiv 2010.04159, equation 3). A
    bilinear sample is a weighted sum of four rows of `value`, so everything that a query asks for
    is one weighted sum of rows: an embedding bag, which reads each row as a whole. Around each map
    lies a border of zeros for what is outside of it.

    Args:
        value: (B, sum of h x w, heads, D) float, the levels one after another, row by row.
        spatial_shapes: (h, w) of each of the L levels.
        sampling_locations: (B, Q, heads, L, P, 2) float x, y; 0 and 1 are the edges of the map.
        attention_weights: (B, Q, heads, L, P) float.

    Returns:
        (B, Q, heads x D) in the type of `value`; places outside of the maps count as 0.
    """
    sizes_hw = torch.as_tensor(spatial_shapes).tolist()
    num_images, num_queries = sampling_locations.shape[:2]
    dtype = torch.promote_types(value.dtype, torch.float32)  # places need more than half precision
    plane = _Plane(value.to(dtype), sizes_hw, num_points=sampling_locations.shape[-2])
    step = QUERIES_AT_ONCE if value.is_cpu else max(num_queries, 1)
    sums = plane.rows.new_empty(num_images, num_queries, value.shape[2] * value.shape[3])
    for image in range(num_images):
        for start in range(0, num_queries, step):
            chosen = image, slice(start, start + step)
            locations, weights = sampling_locations[chosen], attention_weights[chosen]
            sums[chosen] = plane.sample(image, locations.to(dtype), weights.to(dtype))
    return sums.to(value.dtype)


class _Plane:
    """Feature maps of several sizes on one plane of zeros, one below another.

    One column before each map is free, which is also the border to the right of the line before,
    and one line above each map, which is also the border below the map before.
    """

    def __init__(self, value: Tensor, sizes_hw: list[list[int]], num_points: int) -> None:
        num_images, _, self.num_heads, depth = value.shape
        self.width = 1 + max(w for _, w in sizes_hw)
        height = sum(h + 1 for h, _ in sizes_hw) + 3  # a place on a lower edge still has corners
        plane = value.new_zeros(num_images, height, self.width, self.num_heads, depth)
        top, tops = 0, []
        for (h, w), level in zip(
            sizes_hw, value.split([h * w for h, w in sizes_hw], 1), strict=True
        ):
            plane[:, top + 1 : top + 1 + h, 1 : 1 + w] = level.unflatten(1, (h, w))
            tops.append(top)
            top += h + 1
        self.rows = plane.flatten(1, 3)  # (B, positions x heads, D)

        shape = self.num_heads, len(sizes_hw), num_points
        heads = torch.arange(self.num_heads, device=value.device)[:, None, None]
        starts = torch.tensor(tops, device=value.device)[:, None] * (self.width * self.num_heads)
        self.starts = (starts + heads).int().expand(shape).contiguous()
        sizes_xy = torch.tensor(sizes_hw, device=value.device).flip(1).to(value.dtype)
        # Spread out, because sums over short rows are slow.
        self.sizes_xy = sizes_xy[:, None].expand(*shape, 2).contiguous()
        self.last_xy = self.sizes_xy + 1

    def sample(self, image: int, locations: Tensor, weights: Tensor) -> Tensor:
        """Sum up what one image shows at (Q, heads, L, P, 2) places, weighted: (Q, heads x D)."""
        places = (locations * self.sizes_xy).add_(0.5)  # whole numbers are the middles of columns
        places = torch.minimum(places, self.last_xy).clamp_(min=0)  # beyond is zero
        corners = places.floor().nan_to_num_()
        x, y = corners.unbind(-1)
        index = torch.add(x, y, alpha=self.width).int().mul_(self.num_heads).add_(self.starts)
        right, down = places.sub_(corners).unbind(-1)
        lower = weights * down
        upper = weights - lower
        lower_right, upper_right = lower * right, upper * right
        lower_left, upper_left = lower.sub_(lower_right), upper.sub_(upper_right)
        bags = [
            F.embedding_bag(
                index.flatten(2).flatten(0, 1),
                self.rows[image, step * self.num_heads :],
                per_sample_weights=shares.flatten(2).flatten(0, 1),
                mode="sum",
            )
            for step, shares in (
                (0, upper_left),
                (1, upper_right),
                (self.width, lower_left),
                (self.width + 1, lower_right),
            )
        ]
        total = bags[0].add_(bags[1]).add_(bags[2]).add_(bags[3])  # (Q x heads, D)
        return total.view(len(locations), -1)
