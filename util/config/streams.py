"""The section `streams`."""

from typing import Literal

from pydantic import Field

from util.config.data import Pattern
from util.config.fields import DECIDES_NOTHING, FolderName, Section

StreamStrategy = Literal[
    "n-first",
    "uniform-random",
    "bernoulli-top-confidence",
    "bernoulli-least-confidence",
    "thresh-top-confidence",
    "thresh-least-confidence",
    "thresh-object-count",
    "online-top-confidence",
    "online-least-confidence",
    "movement",
    "random",
    "top-confidence",
    "least-confidence",
    "fixed-interval",
    "interval-sampling",
    "frequency",
    "disagreement",
]
SecondStage = Literal[
    "none",
    "random",
    "top-confidence",
    "least-confidence",
    "maximum-entropy",
    "tfdp",
    "moderate",
    "disagreement",
    "farthest-first",
    "kmeans",
    "kmeans-cosine",
]
Acceptance = Literal["logistic", "b-sampling"]
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
    pool: FolderName | None = Field(
        None,
        description="Split whose frames may be chosen, a list in data.splits; A+B joins two; null ="
        " all images.",
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
        description="What is chosen of each camera. While frames come: n-first (the first ones),"
        " uniform-random (each with the chance streams.rate), bernoulli-top-confidence,"
        " bernoulli-least-confidence (each with a chance that grows or falls with its confidence,"
        " by streams.acceptance), thresh-top-confidence (behind the"
        " warm-up, the first whose confidence is above what streams.rate of the warm-up exceeds),"
        " thresh-least-confidence (below), thresh-object-count (of their number of boxes),"
        " online-top-confidence, online-least-confidence (beyond a threshold that moves with the"
        " last frames, the best ones, apart in time), movement (the first one, then each on which"
        " streams.movement has moved since the last that was chosen). Of all together: random,"
        " top-confidence, least-confidence, fixed-interval (each as many frames behind the other,"
        " from the first on), interval-sampling (evenly spaced from the first to the last),"
        " frequency (some of each amount of detail that images show),"
        " disagreement (whose boxes differ most from those of streams.second_stage_label_set).",
    )
    frames: int = Field(256, ge=1, description="Frames to learn from.")
    budget: Budget = Field(
        "all",
        description="Whether numbers of frames are of all cameras together, as equal parts as can"
        " be, or of each camera.",
    )
    confidence: Aggregation = Field(
        "max", description="What the confidences of a frame's boxes become."
    )
    rate: float = Field(
        0.1,
        gt=0,
        le=1,
        description="thresh-*, online-* and uniform-random: share of frames that should pass.",
    )
    movement: float = Field(
        0.002,
        ge=0,
        description="movement: mean length of the optical flow that must be exceeded, as a part of"
        " the longer side of frames.",
    )
    disagreement_confidence: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="disagreement: boxes with this confidence or less do not count, of either label"
        " set.",
    )
    adapt_rate: bool = Field(
        False,
        description="thresh-*: raise the rate in steps of 0.05 while too few frames of a camera"
        " pass.",
    )
    acceptance: Acceptance = Field(
        "logistic",
        description="bernoulli-*: what chance a frame of confidence c has. logistic:"
        " exp(-steepness u); b-sampling: halfway / (halfway + u); u is c for the least, 1 - c for"
        " the top.",
    )
    acceptance_steepness: float = Field(8.0, gt=0, description="logistic: its steepness.")
    acceptance_halfway: float = Field(
        0.1, gt=0, description="b-sampling: its halfway, the u of the chance a half."
    )
    warmup: int = Field(
        720,
        ge=1,
        description="thresh-*: frames with boxes that come first, which the threshold is of and"
        " none is chosen of. online-*: the last so many, too, set the threshold.",
    )
    apart: float = Field(
        25.0,
        ge=0,
        description="online-*: least time between frames that are chosen, of which the better is"
        " kept: seconds, or what streams.time counts, or frames.",
    )
    seed: int = Field(0, ge=0, description="Seed of what is random, and of kmeans.")
    allow_short: bool = Field(
        False,
        description="Go on with fewer frames than asked for where a camera has no more; false ="
        " refuse.",
        json_schema_extra=DECIDES_NOTHING,
    )
    second_stage: SecondStage = Field(
        "none",
        description="What is kept of the frames that streams.strategy gives: none (all), random,"
        " top-confidence, least-confidence, maximum-entropy (of the confidences), tfdp (many"
        " boxes, and such as are far from square), moderate (as far from the mean as half of them"
        " are), disagreement (whose boxes differ most from those of streams.label_set),"
        " farthest-first (each as unlike those kept as can be), kmeans or kmeans-cosine (the middle"
        " of each of as many clusters); likeness is of where boxes lie.",
    )
    second_stage_frames: int = Field(
        64,
        ge=1,
        description="Frames that it keeps, of all cameras together or of each as streams.budget"
        " says.",
    )
    second_stage_label_set: str | None = Field(
        None,
        min_length=1,
        description="Label set that it goes by, and disagreement compares to, such as the"
        " teacher's where the first is the student's; null = the same.",
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
    block: int = Field(
        10,
        ge=1,
        description="Frames that follow each other and are alike, so that intervals of figures draw"
        " them together.",
        json_schema_extra=DECIDES_NOTHING,
    )
    name: FolderName = Field(
        "streams",
        description="Name of the folder in paths.runs with the split lists and what was chosen why;"
        " the lists are named by data.train_split and data.validation_split.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @property
    def stages(self) -> list[str]:
        """What has chosen frames, and what has kept some of these, if anything has."""
        kept_by = [] if self.second_stage == "none" else [self.second_stage]
        return [self.strategy, *kept_by]
