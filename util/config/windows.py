"""The section `windows`."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, FolderName, Section

Margin = Annotated[float, Field(ge=0, lt=1)]


class WindowsSection(Section):
    """The cutting of images into windows by rule, and the joining of what was said of these."""

    top: Margin = Field(
        0.0, description="Share of the height that is dropped at the top, such as that of a logo."
    )
    left: Margin = Field(0.0, description="Share of the width that is dropped at the left.")
    bottom: Margin = Field(0.0, description="Share of the height that is dropped at the bottom.")
    right: Margin = Field(0.0, description="Share of the width that is dropped at the right.")
    size_px: int = Field(
        512,
        ge=1,
        description="Side of the windows; what is left of a smaller image is one window.",
    )
    stride_px: int = Field(
        256,
        ge=1,
        description="From one window to the next, at most the side; the last of a row or column is"
        " moved inside.",
    )
    label_set: str = Field(
        "classifier-cam",
        min_length=1,
        description="Label set of the windows to join; a run stands for its predictions of"
        " data.test_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
    output: FolderName = Field(
        "joined",
        description="Folder name of the label set of whole images that is written.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator("bottom", "right")
    @classmethod
    def _something_is_left(cls, margin: float, info: ValidationInfo) -> float:
        opposite = {"bottom": "top", "right": "left"}[info.field_name or ""]
        if margin + info.data.get(opposite, 0) >= 1:
            raise ValueError(f"expected less than 1 together with windows.{opposite}")
        return margin

    @field_validator("stride_px")
    @classmethod
    def _leaves_no_gap(cls, stride_px: int, info: ValidationInfo) -> int:
        if stride_px > info.data.get("size_px", stride_px):
            raise ValueError("expected at most windows.size_px")
        return stride_px
