"""The section `ranking`."""

from pydantic import Field

from util.config.fields import FolderName, Section


class RankingSection(Section):
    """Which prompt or combination to use, told without labels."""

    label_sets: list[str] = Field(
        [],
        description="Label sets to rank, three or more: their prompts or folder names; [] = those"
        " of teacher.prompts.",
    )
    strategies: list[str] = Field(
        ["consensus", "majority", "mean"],
        description="Combinations of all of them that are ranked too, named as in"
        " study.strategies.",
    )
    consistency_images: int = Field(
        0,
        ge=0,
        description="Images, spread over the split, that the teacher labels again flipped and"
        " cropped, to see whether it says the same; 0 = none, and no teacher is run.",
    )
    name: FolderName = Field("ranking", description="Folder of what is written, in paths.runs.")
