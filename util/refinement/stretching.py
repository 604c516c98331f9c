"""Maps whose values are stretched, each to its own largest one."""

import numpy as np


def stretch_values(soft_label: np.ndarray, low: float, high: float) -> np.ndarray:
    """Let the values from a low to a high share of the largest one fill [0, 1].

    Means over neighbours take from the peak of a map, from that of a thin plume more than from that
    of a broad one, and leave a veil around it: what is left says where, no longer how surely. A
    class activation map is divided by its largest value for the same reason.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        low: Share of the largest value that becomes 0, as all below does.
        high: Share that becomes 1, as all above does; above `low`.

    Returns:
        (H, W) float32 in [0, 1]; an empty map stays empty.
    """
    largest = soft_label.max(initial=0)
    if largest == 0:
        return soft_label
    stretched: np.ndarray = np.clip((soft_label / largest - low) / (high - low), 0, 1)
    return stretched.astype(np.float32, copy=False)
