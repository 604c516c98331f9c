"""The section `streams`."""

from typing import Literal

from pydantic import Field

from util.config.data import Pattern
from util.config.fields import DECIDES_NOTHING, FolderName, Section

StreamStrategy = Literal["n-first", "thresh-top-confidence", "thresh-least-confidence"]
Aggregation = Literal["max", "min", "mean", "sum"]
Budget = Literal["all", "camera"]


class StreamsSection(Section):
    """The choice of frames of fixed cameras that are worth learning from."""

    label_set: str = Field(
        "combined",
        min_length=1,
        description="Label set whose boxes tell frames apart; a run stands for its predictions of"
        " data.test_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
    cameras: list[str] = Field(
        [],
        description="Cameras that frames are chosen of, by the names that data.groups finds, or by"
        " their folders; [] = all.",
    )
    time: Pattern | None = Field(
        None,
        description="Regular expression that finds the time of a frame in its id, such as"
        " _([0-9.]+)$; null = frames are in natural order of their ids and time counts them.",
    )
    time_format: str | None = Field(
        None,
        description="How that time is written, in the words of strptime, such as %Y%m%d_%H%M%S;"
        " null = a number.",
    )
    strategy: StreamStrategy = Field(
        "thresh-top-confidence",
        description="What is chosen of each camera: n-first (the first frames),"
        " thresh-top-confidence (the first ones behind the warm-up whose confidence is above what"
        " streams.rate of the warm-up exceeds), thresh-least-confidence (below).",
    )
    frames: int = Field(256, ge=1, description="Frames to learn from.")
    budget: Budget = Field(
        "all",
        description="Whether streams.frames and streams.validation_frames are of all cameras"
        " together, as equal parts as can be, or of each camera.",
    )
    confidence: Aggregation = Field(
        "max", description="What the confidences of a frame's boxes become."
    )
    rate: float = Field(
        0.1, gt=0, le=1, description="thresh-*: share of frames that should pass the threshold."
    )
    adapt_rate: bool = Field(
        False,
        description="thresh-*: raise the rate in steps of 0.05 while too few frames of a camera"
        " pass.",
    )
    warmup: int = Field(
        720,
        ge=1,
        description="thresh-*: frames with boxes that come first, which the threshold is of and"
        " none is chosen of.",
    )
    allow_short: bool = Field(
        False,
        description="Go on with fewer frames than asked for where a camera has no more; false ="
        " refuse.",
        json_schema_extra=DECIDES_NOTHING,
    )
    validation_frames: int = Field(
        300, ge=0, description="Frames that validate, the last ones of each camera."
    )
    validation_gap: float = Field(
        25.0,
        ge=0,
        description="Least time between what is learnt from and what validates: seconds, or what"
        " streams.time counts, or frames.",
    )
    name: FolderName = Field(
        "streams",
        description="Name of the folder in paths.runs with the split lists and what was chosen why;"
        " the lists are named by data.train_split and data.validation_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
