"""How the cells of an image lie in what a layer gives: as a map, or as tokens in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Literal, Self

from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Which axes of a layer's output are the image's.

    Attributes:
        kind: map = (B, C, h, w); map, channels last = (B, h, w, C); tokens = (B, N, C), row by row.
        num_prefix: Tokens before those of the image's cells: of the class, registers.
        channels: Numbers of a cell.
        stride: Side of a cell, in pixels of the image.
    """

    kind: Literal["map", "map, channels last", "tokens"]
    num_prefix: int
    channels: int
    stride: int

    @classmethod
    def find(cls, square: Sequence[int], wide: Sequence[int], side_px: int) -> Self | None:
        """Find it by what changes when an image becomes wider.

        Args:
            square: Shape of the output of one image, a square.
            wide: Shape of that of one image of the same height that is twice as wide.
            side_px: Of the square.

        Returns:
            None where the output does not lie in the image.
        """
        match [*square], [*wide]:
            case [1, channels, h, w], [1, *others] if h == w and others == [channels, h, 2 * w]:
                return cls._of_cells("map", 0, channels, h, side_px)
            case [1, h, w, channels], [1, *others] if h == w and others == [h, 2 * w, channels]:
                return cls._of_cells("map, channels last", 0, channels, h, side_px)
            case [1, few, channels], [1, many, same] if channels == same and few < many <= 2 * few:
                cells = isqrt(many - few)
                if cells**2 == many - few:
                    return cls._of_cells("tokens", 2 * few - many, channels, cells, side_px)
        return None

    @classmethod
    def _of_cells(
        cls,
        kind: Literal["map", "map, channels last", "tokens"],
        num_prefix: int,
        channels: int,
        cells: int,
        side_px: int,
    ) -> Self | None:
        """Make it of the number of cells along a side; None where these are no whole pixels."""
        return None if side_px % cells else cls(kind, num_prefix, channels, side_px // cells)

    def to_maps(self, output: Tensor, size_hw: Sequence[int]) -> Tensor:
        """Lay an output out as a map, (B, C, h, w).

        Args:
            output: Of images.
            size_hw: Of these, in pixels; whole cells.
        """
        if self.kind == "map":
            return output
        if self.kind == "map, channels last":
            return output.permute(0, 3, 1, 2)
        cells_hw = [side // self.stride for side in size_hw]
        return output[:, self.num_prefix :].mT.unflatten(2, cells_hw)
