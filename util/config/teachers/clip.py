"""The section `clip`."""

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, Section, locate_model

PUBLISHED_BACKGROUND = [
    *("ground", "land", "grass", "tree", "building", "wall", "sky", "lake", "water"),
    *("river", "sea", "railway", "railroad", "keyboard", "helmet", "cloud", "house", "mountain"),
    *("ocean", "road", "rock", "street", "valley", "bridge", "sign"),
]
"""The words of CLIP-ES for what photographs show around things."""


class ClipSection(Section):
    """CLIP as a teacher, by CLIP-ES: where in an image it sees what a prompt says."""

    model: str | None = Field(
        None,
        description="What it runs: a name that --check lists, a hub name or a folder; null = the"
        " first that --check lists for it.",
        json_schema_extra=DECIDES_NOTHING,
    )
    text_template: str = Field(
        "a clean origami {}.",
        description="Text that CLIP reads, with {} where a phrase or word stands, as published.",
    )
    background_words: list[str] = Field(
        PUBLISHED_BACKGROUND,
        min_length=1,
        description="What an image shows where it does not show what a prompt says: the prompt has"
        " to be more probable than these. For smoke name what stands beside it, too: chimney,"
        " factory, crane, steam. Words of a prompt are left out for it.",
    )
    longest_px: int = Field(
        512,
        ge=16,
        le=2048,
        description="Longest side at which an image is seen; smaller ones as they are. ViT-B/16"
        " takes 0.5 GB at 512, 8 GB at 1024.",
    )
    region_threshold: float = Field(
        0.4,
        ge=0,
        lt=1,
        description="A map spreads by attention from the boxes round what is above this share of"
        " its largest value.",
    )

    @field_validator("model")
    @classmethod
    def _locate_model(cls, name: str | None, info: ValidationInfo) -> str | None:
        return name if name is None else locate_model(name, info)

    @field_validator("text_template")
    @classmethod
    def _has_one_place(cls, template: str) -> str:
        if template.count("{}") != 1:
            raise ValueError("expected a text with one {}, such as 'a photo of a {}.'")
        return template

    @field_validator("background_words")
    @classmethod
    def _are_words(cls, words: list[str]) -> list[str]:
        if not all(word.strip() for word in words):
            raise ValueError("expected words, none of them empty")
        return words
