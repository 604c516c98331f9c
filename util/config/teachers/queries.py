"""The section `queries`."""

from typing import Literal

from pydantic import Field

from util.config.fields import FolderName, Fraction, Section


class QueriesSection(Section):
    """Which queries of a network of road scenes are of the ground, and which see anomalies."""

    split: FolderName = Field(
        "Queries",
        description="Split whose true masks choose outlier queries; scores there are in sample.",
    )
    ground_classes: list[str] = Field(
        ["road", "pavement", "sidewalk", "terrain"],
        description="Classes whose specialised queries are of the ground: what these mark is no"
        " anomaly, however sure the network is of it.",
    )
    least_overlap: Fraction = Field(
        0.25, description="Queries whose masks overlap so much with anomalies are outlier queries."
    )
    fallback_queries: int = Field(
        4, ge=1, description="Where none does, so many of the best are taken."
    )
    ignored: Literal["left_out", "published"] = Field(
        "left_out",
        description="Ignored pixels: left out of masks and anomalies, or taken from the union"
        " wherever they lie, as the published code does.",
    )
    void: Literal["left_out", "counts", "class"] = Field(
        "left_out",
        description="Images in which a query shows nothing: no cases; cases; or void is a class.",
    )
    dominance: Fraction = Field(
        1.0, description="Share of its cases in which a specialised query shows one class."
    )
    high_confidence: Fraction = Field(
        0.9, description="Probability from which on a prediction is confident."
    )
    least_cases: int = Field(1, ge=1, description="Fewest cases of a specialised query.")
