"""Which images belong together, and so into one split."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from util.metrics.groups import name_groups

Together = Literal["groups", "folder", "prefix"]


def name_ties(together: Together, image_ids: Sequence[str], pattern: str | None) -> list[str]:
    """Name what each image belongs to; images of one name are never apart.

    Args:
        together: As splits.together.
        image_ids: Of all images.
        pattern: As data.groups; None = each image is by itself, where groups are asked for.

    Raises:
        UserError: The pattern finds no group in some ids.
    """
    if together == "folder":
        return [image_id.rpartition("/")[0] for image_id in image_ids]
    if together == "prefix":
        return [re.sub(r"[0-9]+(?=[^0-9/]*$)", "", image_id) for image_id in image_ids]
    return list(image_ids) if pattern is None else name_groups(pattern, image_ids)


def number_ties(names: Sequence[str], pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Number what belongs together: images of one name, and pairs, and whatever these tie.

    Args:
        names: Of N images, as `name_ties` gives them.
        pairs: Parts of all pairs of images that are tied, too: (P,) int places of the one and of
            the other of each.

    Returns:
        (N,) int, from 0.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, numbers = np.unique(np.array(names, object), return_inverse=True)
    for one, other in pairs:
        num = int(numbers.max(initial=-1)) + 1
        ends = (numbers[one], numbers[other])
        graph = coo_matrix((np.ones(len(one), bool), ends), shape=(num, num))
        _, component = connected_components(graph, directed=False)
        numbers = component[numbers]
    return np.asarray(numbers)
