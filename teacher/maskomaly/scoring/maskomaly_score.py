"""Maskomaly (arXiv 2305.16972): what no inlier query claims, and what an outlier query does.

As its published code computes it, which the paper's text leaves open. Departures: the border rule
counts masks instead of comparing all pairs; and of the padding, all of which the published code
squeezes into the image, whole cells of the masks are cut off before (`RawOutputs`), so that three
pixels are squeezed in at most. `maskomaly_corrected` crops these, too, and has a border rule of its
own (`MaskomalySettings`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from teacher.maskomaly.querying.queries import Queries
from teacher.maskomaly.raw_outputs import RawOutputs

CorrectedBorderRule = Literal["off", "inlier_queries"]


@dataclass(frozen=True)
class MaskomalySettings:
    """The numbers of Maskomaly; the defaults are those of its published code.

    Attributes:
        inlier_threshold: A query whose most probable class is a known one takes part in the inlier
            map when that class is more probable than this.
        border_threshold: A pixel lies in a mask, for the border rule, when its probability is above
            this.
        inlier_weight: Share of the inlier map in the score; the outlier map has the rest.
        corrected_border_rule: Where two masks of queries that show a known class meet, the
            published rule sees a border, which is no anomaly, whatever the two are: an outlier
            query that shows a known class and meets another so erases the anomaly itself. `off`
            knows no borders; `inlier_queries` those between queries that are no outlier queries.
    """

    inlier_threshold: float = 0.7
    border_threshold: float = 0.1
    inlier_weight: float = 0.6
    corrected_border_rule: CorrectedBorderRule = "off"


class Maskomaly:
    """Maskomaly of one image, some rows at a time.

    Attributes:
        settings: Numbers.
        confidences: (Q,) s, probability of the most probable class of each query, void included.
        known: Queries of which that is a known class.
        inliers: Those of them that are sure enough.
        ground: Queries that were chosen as such.
        outliers: Queries that were chosen as such.
    """

    def __init__(self, outputs: RawOutputs, queries: Queries, settings: MaskomalySettings) -> None:
        """See which queries do what.

        Args:
            outputs: Of one image.
            queries: Of the same network.
            settings: Numbers.
        """
        self.settings = settings
        device = outputs.class_logits.device
        self.confidences, classes = outputs.class_probabilities().max(dim=1)
        is_known = classes < outputs.num_classes
        is_inlier = is_known & (self.confidences > settings.inlier_threshold)
        self.known = is_known.nonzero().flatten()
        self.inliers = is_inlier.nonzero().flatten()
        self.ground = torch.tensor(queries.ground_queries, dtype=torch.long, device=device)
        self.outliers = torch.tensor(queries.outlier_queries, dtype=torch.long, device=device)

    def at(self, masks: Tensor) -> "MaskomalyBand":
        """Look at some rows, (rows, Q, W) float32 in [0, 1]."""
        return MaskomalyBand(self, masks)


class MaskomalyBand:
    """Maskomaly of some rows: (rows, W) float32 in [0, 1], 1 = an anomaly."""

    def __init__(self, rule: Maskomaly, masks: Tensor) -> None:
        """Take the rule for the image, and the (rows, Q, W) masks."""
        self.rule = rule
        self.masks = masks

    def published(self) -> Tensor:
        """The score as the published code has it."""
        return self._fuse(self.rule.known)

    def corrected(self) -> Tensor:
        """The score with the border rule of `MaskomalySettings.corrected_border_rule`."""
        if self.rule.settings.corrected_border_rule == "off":
            return self._fuse(None)
        known = self.rule.known
        return self._fuse(known[~torch.isin(known, self.rule.outliers)])

    def _fuse(self, bordering: Tensor | None) -> Tensor:
        """Put the maps together, with borders between some queries, or none."""
        inlier_map = self._inlier_map
        if bordering is not None:
            inlier_map = inlier_map.masked_fill(self._find_borders(bordering), 0)
        inlier_map = torch.minimum(inlier_map, self._outside_ground)
        weight = self.rule.settings.inlier_weight
        return weight * inlier_map + (1 - weight) * self._outlier_map

    @cached_property
    def _inlier_map(self) -> Tensor:
        # The least of 1 - M s over queries is 1 - the largest M s.
        return 1 - self._largest(self.rule.inliers)

    @cached_property
    def _outside_ground(self) -> Tensor:
        return 1 - self._largest(self.rule.ground)

    @cached_property
    def _outlier_map(self) -> Tensor:
        return self._largest(self.rule.outliers)

    def _find_borders(self, queries: Tensor) -> Tensor:
        """Where any two masks of some queries meet, (rows, W) bool.

        A pair is above the threshold where at least two masks are: no pairs are compared.
        """
        # As floats: torch sums bools three times slower. All masks are compared, and a product
        # counts some of them: choosing them would copy most.
        inside = torch.empty_like(self.masks)
        torch.gt(self.masks, self.rule.settings.border_threshold, out=inside)
        counted = inside.new_zeros(1, inside.shape[1]).index_fill_(1, queries, 1)
        return torch.matmul(counted, inside)[:, 0] >= 2

    def _largest(self, queries: Tensor) -> Tensor:
        """The largest M s of some queries, (rows, W); 0 without any."""
        if not len(queries):
            return torch.zeros_like(self.masks[:, 0])
        confidences = self.rule.confidences[queries, None]
        # index_select copies four times faster than an index in brackets does.
        return self.masks.index_select(1, queries).mul_(confidences).amax(dim=1)
