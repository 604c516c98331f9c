"""The section `sam3`."""

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, Fraction, Section, locate_model


class Sam3Section(Section):
    """SAM 3 as a teacher; its thresholds are those of its own post-processing."""

    model: str | None = Field(
        None,
        description="What it runs: a name that --check lists, a hub name or a folder; null = the"
        " first that --check lists for it.",
        json_schema_extra=DECIDES_NOTHING,
    )
    box_threshold: Fraction = Field(0.3, description="A mask counts above this score.")
    min_area: Fraction = Field(0.0, description="Smallest relative area of a mask's box.")
    area_threshold: Fraction = Field(
        1.0, description="Largest area of a mask's box, as a share of the image."
    )
    max_masks: int = Field(100, ge=1, description="Masks of highest score that enter a map.")

    @field_validator("model")
    @classmethod
    def _locate_model(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
