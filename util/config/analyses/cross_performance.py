"""The section `cross_performance`."""

from pydantic import Field

from util.config.fields import FolderName, Place, Section


class CrossPerformanceSection(Section):
    """Every student on every camera, beside networks that have learnt from none of them."""

    students: list[FolderName] = Field(
        [],
        description="Runs of detectors, in paths.runs; [] = all that are there, but for baselines.",
    )
    baselines: list[Place] = Field(
        [],
        description="What they are compared with: runs of detectors that know no camera in"
        " particular, and label sets of boxes, such as the teacher's of the test split.",
    )
    dataset: FolderName = Field("STREAMS", description="What the data set is called in the table.")
    name: FolderName = Field(
        "cross_performance", description="Folder of the table and the figures, in paths.runs."
    )
