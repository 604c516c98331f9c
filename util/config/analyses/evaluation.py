"""The section `evaluation`."""

from dataclasses import fields, replace
from typing import Annotated, Literal

from pydantic import Field

from util.config.fields import DECIDES_NOTHING, Fraction, Place, Section
from util.data_classes import BoxSettings


class EvaluationSection(Section):
    """How maps become boxes and how boxes are judged."""

    threshold: Fraction | None = Field(
        None,
        description="A pixel is anomalous above this probability; null = what a student or label"
        " set says of itself (a student: what its validation images chose), else 0.5.",
    )
    dilation_iterations: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Repeats of the 3x3 dilation that joins pieces; null = likewise, else 3."
    )
    min_area_px: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Smallest component, in pixels before dilation; null = likewise, else 1."
    )
    box_rule: Literal["tight", "thesis"] | None = Field(
        None,
        description="tight = a box holds the component's own pixels; thesis = it holds the dilated"
        " ones, which makes it dilation_iterations larger on each side; null = likewise, else"
        " tight.",
    )
    object_class: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="obj_class of predicted boxes; null = the prompt, or what the student or the"
        " label set is about.",
    )
    min_confidence: Fraction | None = Field(
        None,
        description="Boxes count above this confidence, the mean of their pixels above threshold in"
        " a map; null = likewise, else 0.1. Boxes that a label set has are not found anew.",
    )
    iou_thresholds: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.005, 0.3, 0.5], min_length=1, description="Thresholds of the one-to-one metric."
    )
    soft_labels: Place | None = Field(
        None,
        description="Label set that csv_from_soft_labels.py reads: its name, a run, RUN/SPLIT or a"
        " path; null = combination.output.",
    )
    predictions: list[Place] = Field(
        [],
        description="Label sets and CSVs to evaluate: names, runs, RUN/SPLIT or paths; [] = all"
        " label sets and tested runs.",
    )
    baseline: Place | None = Field(
        None, description="Label set that the evaluations compare the others with, named likewise."
    )
    benchmark: Literal["none", "2021", "2023"] = Field(
        "none",
        description="Version of the road-anomaly benchmark's code by which label sets are judged"
        " too.",
    )
    threshold_split: str | None = Field(
        None,
        description="Split on whose true masks pixel_evaluation.py chooses the threshold of each"
        " label set, the one of the best F1 of all its pixels; of a run, from its RUN/SPLIT. null ="
        " threshold.",
    )
    distractors: list[str] = Field(
        [],
        description="Classes of the masks that a map shall not be drawn to, such as the chimney"
        " below smoke; pixel_evaluation.py adds how much it is (spurious_rate).",
        json_schema_extra=DECIDES_NOTHING,
    )
    trivial_baselines: bool = Field(
        False,
        description="Whether maps are judged beside ones that know nothing of what is anomalous,"
        " and beside their own of other images.",
        json_schema_extra=DECIDES_NOTHING,
    )
    pictures: int = Field(
        0, ge=0, description="Test pictures with boxes to draw, spread over the split; 0 = none."
    )
    heatmaps: int = Field(
        12,
        ge=1,
        description="Test images that heatmaps.py draws maps of, spread over the split; more than"
        " there are = all.",
    )

    def box_settings(self, usual: BoxSettings) -> BoxSettings:
        """Say how soft labels become boxes: as usual, but for what the config says.

        Args:
            usual: What the model or the label set says of itself, the class of its boxes included.
        """
        said = {field.name: getattr(self, field.name) for field in fields(BoxSettings)}
        return replace(usual, **{key: value for key, value in said.items() if value is not None})

    def left_to_choose(self) -> list[str]:
        """Name what the config leaves to the validation images of a student, of `BoxSettings`."""
        keys = ("threshold", "min_confidence", "min_area_px")
        return [key for key in keys if getattr(self, key) is None]
