"""A study that has been run, for all tests of analysis that read it."""

from pathlib import Path

import pytest

import analysis.prompt_study
from tests.analysis.study_projects import make_study
from tests.stages import arguments


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its study; tests may read it, not change it."""
    project = make_study(tmp_path_factory.mktemp("study"))
    assert analysis.prompt_study.main(arguments(project)) == 0
    return project
