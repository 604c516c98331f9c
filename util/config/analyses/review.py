"""The section `review`."""

from pydantic import Field

from util.config.fields import FolderName, Place, Section


class ReviewSection(Section):
    """A page of the images that are worth a look, and what is made of the marks on it."""

    label_sets: list[Place] = Field(
        [],
        description="Label sets of several prompts or teachers, of which images are shown where"
        " they disagree most; [] = those that are combined.",
    )
    marked: Place | None = Field(
        None, description="Label set that is marked; null = combination.output."
    )
    student: Place | None = Field(
        None,
        description="Run or label set that is compared with it; null = student.run, if it was"
        " tested on data.test_split.",
    )
    split: FolderName | None = Field(
        None, description="Split that is looked through; null = all images."
    )
    images: int = Field(24, ge=1, description="Most images that are shown for one reason.")
    name: FolderName = Field(
        "review",
        description="Folder of the page, in paths.runs, and name of the list of what is right.",
    )
    output: FolderName = Field(
        "reviewed",
        description="Label set made of review.marked in which images that are marked as wrong have"
        " weight 0.",
    )
