"""What a user of the explorer has chosen, and what it changes in a config."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.explorer.answering import Thresholds
from util.config.errors import describe_errors
from util.config.fields import Fraction
from util.disk.json_text import parse_json
from util.errors import UserError

Strategy = Literal["mean", "median", "majority", "maximum", "noisy_or", "staple", "vote_fraction"]
"""Combinations that need nothing but the maps of one image."""

Configured = Literal["configured"]
"""The combination of the config, which learns from all images or needs weights; of one image the
plain mean stands in for it."""

MOST_PROMPTS = 40

_SOURCE = "the page"

Told = TypeVar("Told", bound=BaseModel)


class Choice(BaseModel):
    """What is asked for, and how.

    Attributes:
        image: Name of the image; see `analysis.explorer.pictures`.
        prompts: As teacher.prompts; what else a teacher makes has no prompts.
        box_threshold: Of the teacher, as the next two; see `Thresholds`.
        strategy: Combines the maps of all prompts.
        min_votes: As combination.min_votes.
        threshold: A pixel of the combined map is anomalous above it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    image: str
    prompts: Annotated[list[str], Field(max_length=MOST_PROMPTS)]
    box_threshold: Fraction
    min_area: Fraction
    area_threshold: Fraction
    strategy: Strategy | Configured
    min_votes: Annotated[int, Field(ge=1)]
    threshold: Fraction

    @property
    def thresholds(self) -> Thresholds:
        """Those of the teacher."""
        return Thresholds(self.box_threshold, self.min_area, self.area_threshold)


def read_told(kind: type[Told], data: bytes) -> Told:
    """Read what the page tells from JSON, such as a choice.

    Raises:
        UserError: Values are missing or impossible; all are named.
    """
    try:
        return kind.model_validate(parse_json(data), strict=True)
    except ValidationError as error:
        told = describe_errors(error, _SOURCE, [*kind.model_fields], "what was sent").splitlines()
        lines = [line.removeprefix(f"{_SOURCE}: ") for line in told]  # who reads it is on the page
        raise UserError("\n".join(lines)) from None
    except ValueError as error:
        raise UserError(f"{_SOURCE}: {error}") from None


def find_changes(
    choice: Choice, start: Choice, names: list[str], teacher: str
) -> dict[str, dict[str, Any]]:
    """Say what a choice changes in a config, by section and key.

    What was not moved stays as it is, so that a value of the config that is unset remains so.

    Args:
        choice: What was chosen.
        start: What the config says.
        names: The label sets that are combined: the prompts, of which lists are resolved.
        teacher: Name of the teacher, whose section has the thresholds.
    """
    places = {
        "box_threshold": teacher,
        "min_area": teacher,
        "area_threshold": teacher,
        "strategy": "combination",
        "min_votes": "combination",
        "threshold": "evaluation",
    }
    changes: dict[str, dict[str, Any]] = {"combination": {"label_sets": names}}
    for key, section in places.items():
        if (value := getattr(choice, key)) != getattr(start, key):
            changes.setdefault(section, {})[key] = value
    if choice.prompts:
        changes["teacher"] = {"prompts": choice.prompts}
        changes["study"] = {"prompts": choice.prompts}
    return changes
