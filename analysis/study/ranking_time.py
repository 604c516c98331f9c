"""How long it takes to rank prompts without labels, before there are any maps."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.ranking.measuring import count_seen, look_at
from analysis.ranking.ranking import RESAMPLES, rank
from analysis.work.timing import PILOT_IMAGES
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import image_size_hw
from util.images.splits import spread
from util.metrics.groups import ImageGroups

TRIED_RESAMPLES = 50
"""So many resamples are tried, of all that a ranking draws."""

BOXES = BoxSettings()

BLOBS = 12
"""Things in each made-up map, of which a prompt finds three in four."""


def time_ranking(
    num_prompts: int, num_combinations: int, image_paths: Mapping[str, Path], ids: Sequence[str]
) -> float:
    """Seconds that a ranking will take, by a trial on made-up maps of the size of a few images.

    Truth, which is read likewise, and files are not counted.

    Args:
        num_prompts: K.
        num_combinations: That are ranked beside them.
        image_paths: Of all images, by id.
        ids: Of the images that prompts are ranked on.
    """
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    tried = [
        look_at(_make_up(num_prompts + num_combinations, image_size_hw(image_paths[i]), rng), BOXES)
        for i in spread(ids, PILOT_IMAGES)
    ]
    looking = (time.perf_counter() - start) / len(tried) * len(ids)
    start = time.perf_counter()
    seen = [tried[number % len(tried)] for number in range(len(ids))]
    counts = count_seen(seen, ids, num_prompts)
    counting = time.perf_counter() - start
    names = [str(number) for number in range(num_prompts + num_combinations)]
    strategies = [""] * num_prompts + ["mean"] * num_combinations
    start = time.perf_counter()
    try:
        rank(names, strategies, counts, ImageGroups(np.arange(len(ids))), TRIED_RESAMPLES)
    except UserError:  # too few to be ranked, as the study will find, too
        return 0.0
    return looking + counting + (time.perf_counter() - start) * RESAMPLES / TRIED_RESAMPLES


def _make_up(num: int, size_hw: tuple[int, int], rng: np.random.Generator) -> list[np.ndarray]:
    """Make up maps that agree about most things."""
    height, width = size_hw
    side = max(1, min(size_hw) // 40)
    places = rng.integers(0, (max(height - side, 1), max(width - side, 1)), (BLOBS, 2)).tolist()
    maps = np.zeros((num, height, width), np.float32)
    for each in maps:
        for row, column in places:
            if rng.random() < 0.75:
                each[row : row + side, column : column + side] = 0.9
    return list(maps)
