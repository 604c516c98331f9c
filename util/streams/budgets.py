"""How many frames each camera gives."""

from typing import Literal


def divide(total: int, num_cameras: int, budget: Literal["all", "camera"]) -> list[int]:
    """Divide frames over cameras.

    The original once gives each camera the whole part of the quotient, and drops what remains, and
    once the whole number; which it is must be said here, and nothing is dropped.

    Args:
        total: Frames of all cameras, or of each.
        num_cameras: At least 1.
        budget: `all` = of all together: what no equal part can be made of goes to the first
            cameras, a frame each; `camera` = of each.

    Returns:
        Frames of each camera.

    Example:
        >>> divide(8, 3, "all")
        [3, 3, 2]
    """
    if budget == "camera":
        return [total] * num_cameras
    part, more = divmod(total, num_cameras)
    return [part + (number < more) for number in range(num_cameras)]
