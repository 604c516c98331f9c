"""The section `student`."""

from typing import Annotated, ClassVar, Literal

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
    EmaDecay,
    GradientClip,
    NumWorkers,
    OneCycleRate,
    RunName,
    Seed,
    TrainingDevice,
    TrainingPrecision,
    ValidateEvery,
    WeightDecay,
)

LossName = Literal["kl", "jaccard", "dice", "focal", "kd", "balanced", "gated_crf", "dense_crf"]


AUTO_WEIGHTS = "auto"
"""Of an encoder: those that come with the requirements, where it has such."""


BestEpoch = Literal["last", "boxes", "loss"]


PixelWeights = Literal["none", "label_set", "confidence"]


class StudentSection(Section):
    """The student, a small network that learns from soft labels."""

    defaults_version: ClassVar[int] = 4  # epochs were 10, and all of them were validated

    run: RunName = "student"
    label_set: FolderName = Field(
        "combined",
        description="Label set to learn from; truth+combined learns from truth where that has an"
        " image, and from combined elsewhere.",
        json_schema_extra=DECIDES_NOTHING,
    )
    architecture: str = Field(
        "encoder_unet",
        description="encoder_unet = a light decoder of ours (width) over encoder; unet = ours from"
        " scratch (width, depth), which can be far smaller; else an architecture of"
        " segmentation-models-pytorch by name, such as PAN or (with a capital) Unet.",
    )
    width: int = Field(16, ge=1, description="unet, encoder_unet: channels of the first level.")
    depth: int = Field(3, ge=1, le=7, description="unet: how often it halves the image.")
    encoder: str = Field(
        "tu-tf_efficientnet_lite0",
        description="Encoder of all but unet, which has none, by smp's name.",
    )
    encoder_weights: str | None = Field(
        AUTO_WEIGHTS,
        description="Weights that this encoder starts from: auto = those that come with the"
        " requirements, where it has such (efficientnet-lite0, of ImageNet), else random; a name"
        " that --check of the teacher lists, a hub name that was fetched, such as"
        " smp-hub/resnet34.imagenet, or a file; null = random.",
        json_schema_extra=DECIDES_NOTHING,
    )
    frozen_stages: int = Field(
        3,
        ge=0,
        description="Stages of a pretrained encoder, after its stem, that stay as they are, and all"
        " of its running moments with them; 0 = all is learnt.",
    )
    temperature: float = Field(
        1.0, ge=1, description="Soft labels are divided by it, as in the thesis (3 there)."
    )
    losses: dict[LossName, Annotated[float, Field(ge=0)]] = Field(
        {"kl": 1.0},
        min_length=1,
        description="Weights of the losses that are summed: kl (cross-entropy), jaccard and dice"
        " (of regions, for soft labels), focal (pixels that are far off count more), kd"
        " (cross-entropy to a teacher's logits, both divided by student.kd_temperature), balanced"
        " (cross-entropy, half of it over foreground pixels), gated_crf and dense_crf (pixels that"
        " look alike, near ones or all pairs, have to agree, labelled or not).",
    )
    kd_temperature: float = Field(
        2.0, gt=0, description="kd: what logits are divided by; high = small logits count too."
    )
    crf_colour: float = Field(
        15.0,
        gt=0,
        description="gated_crf, dense_crf: how far colours differ that look alike, of 255; low for"
        " what is faint.",
    )
    pixel_weights: PixelWeights = Field(
        "none",
        description="How much pixels count in the loss: label_set = as its weights say; confidence"
        " = |2p - 1| of the soft label p.",
    )
    edge_weight: float = Field(
        0.0, ge=0, description="How much more a pixel counts where the soft label has an edge."
    )
    epochs: int = Field(30, ge=1, description="Most passes over the training split.")
    patience: int = Field(
        8,
        ge=1,
        description="Stop where so many epochs, up to a validated one, have brought no better one;"
        " not where best_epoch is last.",
    )
    batch_size: int = Field(8, ge=1, description="Crops in a step.")
    crop_size_px: int = Field(128, ge=16, description="Side of the square training crops.")
    crops_per_image: int | None = Field(
        None,
        ge=1,
        description="Crops of an image in an epoch, for which it is decoded once; null = as many as"
        " cover a quarter of the mean image, 1 at least.",
    )
    foreground_crops: Fraction = Field(
        0.5, description="Share of the crops that are laid over an anomaly, which are rare."
    )
    augmentation: float = Field(
        1.0,
        ge=0,
        description="Strength of changes of light and colour; above 0 with flips and turns.",
    )
    zoom: float = Field(
        2.0, ge=1, le=4, description="Crops are enlarged or reduced up to so many times."
    )
    learning_rate: OneCycleRate = 0.002
    weight_decay: WeightDecay = 0.0001
    gradient_clip: GradientClip = 0.0
    ema_decay: EmaDecay = 0.0
    validate_against: Literal["label_set", "ground_truth"] = Field(
        "label_set",
        description="Whose boxes choose how the student's are found, and the best epoch where"
        " best_epoch is boxes; label_set needs no truth.",
    )
    best_epoch: BestEpoch = Field(
        "last",
        description="Which epoch is kept as the best: the last, where the learning rate has come"
        " down; or the one of the best boxes, by their F1, or of the least loss.",
    )
    validate_every: ValidateEvery = 5
    validation_iou: float = Field(
        0.3, gt=0, le=1, description="IoU at which a box counts as found in that choice."
    )
    validation_mp: float = Field(
        50.0,
        gt=0,
        description="Most megapixels that are predicted for that in an epoch: beyond it, fewer"
        " images, and windows of the large ones.",
    )
    seed: Seed = 0
    device: TrainingDevice = "auto"
    precision: TrainingPrecision = "auto"
    num_workers: NumWorkers = 1
    memory_gb: float = Field(
        1.0,
        ge=0,
        description="Most memory for images that were read, so that they are read once, and for"
        " those that are predicted at once.",
        json_schema_extra=DECIDES_NOTHING,
    )
    checkpoint: ConfigPath | None = Field(
        None,
        description="Checkpoint to test; null = best.pt of the run.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator("encoder_weights")
    @classmethod
    def _locate_weights(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name in (None, AUTO_WEIGHTS) else locate_model(name, info)
