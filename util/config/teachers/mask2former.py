"""The section `mask2former`."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.data import Pattern
from util.config.fields import (
    DECIDES_NOTHING,
    ConfigPath,
    Fraction,
    Section,
    locate_model,
)
from util.config.training import (
    Augmentation,
    Epochs,
    GradientClip,
    NumWorkers,
    Patience,
    RunName,
    Seed,
    TrainingDevice,
    TrainingPrecision,
    ValidateEvery,
    WeightDecay,
)


class Mask2FormerSection(Section):
    """A Mask2Former that learns ordinary classes of road scenes; see the section `maskomaly`."""

    defaults_version: ClassVar[int] = 4  # all epochs were validated

    run: RunName = "mask2former"
    masks: ConfigPath | None = Field(
        None,
        description="Folder of the class masks to learn from, in whose classes.json null is of"
        " no class; null = data.masks, named and read as section data says. Images and splits are"
        " those of section data.",
        json_schema_extra=DECIDES_NOTHING,
    )
    mask_names: dict[Pattern, str] = Field(
        {},
        description="What makes the name of a mask in mask2former.masks of its image's id, as"
        " data.mask_names.",
        json_schema_extra=DECIDES_NOTHING,
    )
    classes: Literal["classes.json", "cityscapes", "cityscapes_train_ids", "camvid"] = Field(
        "classes.json",
        description="Names of the classes of mask values: those in classes.json beside the masks;"
        " of Cityscapes, by labelIds or by train ids; or of CamVid, numbered as by SegNet.",
        json_schema_extra=DECIDES_NOTHING,
    )
    backbone: Literal["efficientnet-lite0", "swin-tiny-random"] = Field(
        "efficientnet-lite0",
        description="efficientnet-lite0 = with the weights of ImageNet that the requirements"
        " carry; swin-tiny-random = a very small Swin that starts at random.",
    )
    weights: str | None = Field(
        None,
        description="A trained network to begin with: a hub name or a folder of transformers, such"
        " as facebook/mask2former-swin-large-cityscapes-semantic (--fetch), a checkpoint of the"
        " original repository (.pkl, .pth), or best.pt of a run; backbone, hidden, queries and"
        " layers are its own then. null = none.",
        json_schema_extra=DECIDES_NOTHING,
    )
    hidden: int = Field(64, ge=32, multiple_of=32, description="Channels of both decoders.")
    queries: int = Field(30, ge=1, description="Masks that are proposed for an image.")
    encoder_layers: int = Field(2, ge=1, description="Layers of the pixel decoder.")
    decoder_layers: int = Field(4, ge=2, description="Layers of the query decoder, and one.")
    points: int = Field(2000, ge=16, description="Pixels of each mask that a loss is measured at.")
    short_side_px: int = Field(
        0, ge=0, description="Shorter side that images are resized to before all; 0 = as they are."
    )
    crop_height_px: int = Field(192, ge=32, description="Height of the training crops.")
    crop_width_px: int = Field(256, ge=32, description="Width of the training crops.")
    scale: float = Field(
        1.5, ge=1, le=4, description="Crops are enlarged or reduced up to so many times."
    )
    augmentation: Augmentation = 2.0
    negatives: Literal["none", "unlabelled", "class"] = Field(
        "unlabelled",
        description="Things of random outlines, cut out of other training images or of random"
        " colours, that are pasted into crops: unlabelled = no mask has them; class = a mask of a"
        " further class has them, which the score uno needs.",
    )
    negative_share: Fraction = Field(1.0, description="Share of the crops that get some.")
    evidence_weight: float = Field(
        5.0,
        ge=0,
        description="Weight of a loss on what all masks together say at each pixel: much for its"
        " class, and nothing for any where a thing was pasted; 0 = the published losses alone.",
    )
    epochs: Epochs = 20
    patience: Patience = 10
    validate_every: ValidateEvery = 5
    batch_size: int = Field(4, ge=1, description="Crops in a step.")
    learning_rate: float = Field(0.001, gt=0, description="At the start of the poly schedule.")
    backbone_rate: Fraction = Field(
        0.1, description="Share of the learning rate that the backbone learns with."
    )
    weight_decay: WeightDecay = 0.05
    gradient_clip: GradientClip = 0.01
    seed: Seed = 0
    device: TrainingDevice = "auto"
    precision: TrainingPrecision = "32-true"
    num_workers: NumWorkers = 1

    @field_validator("weights")
    @classmethod
    def _locate_weights(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
