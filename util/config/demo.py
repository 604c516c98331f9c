"""The section `demo`."""

from typing import Literal

from pydantic import Field

from util.config.fields import Section


class DemoSection(Section):
    """The painted scenes of the demo."""

    kind: Literal["sea", "road", "smoke", "cameras"] = Field(
        "sea",
        description="What is painted: the sea from above; streets from a car, with things of no"
        " known class on them; skylines of industry from fixed cameras, with smoke and steam; or a"
        " harbour that six cameras film for weeks.",
    )
    scenes: int = Field(240, ge=4, description="How many scenes are made.")
    size_px: int = Field(
        256,
        ge=32,
        description="Height of a scene in pixels; the sea is as wide, a street twice as wide,"
        " a skyline half as wide again, a frame of the harbour a third wider.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the scenes.")
