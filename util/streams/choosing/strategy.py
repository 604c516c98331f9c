"""What a strategy is: something that it measures of frames, and frames that it chooses by that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from util.config.streams import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.choice import Choice


@dataclass(frozen=True)
class Asked:
    """What is asked of a strategy.

    Attributes:
        camera: With the N frames that may be chosen.
        num: How many to choose.
        settings: What is chosen.
    """

    camera: Camera
    num: int
    settings: StreamsSection


@dataclass(frozen=True, eq=False)
class Told:
    """What is told of frames, and of others, too.

    Attributes:
        boxes: Table of `util.bbox_csv`, of the label set that the stage goes by.
        compared: Those of streams.label_set and of streams.second_stage_label_set.
        images: Path of each frame by its id, for strategies that look at them.
    """

    boxes: pd.DataFrame
    compared: tuple[pd.DataFrame, pd.DataFrame]
    images: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Strategy:
    """A way to choose frames of a camera.

    Attributes:
        measure: Gives (N,) float64 scores, NaN = none; or (N, D) float32 features.
        choose: Chooses by these, fewer than are asked for where no more are worth it.
        needs_warmup: Whether the first frames are passed by.
        measures_until_enough: Whether scores depend on how many frames are asked for.
    """

    measure: Callable[[Asked, Told], np.ndarray]
    choose: Callable[[Asked, np.ndarray], Choice]
    needs_warmup: bool = False
    measures_until_enough: bool = False
