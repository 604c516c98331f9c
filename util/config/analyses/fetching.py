"""The section `fetching`."""

from typing import Annotated

from pydantic import Field, JsonValue

from util.config.fields import Section


class FetchingSection(Section):
    """Which runs are fetched from Weights & Biases."""

    entity: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Account or team that has tracking.project; null = one's own."
    )
    prefix: str = Field("", description="How the names of the runs begin.")
    filters: dict[str, JsonValue] = Field(
        {},
        description="What else holds for them, a query of Weights & Biases, such as"
        ' {"config.epochs": 100}; only finished runs are fetched.',
    )
