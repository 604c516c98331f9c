"""The section `demo`."""

from pydantic import Field

from util.config.fields import Section


class DemoSection(Section):
    """The painted scenes of the demo."""

    scenes: int = Field(240, ge=4, description="How many scenes are made.")
    size_px: int = Field(256, ge=32, description="Side of a scene in pixels.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the scenes.")
