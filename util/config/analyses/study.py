"""The section `study`."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationInfo, field_validator

from util.config.combination import Calibration
from util.config.fields import FolderName, Section, locate_model
from util.config.teachers.saa import SAA_MODELS

_MODELS = {"teacher.checkpoint", "sam3.model", "clip.model", *(f"saa.{key}" for key in SAA_MODELS)}
"""Keys of teachers whose values are names, or paths of files or folders."""


class StudySection(Section):
    """The prompt study: what is crossed with what, and which score is judged."""

    name: FolderName = Field("study", description="Folder name of the study, in paths.runs.")
    prompts: list[str] = Field([], description="Prompts to compare; [] = those of teacher.prompts.")
    off_target: list[str] = Field(
        ["list:off_target"],
        description="Which of them name something else than what is sought.",
    )
    object_prompts: list[str] = Field(
        [], description="Object prompts to cross; [] = saa.object_prompt."
    )
    teachers: list[dict[str, JsonValue]] = Field(
        [{}],
        min_length=1,
        description='Teachers to cross, such as [{}, {"saa.box_threshold": 0.1}].',
    )
    group_sizes: list[Annotated[int, Field(ge=0)]] = Field(
        [0], description="Prompts in a group that is combined; 0 = all of them."
    )
    num_groups: int = Field(3, ge=1, description="Groups drawn of each smaller size.")
    group_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [42], min_length=1, description="Seeds of those draws."
    )
    strategies: list[str] = Field(
        ["consensus"],
        description="Combinations of each group; majority:3 asks for 3 votes.",
    )
    calibrations: list[Calibration] = Field(
        ["none"], min_length=1, description="Values of combination.calibration to cross."
    )
    architectures: list[str] = Field(
        [], description="Students to cross; [] = student.architecture."
    )
    training_seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0],
        description="Seeds that each student is trained with, several to tell what retraining"
        " changes; [] = teachers alone.",
    )
    score: Literal["thesis_f1", "f1", "average_precision"] = Field(
        "thesis_f1",
        description="What is judged: box F1 of the thesis, one-to-one box F1 at study.score_iou,"
        " or pixel average precision (needs data.masks).",
    )
    score_iou: float = Field(0.3, gt=0, le=1, description="IoU at which a box counts for f1.")
    subsets: int = Field(
        20, ge=1, description="Random groups of each size for the teachers' curve over sizes."
    )
    processes: int = Field(
        0, ge=0, description="Cells that are worked on at once; 0 = one a processor core."
    )

    @field_validator("teachers")
    @classmethod
    def _locate_models(
        cls, teachers: list[dict[str, JsonValue]], info: ValidationInfo
    ) -> list[dict[str, JsonValue]]:
        return [
            {
                key: locate_model(value, info)
                if key in _MODELS and isinstance(value, str)
                else value
                for key, value in changes.items()
            }
            for changes in teachers
        ]
