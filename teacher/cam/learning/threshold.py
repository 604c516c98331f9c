"""The probability that tells images which show something from the others best."""

import numpy as np
from sklearn.metrics import roc_curve


def find_threshold(probabilities: np.ndarray, is_positive: np.ndarray) -> tuple[float, float]:
    """Find the threshold of the greatest balanced accuracy, the mean of both kinds' shares right.

    It lies halfway between two probabilities that were seen. Of equally good ones the lowest is
    taken: what is missed at this stage is lost to all that follow.

    Args:
        probabilities: (N,) float in [0, 1].
        is_positive: (N,) bool, of both kinds.

    Returns:
        The threshold, from which on an image counts as one that shows it, in [0, 1]; and its
        balanced accuracy in [0.5, 1].
    """
    levels = probabilities.astype(np.float64)
    false_rate, true_rate, seen = roc_curve(is_positive, levels, drop_intermediate=False)
    accuracy = (true_rate + 1 - false_rate) / 2
    best = len(accuracy) - 1 - int(np.argmax(accuracy[::-1]))  # they fall; the first passes none
    lower = seen[best + 1] if best + 1 < len(seen) else 0.0
    upper = min(float(seen[best]), 1.0)
    return (upper + float(lower)) / 2, float(accuracy[best])
