"""The section `cam`."""

from typing import Annotated

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName, Fraction, Section


class CamSection(Section):
    """Classifiers of whole images as teachers: where they see what they find."""

    networks: list[FolderName] = Field(
        ["classifier"],
        min_length=1,
        description="Runs of teacher/cam/train_classifier.py, in paths.runs; a label set each,"
        " NETWORK-cam.",
        json_schema_extra=DECIDES_NOTHING,
    )
    scales: list[Annotated[float, Field(gt=0, le=8)]] = Field(
        [0.5, 1.0, 1.5, 2.0],
        min_length=1,
        description="Sizes at which an image is seen, whose maps are added up: shares of the sides"
        " at classifier.size_px squared.",
    )
    flips: bool = Field(True, description="See the mirrored image too, at each size.")
    gate: Fraction | None = Field(
        None,
        description="An image that shows what is looked for with a lower probability gets an empty"
        " map; null = the threshold that each network has found on its validation images; 0 = none"
        " does.",
    )
