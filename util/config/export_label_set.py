"""The section `export_label_set`."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from util.config.data import Pattern
from util.config.fields import ConfigPath, Section, substitutions


def _as_list(value: Any) -> Any:
    """Take a text for a list of one."""
    return [value] if isinstance(value, str) else value


class ExportLabelSetSection(Section):
    """The files of other programs that util/export_label_set.py makes of label sets."""

    label_set: Annotated[
        list[Annotated[str, Field(min_length=1)]], BeforeValidator(_as_list), Field(min_length=1)
    ] = Field(
        ["combined"],
        description="Label set that is written, or several of the same images, whose classes"
        " become those of one data set; a run stands for its predictions of data.test_split.",
    )
    classes: list[str] = Field(
        [],
        description="Classes in the order of their numbers, from 0 on; boxes of others are left"
        " out; [] = all that there are, by name.",
    )
    confidence: bool = Field(
        False,
        description="Write the confidence of each box to YOLO's and VOC's files, too, as a"
        " student's need it.",
    )
    polygon_tolerance_px: float = Field(
        1.0,
        ge=0,
        description="How far a polygon may leave its mask, so that it has fewer points; less where"
        " the two would have an IoU below 0.99. 0 = along the edges of pixels.",
    )
    image_url: str = Field(
        "/data/local-files/?d=",
        description="What stands before the name of an image's file in Label Studio's tasks, such"
        " as the address of a server, or the folder of the images below its document root.",
    )
    names: Annotated[dict[Pattern, str], AfterValidator(substitutions)] = Field(
        {},
        description="What makes the name of a file of its image's id, as data.mask_names, such as"
        " /images/=/labels_teacher/; {} = it is named as its image.",
    )
    output: ConfigPath | None = Field(
        None,
        description="Folder below which the files are written; data.images where they shall lie"
        " beside the folders of images. null = paths.exports/LABEL_SET/FORMAT.",
    )
