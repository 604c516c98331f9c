"""Which axes of an output are an image's."""

import pytest
import torch

from teacher.cam.layout import Layout


@pytest.mark.parametrize(
    ("square", "wide", "expected"),
    [
        ((1, 5, 4, 4), (1, 5, 4, 8), Layout("map", 0, 5, 16)),
        ((1, 4, 4, 5), (1, 4, 8, 5), Layout("map, channels last", 0, 5, 16)),
        ((1, 4, 4, 8), (1, 4, 8, 8), Layout("map, channels last", 0, 8, 16)),
        ((1, 16, 7), (1, 32, 7), Layout("tokens", 0, 7, 16)),
        ((1, 21, 7), (1, 37, 7), Layout("tokens", 5, 7, 16)),
        ((1, 2, 1, 1), (1, 2, 1, 2), Layout("map", 0, 2, 64)),
        ((1, 3, 3, 3), (1, 3, 3, 6), None),  # cells are no whole pixels
        ((1, 16, 1, 1), (1, 16, 1, 1), None),  # pooled
        ((1, 2, 17, 17), (1, 2, 33, 33), None),  # attention of tokens to tokens
        ((4, 5, 4, 4), (8, 5, 4, 4), None),  # windows
        ((1, 12, 7), (1, 23, 7), None),  # 11 tokens more are no square
        ((1, 16, 7), (1, 16, 7), None),
        ((1, 64), (1, 64), None),
    ],
)
def test_it_is_found_by_what_doubles_with_the_width(
    square: tuple[int, ...], wide: tuple[int, ...], expected: Layout | None
) -> None:
    assert Layout.find(square, wide, 64) == expected


def test_all_kinds_become_the_same_map() -> None:
    maps = torch.rand(2, 7, 3, 5)
    tokens = torch.stack([maps[:, :, i // 5, i % 5] for i in range(15)], dim=1)
    with_prefix = torch.cat([torch.rand(2, 4, 7), tokens], dim=1)
    for layout, output in (
        (Layout("map", 0, 7, 16), maps),
        (Layout("map, channels last", 0, 7, 16), maps.permute(0, 2, 3, 1)),
        (Layout("tokens", 0, 7, 16), tokens),
        (Layout("tokens", 4, 7, 16), with_prefix),
    ):
        assert torch.equal(layout.to_maps(output, (48, 80)), maps)
