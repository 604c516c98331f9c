"""The section `classifier`."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, FolderName, Fraction, Section, locate_model
from util.config.training import (
    Augmentation,
    Epochs,
    NumWorkers,
    OneCycleRate,
    Patience,
    RunName,
    Seed,
    TrainingDevice,
    TrainingPrecision,
    WeightDecay,
)

Consistency = Literal["spatial_map", "spatial", "channel", "global", "gram", "logits"]


class ClassifierSection(Section):
    """A classifier that learns from labels of whole images (data.image_labels); see `cam`."""

    run: RunName = "classifier"
    positive_labels: list[str] = Field(
        ["smoke"],
        min_length=1,
        description="Labels of what is looked for: an image that has one of them shows it, all"
        " others that have a row in data.image_labels do not.",
    )
    network: str = Field(
        "tf_efficientnet_lite0",
        description="Network of timm: a CNN such as resnet50, or a transformer that takes images of"
        " any size, such as vit_small_patch16_224.",
    )
    weights: str | None = Field(
        "efficientnet-lite0",
        description="Weights of all but the last layer to begin with: a name that --check lists for"
        " the network (teacher/soft_label_generation.py), a repository of the hub that was fetched,"
        " a file or a folder; null = random ones.",
        json_schema_extra=DECIDES_NOTHING,
    )
    output_stride: int | None = Field(
        None,
        description="Side of the cells that it describes last, in pixels: fewer than its own by"
        " dilated convolutions, so that maps are finer and it is slower, for CNNs that can; null ="
        " its own, mostly 32.",
    )
    size_px: int = Field(
        224,
        ge=32,
        description="Side of the squares that it learns from; whole images are judged at as many"
        " pixels, in their own proportions.",
    )
    least_crop: Fraction = Field(
        0.5, gt=0, description="Smallest share of an image that it learns from at once; 1 = all."
    )
    augmentation: Augmentation = 1.0
    pos_weight: float | None = Field(
        None,
        gt=0,
        description="Weight in the loss of images that show what is looked for, where others have"
        " 1; null = the others' number divided by theirs, so that both kinds count alike.",
    )
    epochs: Epochs = 10
    patience: Patience = 10
    batch_size: int = Field(16, ge=1, description="Images in a step.")
    learning_rate: OneCycleRate = 0.0005
    weight_decay: WeightDecay = 0.01
    teacher: FolderName | None = Field(
        None,
        description="Folder name of the run of another classifier, in paths.runs, that shows this"
        " one what to see in its images; null = none.",
        json_schema_extra=DECIDES_NOTHING,
    )
    consistency: Consistency = Field(
        "spatial_map",
        description="What is to be as the teacher's: the map of the mean of all features"
        " (spatial_map), the features of each cell (spatial), the map of each feature (channel),"
        " all of these as one (global), how alike cells are to each other (gram), or the answer"
        " (logits).",
    )
    consistency_weight: float = Field(
        1.0,
        ge=0,
        description="Weight in the loss of being unlike the teacher, where labels have 1; 0 = there"
        " is no teacher.",
    )
    seed: Seed = 0
    device: TrainingDevice = "auto"
    precision: TrainingPrecision = "32-true"
    num_workers: NumWorkers = 1

    @property
    def is_taught(self) -> bool:
        """Whether it learns from another classifier too."""
        return self.teacher is not None and self.consistency_weight > 0

    def decides(self) -> dict[str, Any]:
        """Give what changes a result; how a teacher is followed changes nothing without one."""
        decided = super().decides()
        if not self.is_taught:
            decided.pop("consistency", None)
            decided.pop("consistency_weight", None)
        return decided

    @field_validator("output_stride")
    @classmethod
    def _is_a_stride(cls, stride: int | None) -> int | None:
        if stride not in (None, 8, 16, 32):
            raise ValueError("expected 8, 16, 32 or null")
        return stride

    @field_validator("weights")
    @classmethod
    def _locate_weights(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
