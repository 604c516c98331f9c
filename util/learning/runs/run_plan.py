"""What a training is asked for beside what it learns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from util.config.tracking import TrackingSection


@dataclass(frozen=True)
class RunPlan:
    """A run before its training begins.

    Attributes:
        folder: Where it will be.
        config: All that the training is told, JSON values; kept as config.json.
        tracking: Where figures go beside the folder.
        overwrite: Whether a run with other settings may be replaced.
    """

    folder: Path
    config: Mapping[str, Any]
    tracking: TrackingSection
    overwrite: bool
