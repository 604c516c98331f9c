"""The section `clusters`."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import ConfigPath, FolderName, Place, Section


class ClustersSection(Section):
    """Which cameras share a student."""

    matrix: ConfigPath | None = Field(
        None,
        description="CSV of scores: a row for the student of each camera, a column for each camera;"
        " null = the means of inference_results.csv in the folder clusters.results.",
    )
    results: FolderName = Field(
        "cross_performance", description="Folder in paths.runs that has inference_results.csv."
    )
    metric: Literal["precision", "recall", "mAP50", "mAP50-95", "fitness"] = Field(
        "mAP50-95", description="Which score of inference_results.csv."
    )
    distance: Literal["transfer", "profile", "embedding", "labels"] = Field(
        "profile",
        description="What cameras are far apart by. Of the scores: transfer (how badly students"
        " fare on each other's camera), profile (how differently they fare on all). Of"
        " clusters.label_set, before any training: embedding (where boxes lie), labels (classes,"
        " numbers and sizes of boxes).",
    )
    label_set: Place | None = Field(
        None,
        description="Label set of the frames of all cameras, by whose boxes they are compared, too;"
        " null = by scores alone.",
    )
    newcomers: list[str] = Field(
        [], description="Cameras that join the nearest cluster when these are made of the others."
    )
    count: int | None = Field(
        None,
        ge=1,
        description="Number of clusters; null = by clusters.threshold, or else that of"
        " the largest mean silhouette.",
    )
    threshold: float | None = Field(
        None, ge=0, description="Clusters are merged that are no farther apart."
    )
    name: FolderName = Field("clusters", description="Folder name of what is found, in paths.runs.")

    @field_validator("threshold")
    @classmethod
    def _one_rule(cls, threshold: float | None, info: ValidationInfo) -> float | None:
        if threshold is not None and info.data.get("count") is not None:
            raise ValueError("expected null where clusters.count is set: one of them decides")
        return threshold
