"""What is known of cameras that distances come from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.clusters.distances import (
    embedding_distances,
    label_distances,
    profile_distances,
    profile_to_new,
    transfer_distances,
)
from util.errors import UserError, listed
from util.streams.cameras import Camera


@dataclass(frozen=True, eq=False)
class KnownCameras:
    """N cameras.

    Attributes:
        names: Of the cameras.
        scores: (N, N) float64, see `CrossMatrix`; None = not known.
        frames: The cameras with their frames; empty = not known.
        boxes: Of these frames, a table of `util.bbox_csv`; None where frames are not known.
    """

    names: Sequence[str]
    scores: np.ndarray | None = None
    frames: Sequence[Camera] = ()
    boxes: pd.DataFrame | None = None

    def part(self, newcomers: Collection[str]) -> tuple[list[int], list[int]]:
        """Part those that clusters are made of from those that come later: positions of each.

        Raises:
            UserError: Newcomers are unknown, or fewer than two others are left.
        """
        if unknown := [name for name in newcomers if name not in self.names]:
            raise UserError(
                f"clusters.newcomers names unknown cameras: {listed(unknown)}; there are: "
                f"{listed(self.names, 20)}"
            )
        rest = [at for at, name in enumerate(self.names) if name not in newcomers]
        if len(rest) < 2:
            raise UserError(
                f"clusters need two cameras at least, and there are {listed(self.names, 20)}, "
                f"{len(newcomers)} of them in clusters.newcomers"
            )
        return rest, [at for at, name in enumerate(self.names) if name in newcomers]

    def only(self, positions: Sequence[int]) -> "KnownCameras":
        """Leave out the others."""
        scores = None if self.scores is None else self.scores[np.ix_(positions, positions)]
        frames = [self.frames[at] for at in positions] if self.frames else ()
        return KnownCameras([self.names[at] for at in positions], scores, frames, self.boxes)

    def distances(self) -> dict[str, np.ndarray]:
        """Measure all distances that can be had, (N, N) float64 each, by name."""
        found = {}
        if self.scores is not None:
            found["transfer"] = transfer_distances(self.scores)
            found["profile"] = profile_distances(self.scores)
        if self.boxes is not None:
            found["embedding"] = embedding_distances(self.frames, self.boxes)
            found["labels"] = label_distances(self.frames, self.boxes)
        return found

    def distances_to(self, name: str, new: int, rest: Sequence[int]) -> np.ndarray:
        """Give the distances of a new camera to R others, as if those had been alone so far.

        Args:
            name: Of the distance, one that can be had.
            new: Which camera is new.
            rest: Which ones were there.

        Returns:
            (R,) float64.
        """
        if name == "profile" and self.scores is not None:
            return profile_to_new(self.scores[new, rest], self.scores[np.ix_(rest, rest)])
        return np.asarray(self.distances()[name][new, rest])
