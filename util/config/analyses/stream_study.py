"""The section `stream_study`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import FolderName, Place, Section
from util.config.streams import StreamStrategy

Shared = Literal["cluster", "all"]


class StreamStudySection(Section):
    """Cameras, strategies and numbers of frames that are crossed: does the choice matter?"""

    cameras: list[str] = Field(
        [],
        description="Cameras that get a detector each, by the names that data.groups finds, or by"
        " their folders; [] = all that streams.pool has frames of.",
    )
    strategies: list[StreamStrategy] = Field(
        ["n-first", "uniform-random", "thresh-top-confidence", "thresh-least-confidence"],
        min_length=1,
        description="Strategies to compare, by names of streams.strategy.",
    )
    budgets: list[Annotated[int, Field(ge=1)]] = Field(
        [16, 64], min_length=1, description="Frames of each camera to learn from."
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0],
        min_length=1,
        description="Seeds of choices that are random, and of trainings; each repeats the grid.",
    )
    reference: StreamStrategy = Field(
        "uniform-random",
        description="The strategy, one of stream_study.strategies, that others are compared with.",
    )
    baselines: list[Place] = Field(
        [],
        description="What detectors are shown beside: runs of detectors that know no camera in"
        " particular, and label sets of boxes, such as the teacher's of the test split.",
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="Steps that each detector is trained for, about, whatever its number of frames:"
        " as many epochs as that takes; null = detector.epochs.",
    )
    shared: list[Shared] = Field(
        [],
        description="Who gets a student together, beside each camera alone, at as many steps:"
        " cluster (the cameras of each cluster of analysis/cluster_cameras.py, clusters.name), all."
        " Each camera gives it the frames that it gives its own student.",
    )
    name: FolderName = Field(
        "stream_study", description="Folder of its tables and figures, in paths.runs."
    )

    @field_validator("strategies", "budgets", "seeds", "shared")
    @classmethod
    def _each_once(cls, values: list[str | int]) -> list[str | int]:
        if len(set(values)) < len(values):
            raise ValueError("expected each once")
        return values

    @field_validator("reference")
    @classmethod
    def _is_compared(cls, reference: str, info: ValidationInfo) -> str:
        if reference not in (there := info.data.get("strategies", [reference])):
            raise ValueError(f"expected one of stream_study.strategies: {', '.join(there)}")
        return reference
