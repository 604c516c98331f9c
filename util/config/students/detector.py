"""The section `detector`."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import (
    DECIDES_NOTHING,
    ConfigPath,
    FolderName,
    Fraction,
    Section,
    locate_model,
)
from util.config.training import (
    Augmentation,
    EmaDecay,
    Epochs,
    GradientClip,
    NumWorkers,
    OneCycleRate,
    Patience,
    RunName,
    Seed,
    TrainingDevice,
    TrainingPrecision,
    WeightDecay,
)


class DetectorSection(Section):
    """A student that finds boxes, small enough for a camera."""

    defaults_version: ClassVar[int] = 3  # learning_rate was 0.002

    run: RunName = "detector"
    label_set: str | None = Field(
        None,
        min_length=1,
        description="Label set whose boxes it learns, such as a teacher's; null = the ground truth"
        " (data.ground_truth).",
        json_schema_extra=DECIDES_NOTHING,
    )
    classes: list[str] = Field(
        [],
        description="Classes that it learns to find, others count as nothing; [] = all that the"
        " boxes of the training split have.",
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, description="Boxes of the label set count from this confidence on."
    )
    encoder: str | None = Field(
        "tf_efficientnet_lite0",
        description="Network of timm, built like EfficientNet, whose first stages it looks with, up"
        " to cells of 16 pixels; null = convolutions of its own.",
    )
    weights: str | None = Field(
        "efficientnet-lite0",
        description="Weights of the encoder to begin with: a name that --check lists for it"
        " (teacher/soft_label_generation.py), a repository of the hub that was fetched, a file or a"
        " folder; null = random ones.",
        json_schema_extra=DECIDES_NOTHING,
    )
    start: FolderName | None = Field(
        None,
        description="Folder name of a run, in paths.runs, of a detector of the same classes and"
        " shape, whose weights it starts with; null = none.",
        json_schema_extra=DECIDES_NOTHING,
    )
    width: int = Field(
        12,
        ge=2,
        description="Its head has four times as many channels; convolutions of its own have so many"
        " at first.",
    )
    size_px: int = Field(
        256, ge=32, description="Longest side of an image as it sees it, in pixels."
    )
    zoom: float = Field(
        1.5, ge=1, description="Images are enlarged or reduced up to so many times in training."
    )
    augmentation: Augmentation = 1.0
    epochs: Epochs = 40
    patience: Patience = 40
    batch_size: int = Field(8, ge=1, description="Images in a step.")
    learning_rate: OneCycleRate = 0.004
    weight_decay: WeightDecay = 0.01
    gradient_clip: GradientClip = 10.0
    ema_decay: EmaDecay = 0.98
    best_epoch: Literal["average_precision", "last"] = Field(
        "last",
        description="Epoch that is kept: the one with the best average precision (IoU 0.5) against"
        " the label set's boxes of the validation split, or the last.",
    )
    confidence: Fraction = Field(0.01, description="Least confidence of the boxes that it gives.")
    overlap: Fraction = Field(
        0.6, gt=0, description="IoU above which the less sure of two boxes of a class is dropped."
    )
    max_boxes: int = Field(100, ge=1, description="Most boxes of an image.")
    seed: Seed = 0
    device: TrainingDevice = "auto"
    precision: TrainingPrecision = "32-true"
    checkpoint: ConfigPath | None = Field(
        None,
        description="Checkpoint to test or to export, a .pt or, to test, an .onnx; null = best.pt"
        " of the run.",
        json_schema_extra=DECIDES_NOTHING,
    )
    num_workers: NumWorkers = 1

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes):
            raise ValueError("expected each class once")
        return classes

    @field_validator("weights")
    @classmethod
    def _locate_weights(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
