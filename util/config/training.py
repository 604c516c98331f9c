"""Kinds of keys that all trainings have, with what they say of themselves."""

from typing import Annotated, Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, FolderName
from util.data_classes import Device

Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]

RunName = Annotated[
    FolderName,
    Field(description="Folder name of the run, in paths.runs.", json_schema_extra=DECIDES_NOTHING),
]
Epochs = Annotated[int, Field(ge=1, description="Passes over the training split.")]
Patience = Annotated[
    int, Field(ge=1, description="Stop after so many epochs without a better one.")
]
ValidateEvery = Annotated[
    int,
    Field(
        ge=1,
        description="Epochs from one validation to the next; the first and the last are validated,"
        " too, and the one that is kept is among these.",
    ),
]
OneCycleRate = Annotated[float, Field(gt=0, description="Peak of the one-cycle schedule.")]
WeightDecay = Annotated[float, Field(ge=0, description="Decay of AdamW.")]
GradientClip = Annotated[
    float, Field(ge=0, description="Largest norm of the gradients of a step; 0 = not clipped.")
]
EmaDecay = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights that is kept, such as 0.99; 0 ="
        " they are kept as they are.",
    ),
]
Augmentation = Annotated[
    float,
    Field(ge=0, description="Strength of changes of light and colour; above 0 with flips."),
]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="Seed of weights, order and augmentation.")]
TrainingDevice = Annotated[
    Device, Field(description="Where it runs.", json_schema_extra=DECIDES_NOTHING)
]
TrainingPrecision = Annotated[
    Precision,
    Field(description="Numbers it is trained with; auto = bf16-mixed where that is faster."),
]
NumWorkers = Annotated[
    int,
    Field(
        ge=0,
        description="Threads that read and augment images ahead; 0 = none.",
        json_schema_extra=DECIDES_NOTHING,
    ),
]
