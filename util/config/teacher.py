"""The section `teacher`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import ConfigPath, FolderName, Fraction, Section, locate_model

MODEL_KEYS = ("detector_model", "segmenter_model", "saliency_model", "sam3_model", "text_encoder")
"""Keys of the teacher whose values are names, or paths of files or folders."""


class TeacherSection(Section):
    """The teacher, which turns images and prompts into soft labels."""

    name: Literal["saa", "sam3", "student"] = Field(
        "saa",
        description="saa = Segment-Any-Anomaly over the parts below; sam3 = SAM 3 alone, whose"
        " weights are gated: Meta's SAM License must be accepted on the hub; student = a student"
        " that was trained before, which knows no prompts.",
    )
    checkpoint: ConfigPath | None = Field(
        None, description="student: its checkpoint, .pt or .onnx."
    )
    label_set: FolderName | None = Field(
        None, description="student: name of its label set; null = that of the checkpoint's folder."
    )
    flips: bool = Field(
        False, description="student: the mean over an image and its three flips is its answer."
    )
    logits: bool = Field(
        False, description="student: write logits too (float16), for the loss kd of the next one."
    )
    prompts: list[str] = Field(
        ["bird", "oceanic bird", "gull", "white crest", "whale"],
        description="One label set each; list:birds, list:off_target and list:all are the thesis's."
        " Phrases split by | are pooled.",
    )
    object_prompt: str = Field("sea", min_length=1, description="The normal scene, in words.")
    object_number: int = Field(
        1,
        ge=1,
        description="Objects of the normal scene; 1 = one scene. With more, saliency is how far an"
        " object differs from the others: 0 where fewer than two are found.",
    )
    detector: Literal["attributes", "groundingdino", "transformers"] = Field(
        "attributes", description="Text to boxes; all but attributes need weights (see --check)."
    )
    detector_model: str | None = Field(
        None,
        description="What the detector runs: a name that --check lists, a hub name, a checkpoint"
        " or a folder; null = the first that --check lists for it.",
    )
    segmenter: Literal["grabcut", "sam", "transformers"] = Field(
        "grabcut", description="Boxes to masks; all but grabcut need weights."
    )
    segmenter_model: str | None = Field(
        None, description="What the segmenter runs, as for the detector."
    )
    saliency: Literal["colour_gradient", "wide_resnet50_2"] = Field(
        "colour_gradient", description="Features of the saliency prompt."
    )
    saliency_model: str | None = Field(
        None, description="Weights of wide_resnet50_2, as for the detector."
    )
    sam3_model: str | None = Field(None, description="What sam3 runs, as for the detector.")
    text_encoder: str | None = Field(
        None,
        description="groundingdino: folder or hub name of a BERT vocabulary; null = as published.",
    )
    box_threshold: Fraction | None = Field(
        None,
        description="A box counts above this score; null = the teacher's own, 0.2 for saa (0.1 in"
        " the thesis), 0.3 for sam3.",
    )
    text_threshold: Fraction = Field(0.1, description="A word belongs to a box above this score.")
    min_area: Fraction = Field(0.0, description="Smallest relative area of an anomaly's box.")
    area_threshold: Fraction | None = Field(
        None,
        description="Largest relative area of an anomaly's box: for saa as a share of the object's,"
        " where that is found; for sam3 of the image; null = 0.05 for saa, no limit for sam3.",
    )
    max_masks: int = Field(
        100, ge=1, description="Masks of highest score that enter a map (20 in the thesis)."
    )
    map_rule: Literal["fixed_scale", "published"] = Field(
        "fixed_scale",
        description="How masks become a map; published = v / (v + 1/4) of v = sum / (1 + count),"
        " which keeps the order of the published values v.",
    )
    stretch_each_image: bool = Field(
        False, description="Stretch each map to its own range, as the thesis stores them."
    )
    working_size_px: int = Field(
        0, ge=0, description="Longest side that the models see; 0 = the image as it is."
    )
    tile_size_px: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Larger images are labelled in tiles of this side; 0 = as a whole; null = 1024"
        " for a student, else 0.",
    )
    tile_overlap_px: int = Field(128, ge=0, description="How far neighbouring tiles overlap.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where models run.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Numbers that models compute with; bf16 is faster on a GPU."
    )
    compile: bool = Field(False, description="Compile the encoders (torch.compile).")
    prompts_per_batch: int = Field(
        8, ge=1, description="Phrases that a detector answers at once; halved if memory runs out."
    )
    boxes_per_batch: int = Field(
        32, ge=1, description="Boxes that a segmenter outlines at once; halved if memory runs out."
    )
    cache_gb: float = Field(
        0.0,
        ge=0,
        description="Most that the cache of what models have said may hold; 0 = no cache.",
    )
    outline_above: Fraction = Field(
        1.0,
        description="Boxes above this score are outlined even if a threshold drops them, so that"
        " with a cache a lower threshold needs no model; 1 = only the boxes that count.",
    )

    @field_validator(*MODEL_KEYS)
    @classmethod
    def _locate_models(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
