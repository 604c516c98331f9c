"""The section `tracking`."""

from typing import Literal

from pydantic import Field

from util.config.fields import Section


class TrackingSection(Section):
    """Weights & Biases; never needed."""

    mode: Literal["off", "offline", "online"] = Field(
        "off", description="offline keeps the record in the run folder; online needs an account."
    )
    project: str = Field("murmuration", min_length=1, description="Project to file runs under.")
