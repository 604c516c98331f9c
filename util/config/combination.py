"""The section `combination`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName, Section

Strategy = Literal[
    "consensus",
    "mean",
    "median",
    "majority",
    "maximum",
    "noisy_or",
    "weighted_mean",
    "staple",
    "agreement",
    "vote_fraction",
    "vote_entropy",
]


Calibration = Literal["none", "temperature", "isotonic"]


class CombinationSection(Section):
    """The combination of several label sets into one."""

    defaults_version: ClassVar[int] = 2

    label_sets: list[str] = Field(
        [],
        description="Label sets to combine: their prompts or folder names; [] = those of"
        " teacher.prompts.",
        json_schema_extra=DECIDES_NOTHING,
    )
    strategy: Strategy = Field(
        "consensus",
        description="How the maps are fused. consensus = majority vote of half of the maps whose"
        " boxes the others confirm, which is learned without labels; noisy_or = 1 - product of"
        " (1 - map);"
        " staple = truth estimated together with each map's sensitivity and specificity;"
        " agreement = weighted mean, weights learned from how the maps agree; vote_fraction and"
        " vote_entropy are maps of the agreement itself.",
    )
    min_votes: int = Field(2, ge=1, description="majority: maps that must be above 0 at a pixel.")
    weights: list[Annotated[float, Field(ge=0)]] = Field(
        [], description="weighted_mean: one weight for each label set."
    )
    tune_weights: bool = Field(
        False,
        description="weighted_mean: find the weights with the best pixel average precision on"
        " images of combination.tuning_split and data.masks; scores there are in sample.",
    )
    tuning_split: FolderName = Field(
        "Validation",
        description="Split of the images with true masks to tune weights on.",
        json_schema_extra=DECIDES_NOTHING,
    )
    calibration: Calibration = Field(
        "none",
        description="Makes each map's values the shares of pixels that are anomalous, on images of"
        " combination.calibration_split and data.masks, before maps are fused.",
    )
    calibration_split: FolderName = Field(
        "Validation",
        description="Split of the images with true masks to calibrate on.",
        json_schema_extra=DECIDES_NOTHING,
    )
    pixel_weights: bool = Field(
        False,
        description="Write weights for student.pixel_weights: 1 where all maps agree on a pixel, 0"
        " where they are split in half.",
    )
    output: FolderName = Field(
        "combined",
        description="Folder name of the label set written.",
        json_schema_extra=DECIDES_NOTHING,
    )

    def decides(self) -> dict[str, Any]:
        """Give what changes a result; what the strategy does not read changes nothing."""
        decided = super().decides()
        if self.strategy != "majority":
            decided.pop("min_votes", None)
        if self.strategy not in ("weighted_mean", "agreement", "consensus"):
            decided.pop("weights", None)
        return decided
