"""The section `compression`."""

from typing import Annotated

from pydantic import Field

from util.config.fields import FolderName, Section


class CompressionSection(Section):
    """The compression curve: one teacher distilled into students of several sizes."""

    name: FolderName = Field("compression", description="Folder name of its results in paths.runs.")
    widths: list[Annotated[int, Field(ge=1)]] = Field(
        [32, 16, 8, 4],
        description="Widths of student.architecture (unet or encoder_unet) to distil into.",
    )
    architectures: list[str] = Field(
        [], description="Other students, by student.architecture, such as Unet, with its encoder."
    )
    labels: FolderName | None = Field(
        None,
        description="Label set of true masks: what all are judged by, and what the same students"
        " are trained on for comparison; null = judged by the teacher alone.",
    )
    training_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0, 1, 2], min_length=1, description="Seeds that each student is trained with."
    )
