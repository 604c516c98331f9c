"""Pixels and their neighbours at a fixed distance, as two parts of one array."""


def part_inside(side: int, shift: int) -> slice:
    """The places on a line that lie on it still when `shift` is taken from them."""
    return slice(max(shift, 0), side + min(shift, 0))
