"""The section `novelty`."""

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName, Section


class NoveltySection(Section):
    """What fixed cameras (data.groups) do not show in the frames whose maps are empty."""

    label_set: str = Field(
        "combined",
        min_length=1,
        description="Label set whose maps are sharpened; a run stands for its predictions of"
        " data.test_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
    frames: int = Field(
        20,
        ge=3,
        description="Empty frames of a camera that its others are compared with, at most: evenly"
        " spaced over their names.",
    )
    side_px: int = Field(
        768,
        ge=64,
        description="Longer side of the frame while it is compared, if it is longer.",
    )
    output: FolderName = Field(
        "novel",
        description="Folder name of the label set written.",
        json_schema_extra=DECIDES_NOTHING,
    )
