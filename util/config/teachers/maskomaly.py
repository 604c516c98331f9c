"""The section `maskomaly`."""

from typing import Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName, Fraction, Section

AnomalyScore = Literal[
    "maskomaly",
    "maskomaly_corrected",
    "rba",
    "eam",
    "mask2anomaly",
    "max_logit",
    "entropy",
    "uno",
]


class MaskomalySection(Section):
    """Networks of ordinary classes of road scenes as teachers of anomalies."""

    networks: list[FolderName] = Field(
        ["mask2former"],
        min_length=1,
        description="Runs of teacher/maskomaly/train_mask2former.py, in paths.runs.",
        json_schema_extra=DECIDES_NOTHING,
    )
    scores: list[AnomalyScore] = Field(
        ["mask2anomaly"],
        min_length=1,
        description="Maps that are made of each network's masks, a label set each: maskomaly as"
        " published and corrected, which need its queries.json; rba, eam, mask2anomaly (1 - the"
        " best class), max_logit and entropy, which do not; uno, of a negative class.",
        json_schema_extra=DECIDES_NOTHING,
    )
    smoothing_px: float = Field(
        0.0,
        ge=0,
        description="Standard deviation of a Gaussian over each map, in pixels of the network's"
        " input: borders between masks are no anomalies; 0 = none, as published.",
    )
    inlier_threshold: Fraction = Field(
        0.7, description="A mask of a class more probable than this is no anomaly."
    )
    border_threshold: Fraction = Field(
        0.1, description="Where two masks are above this there is a border, which is no anomaly."
    )
    inlier_weight: Fraction = Field(
        0.6, description="Share of the inlier map in the score; the outlier map has the rest."
    )
    corrected_border_rule: Literal["off", "inlier_queries"] = Field(
        "off",
        description="maskomaly_corrected: off = no borders; inlier_queries = those between queries"
        " that are no outlier queries.",
    )
