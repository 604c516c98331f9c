"""What each query of a network shows over many images, and which show one class alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from torch import Tensor

VOID = "void"
"""What the tables call a query that shows no object."""

VoidRule = Literal["left_out", "counts", "class"]


@dataclass(frozen=True)
class StatisticsSettings:
    """What makes a query specialised, of which the literature says little.

    Attributes:
        high_confidence: A prediction is highly confident from this probability on.
        void: Most queries are void on most images: they show what is not there. `left_out`: cases
            are the images in which a query shows a class. `counts`: all images are cases, so a
            query must show its class nearly always. `class`: they are, and void is a class like any
            other, so a query may be specialised in it.
        least_share: A query has a dominant class when that is at least this share of its cases; 1 =
            it shows no other.
        least_confident_share: At least this share of its predictions of the class are highly
            confident.
        least_cases: It shows the class in at least so many images.
    """

    high_confidence: float = 0.9
    void: VoidRule = "left_out"
    least_share: float = 1.0
    least_confident_share: float = 0.9
    least_cases: int = 1


class QueryStatistics:
    """Counts of what queries show, image by image.

    Attributes:
        settings: What counts.
        num_images: How many images were added.
        times_predicted: N, (Q, C + 1) int64: in how many images a class is the most probable of a
            query; the last column is void.
        high_confidence: H, as N: in how many of these with high confidence.
    """

    def __init__(
        self, num_queries: int, class_names: Sequence[str], settings: StatisticsSettings
    ) -> None:
        """Begin without images.

        Args:
            num_queries: Q.
            class_names: C names, of all classes but void in the order of the network's logits: the
                known ones, and the negative one if there is one.
            settings: What counts.
        """
        self.settings = settings
        self.columns = [*class_names, VOID]
        self.num_images = 0
        self.times_predicted = np.zeros((num_queries, len(self.columns)), np.int64)
        self.high_confidence = np.zeros_like(self.times_predicted)

    def add(self, class_logits: Tensor) -> None:
        """Count one image, (Q, C + 1) logits.

        Raises:
            ValueError: They have another shape.
        """
        if class_logits.shape != self.times_predicted.shape:
            expected = self.times_predicted.shape
            raise ValueError(f"expected class logits {expected}, not {tuple(class_logits.shape)}")
        confidences, classes = (each.cpu().numpy() for each in class_logits.softmax(1).max(1))
        queries = np.arange(len(classes))
        self.num_images += 1
        self.times_predicted[queries, classes] += 1
        self.high_confidence[queries, classes] += confidences >= self.settings.high_confidence

    def times_predicted_table(self) -> pd.DataFrame:
        """N as a table, a row a query, for `times_predicted_stats.csv`."""
        return self._table(self.times_predicted)

    def high_confidence_table(self) -> pd.DataFrame:
        """R = H / N as a table, for `high_conf_stats.csv`; empty (NaN) where N is 0."""
        counts = self.times_predicted
        shares = np.full(counts.shape, np.nan)
        np.divide(self.high_confidence, counts, out=shares, where=counts > 0)
        return self._table(shares)

    def specialised_table(self) -> pd.DataFrame:
        """The specialised queries, for `specialized.csv`; see `StatisticsSettings`.

        Returns:
            One row a query, in order: its `class`, the `cases` in which it shows that, `share` of
            all of its cases, and `confident_share` of these. Without images it has no rows.
        """
        best = self._dominant_columns()
        queries = np.arange(len(best))
        counts = self.times_predicted[queries, best]
        totals = self._case_counts()
        shares = counts / np.maximum(totals, 1)
        confident_shares = self.high_confidence[queries, best] / np.maximum(counts, 1)
        table = pd.DataFrame(
            {
                "class": np.array(self.columns)[best],
                "cases": counts,
                "share": shares,
                "confident_share": confident_shares,
            },
            index=pd.RangeIndex(len(best), name="query"),
        )
        settings = self.settings
        return table[
            (counts >= max(settings.least_cases, 1))
            & (shares >= settings.least_share)
            & (confident_shares >= settings.least_confident_share)
        ]

    def dominant_class(self, query: int) -> tuple[str, int]:
        """What a query shows most often, and in how many images; void if it shows nothing else.

        Unless void is a class, it is the most frequent of the others, however rare. Of equally
        frequent ones it is the first.
        """
        column = self._dominant_columns()[query]
        count = int(self.times_predicted[query, column])
        if count == 0:
            return VOID, int(self.times_predicted[query, -1])
        return self.columns[column], count

    def _dominant_columns(self) -> np.ndarray:
        """(Q,) columns of the largest counts, void among them only where it is a class."""
        last = None if self.settings.void == "class" else -1
        return self.times_predicted[:, :last].argmax(axis=1)

    def _case_counts(self) -> np.ndarray:
        """(Q,) in how many images a query counts."""
        last = -1 if self.settings.void == "left_out" else None
        return self.times_predicted[:, :last].sum(axis=1)

    def _table(self, values: np.ndarray) -> pd.DataFrame:
        index = pd.RangeIndex(len(values), name="query")
        return pd.DataFrame(values, index=index, columns=self.columns)
