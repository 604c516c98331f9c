"""A project to be judged, with few resamples and no plots."""

from pathlib import Path

import pytest

import analysis.bbox_evaluation
import analysis.evaluation.found_label_sets
from tests.analysis.evaluation.evaluation_projects import Project


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # What is tested here does not depend on their number.
    monkeypatch.setattr(analysis.evaluation.found_label_sets, "resamples_for", lambda _: 100)
    script = analysis.bbox_evaluation
    monkeypatch.setattr(script, "draw_precision_recall", lambda path, *_: path.write_bytes(b""))
    return Project(tmp_path)
