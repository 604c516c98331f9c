"""The section `prediction`."""

from pydantic import Field

from util.config.fields import ConfigPath, Section


class PredictionSection(Section):
    """How images are put before a student, and where predict.py writes."""

    output: ConfigPath | None = Field(
        None,
        description="Folder of predict.py's label set; null = predicted/NAME beside the checkpoint,"
        " after the path of the images from the folder that both lie in.",
    )
    tile_size_px: int = Field(
        1024, ge=0, description="Larger images are predicted in tiles of this side; 0 = as a whole."
    )
    tile_overlap_px: int = Field(
        128, ge=0, description="How far neighbouring tiles overlap; their maps are blended there."
    )
    flips: bool = Field(
        False, description="Predict the mean over an image and its three flips: four times slower."
    )
    pictures: int = Field(
        12, ge=0, description="Pictures with boxes that predict.py draws, spread over the images."
    )
