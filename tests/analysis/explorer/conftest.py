"""An explorer of a small project, and choices for it."""

from pathlib import Path

import pytest

from analysis.explorer.exploring import Explorer
from analysis.explorer.opening import open_explorer
from teacher.building import prepare_teacher
from util.config import Config, read_config
from util.images.files import find_images


@pytest.fixture
def config(project: Path) -> Config:
    return read_config(project)


@pytest.fixture
def explorer(config: Config, tmp_path: Path) -> Explorer:
    return open_explorer(
        prepare_teacher(config.teacher, config.own_sections(), config.paths),
        config.teacher,
        config.own_sections(),
        config.evaluation,
        config.combination,
        config.paths,
        find_images(config.data.images),
        tmp_path,
    )
