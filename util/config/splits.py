"""The section `splits`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from util.config.fields import FolderName, Section


class SplitsSection(Section):
    """The split lists that util/make_splits.py makes of all images."""

    shares: dict[FolderName, Annotated[float, Field(gt=0)]] = Field(
        {"Train": 0.7, "Validation": 0.15, "Test": 0.15},
        min_length=1,
        description="Share of the images that each list gets, by its name; shares are divided by"
        " their sum.",
    )
    together: Literal["groups", "folder", "prefix"] = Field(
        "groups",
        description="What is never apart: groups = images of one group (data.groups; null = each is"
        " by itself), folder = those of one folder, prefix = those whose ids differ in the last"
        " number alone, such as shots of one series.",
    )
    classes: Literal["none", "image_labels", "folder", "ground_truth"] = Field(
        "none",
        description="What each list gets its share of, as far as may be: none = of all images; else"
        " also of those of each class, by data.image_labels, by folders, or by the classes of"
        " their true boxes, none among them.",
    )
    tie_near_duplicates: bool = Field(
        False, description="Whether images that look alike are never apart either."
    )

    @field_validator("shares")
    @classmethod
    def _refuse_joined(cls, shares: dict[str, float]) -> dict[str, float]:
        if joined := [name for name in shares if "+" in name]:
            raise ValueError(
                f"{joined[0]!r} is no name of a list, since + joins several: choose another"
            )
        return shares

    near_duplicate_bits: int = Field(
        4,
        ge=0,
        le=16,
        description="Images are near-duplicates when so few of the 64 bits of their perceptual"
        " hashes differ.",
    )
    seed: int = Field(0, ge=0, description="Seed of what is left to chance.")
