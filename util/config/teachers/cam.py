"""The section `cam`."""

from typing import Annotated, Literal

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
    method: Literal["native", "gradcam", "gradcam++", "layercam", "eigencam"] = Field(
        "native",
        description="How a network is asked where it sees it: native = what its last layer says of"
        " each cell, for networks that average these; the others, for all, by pytorch-grad-cam"
        " (pip install --no-deps grad-cam ttach).",
    )
    layer: str | None = Field(
        None,
        description="Layer at which all but native look (teacher/cam/train_classifier.py --layers"
        " lists them); null = the last features, or of a transformer that answers by its token of"
        " the class the last norm1.",
    )
    scales: list[Annotated[float, Field(gt=0, le=8)]] = Field(
        [0.5, 1.0, 1.5, 2.0],
        min_length=1,
        description="Sizes at which an image is seen, whose maps are added up: shares of the sides"
        " at classifier.size_px squared.",
    )
    flips: bool = Field(True, description="See the mirrored image too, at each size.")
    window_share: Fraction = Field(
        0.0,
        description="Side of square windows that are seen besides, each as large as a whole image,"
        " as a share of an image's shorter side (0.5, say), at least 32 pixels; 0 = none.",
    )
    gate: Fraction | None = Field(
        None,
        description="An image that shows what is looked for with a lower probability gets an empty"
        " map; null = the threshold that each network has found on its validation images; 0 = none"
        " does.",
    )
