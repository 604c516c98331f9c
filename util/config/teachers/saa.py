"""The section `saa`."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, Fraction, Section, locate_model

SAA_MODELS = (
    "detector_model",
    "proposals_model",
    "segmenter_model",
    "saliency_model",
    "text_encoder",
)
"""Keys whose values are names, or paths of files or folders."""


class SaaSection(Section):
    """Segment-Any-Anomaly: a detector, a segmenter and a saliency, and the numbers between them."""

    defaults_version: ClassVar[int] = 2  # area_threshold was 0.05, and proposals colour alone

    object_prompt: str = Field("sea", min_length=1, description="The normal scene, in words.")
    object_number: int = Field(
        1,
        ge=1,
        description="Objects of the normal scene; 1 = one scene. With more, saliency is how far an"
        " object differs from the others: 0 where fewer than two are found.",
    )
    detector: Literal["attributes", "yolox", "groundingdino", "transformers"] = Field(
        "attributes",
        description="Text to boxes; all but attributes need weights (see --check); yolox knows the"
        " 80 words of COCO and their synonyms.",
    )
    detector_model: str | None = Field(
        None,
        description="What the detector runs: a name that --check lists, a hub name, a checkpoint"
        " or a folder; null = the first that --check lists for it.",
        json_schema_extra=DECIDES_NOTHING,
    )
    proposals: Literal["colour+u2net", "colour"] = Field(
        "colour+u2net",
        description="Regions that attributes are compared with: what departs in colour from the"
        " water around it and, where an image is not even as open water is, large things that"
        " U²-Net sees as a whole, whose outlines grabcut then takes over; colour = the former"
        " alone, which needs no weights.",
    )
    proposals_model: str | None = Field(
        None,
        description="Weights of U²-Net for proposals, as for the detector.",
        json_schema_extra=DECIDES_NOTHING,
    )
    segmenter: Literal["grabcut", "u2net", "sam", "transformers"] = Field(
        "grabcut",
        description="Boxes to masks; all but grabcut need weights; u2net runs once a box.",
    )
    segmenter_model: str | None = Field(
        None,
        description="What the segmenter runs, as for the detector.",
        json_schema_extra=DECIDES_NOTHING,
    )
    saliency: Literal["colour_gradient", "wide_resnet50_2"] = Field(
        "colour_gradient", description="Features of the saliency prompt."
    )
    saliency_model: str | None = Field(
        None,
        description="Weights of wide_resnet50_2, as for the detector.",
        json_schema_extra=DECIDES_NOTHING,
    )
    text_encoder: str | None = Field(
        None,
        description="groundingdino: folder or hub name of a BERT vocabulary; null = as published.",
        json_schema_extra=DECIDES_NOTHING,
    )
    box_threshold: Fraction = Field(
        0.2,
        description="A box counts above this score (0.1 in the thesis; 0.2 was tuned for the"
        " embedded detector).",
    )
    text_threshold: Fraction = Field(0.1, description="A word belongs to a box above this score.")
    min_area: Fraction = Field(0.0, description="Smallest relative area of an anomaly's box.")
    area_threshold: Fraction = Field(
        1.0,
        description="Largest relative area of an anomaly's box: of the object's, where that is"
        " found, else of the image.",
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
    boxes_per_batch: int = Field(
        32,
        ge=1,
        description="Boxes that a segmenter outlines at once; halved if memory runs out.",
        json_schema_extra=DECIDES_NOTHING,
    )
    outline_above: Fraction = Field(
        1.0,
        description="Boxes above this score are outlined even if a threshold drops them, so that"
        " with a cache a lower threshold needs no model; 1 = only the boxes that count.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator(*SAA_MODELS)
    @classmethod
    def _locate_models(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)
