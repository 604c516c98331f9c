"""The section `u2net`."""

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, Section, locate_model


class U2NetSection(Section):
    """U²-Net as a teacher: a map of what stands out, of no class and for no prompt."""

    model: str | None = Field(
        None,
        description="Its weights: a name that --check lists, or an ONNX file; null = the first that"
        " --check lists for segmenter u2net. The label set is called MODEL-saliency.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator("model")
    @classmethod
    def _locate_model(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
