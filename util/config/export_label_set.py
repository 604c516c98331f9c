"""The section `export_label_set`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from util.config.data import Pattern
from util.config.fields import REPOSITORY, ConfigPath, Section, substitutions


class ExportLabelSetSection(Section):
    """The files of other programs that util/export_label_set.py makes of a label set's boxes."""

    label_set: str = Field(
        "combined",
        min_length=1,
        description="Label set whose boxes are written; a run stands for its predictions of"
        " data.test_split.",
    )
    classes: list[str] = Field(
        [],
        description="Classes in the order of their numbers, from 0 on; boxes of others are left"
        " out; [] = all that there are, by name.",
    )
    confidence: bool = Field(
        False, description="Write the confidence of each box behind it, as a student's need it."
    )
    names: Annotated[dict[Pattern, str], AfterValidator(substitutions)] = Field(
        {},
        description="What makes the name of a file of its image's id, as data.mask_names, such as"
        " /images/=/labels_teacher/; {} = it is named as its image.",
    )
    output: ConfigPath = Field(
        REPOSITORY / "exports",
        description="Folder below which the files are written; data.images where they shall lie"
        " beside the folders of images.",
    )
