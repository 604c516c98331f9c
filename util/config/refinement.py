"""The section `refinement`."""

from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, ConfigPath, FolderName, Fraction, Section

RefinementStep = Literal["par", "guided_filter", "crf", "random_walk", "stretch", "sepl", "trimap"]


class RefinementSection(Section):
    """The refinement of a label set by the colours of its images."""

    label_set: str = Field(
        "combined",
        min_length=1,
        description="Label set to refine; a run stands for its predictions of data.test_split.",
        json_schema_extra=DECIDES_NOTHING,
    )
    steps: list[RefinementStep] = Field(
        ["par"],
        min_length=1,
        description="What is done with each map, in this order: par (each pixel becomes the mean"
        " of neighbours that look like it), guided_filter (edges become those of the image), crf (a"
        " dense conditional random field), random_walk (marks spread over even colours),"
        " stretch (each map to its own largest value, as means take from it), sepl (masks of things"
        " are taken whole or not at all); at the end perhaps trimap (all before is done against two"
        " scores of the background, and what they disagree on gets weight 0).",
    )
    par_iterations: int = Field(10, ge=1, description="par: how often pixels become means.")
    par_side_px: int = Field(
        1024,
        ge=0,
        description="par: longer side of the image while it is refined, if it is longer; 0 = as it"
        " is, which takes 220 bytes a pixel.",
    )
    guided_filter_radius_px: int = Field(
        16, ge=1, description="guided_filter: half the side of its windows."
    )
    guided_filter_epsilon: float = Field(
        0.001,
        ge=1e-6,
        description="guided_filter: variance of colours (white = 1) below which they are noise.",
    )
    crf_backend: Literal["auto", "pydensecrf", "mean_field"] = Field(
        "auto",
        description="crf: pydensecrf = all pixels, approximately; mean_field = all pairs of pixels"
        " of a reduced image, exactly; auto = pydensecrf if it is installed, which is said.",
    )
    crf_iterations: int = Field(10, ge=1, description="crf: rounds of inference.")
    crf_gaussian_px: float = Field(
        3.0, gt=0, description="crf: how near pixels are that agree whatever they look like."
    )
    crf_gaussian_weight: float = Field(5.0, ge=0, description="crf: how much these count.")
    crf_bilateral_px: float = Field(
        60.0, gt=0, description="crf: how near pixels are that agree if they look alike."
    )
    crf_bilateral_colour: float = Field(
        5.0, gt=0, description="crf: how far their colours may differ, of 255."
    )
    crf_bilateral_weight: float = Field(15.0, ge=0, description="crf: how much these count.")
    crf_side_px: int = Field(
        64,
        ge=1,
        le=128,
        description="crf: longer side of the reduced image of mean_field, which takes five times"
        " its fourth power of bytes.",
    )
    random_walk_beta: float = Field(
        64.0, ge=0, description="random_walk: how much a change of colour hinders a walk."
    )
    random_walk_doublings: int = Field(
        4, ge=0, le=12, description="random_walk: walks have two to the power of this steps."
    )
    random_walk_side_px: int = Field(
        64,
        ge=1,
        le=256,
        description="random_walk: longer side of the reduced image, on which walks are; steps are"
        " shorter than 5 of its pixels.",
    )
    stretch_low: float = Field(
        0.4, ge=0, lt=1, description="stretch: share of the largest value that becomes 0."
    )
    stretch_high: float = Field(
        0.9, gt=0, le=1, description="stretch: share of the largest value that becomes 1."
    )
    sepl_masks: ConfigPath | None = Field(
        None,
        description="sepl: masks of things: a label set of teacher/mask_proposals.py, or a folder,"
        " such as SAM's; for each image a PNG of labels, IMAGE.png, or a folder IMAGE with a PNG a"
        " mask.",
        json_schema_extra=DECIDES_NOTHING,
    )
    sepl_threshold: Fraction = Field(
        0.5, description="sepl: what is above it in the map is marked."
    )
    sepl_largest: Fraction = Field(
        0.5, description="sepl: larger masks, as a share of the image, are left out."
    )
    trimap_low: float = Field(
        0.35, gt=0, le=1, description="trimap: low score; what is not above it is background."
    )
    trimap_high: float = Field(
        0.55, gt=0, le=1, description="trimap: high score; what is above it is foreground."
    )
    output: FolderName = Field(
        "refined",
        description="Folder name of the label set written.",
        json_schema_extra=DECIDES_NOTHING,
    )

    @field_validator("steps")
    @classmethod
    def _trimap_comes_last(cls, steps: list[RefinementStep]) -> list[RefinementStep]:
        if "trimap" in steps[:-1]:
            raise ValueError("expected trimap at the end alone")
        if {"stretch", "trimap"}.issubset(steps):
            raise ValueError(
                "expected no stretch with trimap: maps that are stretched hardly depend on the"
                " scores of the background any more, so nothing would be left unsure"
            )
        return steps

    @field_validator("trimap_high")
    @classmethod
    def _is_no_lower(cls, high: float, info: ValidationInfo) -> float:
        if high < info.data.get("trimap_low", 0):
            raise ValueError("expected at least refinement.trimap_low")
        return high

    @field_validator("stretch_high")
    @classmethod
    def _is_above(cls, high: float, info: ValidationInfo) -> float:
        if high <= info.data.get("stretch_low", 0):
            raise ValueError("expected more than refinement.stretch_low")
        return high

    def decides(self) -> dict[str, Any]:
        """Give what changes a result; keys of steps that are not done change nothing."""
        others = [step for step in get_args(RefinementStep) if step not in self.steps]
        return {
            key: value
            for key, value in super().decides().items()
            if not any(key.startswith(f"{step}_") for step in others)
        }
