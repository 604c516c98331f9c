"""The section `paths`."""

from pydantic import Field

from util.config.fields import REPOSITORY, ConfigPath, Section


class PathsSection(Section):
    """Where things are written."""

    label_sets: ConfigPath = Field(
        REPOSITORY / "label_sets", description="Folder of the label sets."
    )
    runs: ConfigPath = Field(
        REPOSITORY / "runs", description="Folder of trained students and studies."
    )
    exports: ConfigPath = Field(
        REPOSITORY / "exports",
        description="Folder of label sets in the forms of other programs.",
    )
    demo: ConfigPath = Field(
        REPOSITORY / "data/sea_scenes",
        description="Folder of the demo scenes, made when data.images is JPEGImages in it.",
    )
    windows: ConfigPath = Field(
        REPOSITORY / "data/windows",
        description="Folder of the windows that are cut from images, a data set of its own.",
    )
    weights: ConfigPath = Field(
        REPOSITORY / "weights",
        description="Folder of the weights of real teachers; one that a config leaves out is the"
        " repository's.",
    )
    cache: ConfigPath = Field(
        REPOSITORY / "cache",
        description="Folder of what models have said, if teacher.cache_gb > 0.",
    )
    cells: ConfigPath = Field(
        REPOSITORY / "cells",
        description="Folder of what studies have made, by the hash of what it depends on.",
    )
