"""Projects to be judged: with few resamples and no plots, or with all that users get."""

from pathlib import Path

import pytest

import analysis.bbox_evaluation
import analysis.evaluation.common_images
import teacher.soft_label_generation
from tests.analysis.evaluation.evaluation_projects import Project
from tests.conftest import COLOUR_ALONE, make_project


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # What is tested here does not depend on their number.
    monkeypatch.setattr(analysis.evaluation.common_images, "resamples_for", lambda _: 100)
    script = analysis.bbox_evaluation
    monkeypatch.setattr(script, "draw_precision_recall", lambda path, *_: path.write_bytes(b""))
    return Project(tmp_path)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose teacher has labelled its images; tests may read it."""
    project = make_project(tmp_path_factory.mktemp("labelled"), saa=COLOUR_ALONE)
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    return project


@pytest.fixture
def arguments(labelled: Path, tmp_path: Path) -> list[str]:
    """Arguments that write results into a folder of the test's own."""
    return ["--config", str(labelled), "--paths.runs", str(tmp_path)]
