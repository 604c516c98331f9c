"""Which libraries results of a study depend on."""

from pathlib import Path

import pytest

from analysis.work.versions import BACKENDS, teacher_libraries
from teacher.building import prepare_teacher
from teacher.weights import libraries
from tests.conftest import make_project
from util.config.command_line import load_config


def test_what_runs_weights_is_known_to_depend_on_its_libraries() -> None:
    running = {backend for (part, backend), _ in libraries.BACKENDS.items()}
    assert running - {*BACKENDS} == {"attributes", "grabcut", "colour_gradient"}  # no weights
    for (_, backend), needed in libraries.BACKENDS.items():
        assert {*needed} <= {*BACKENDS.get(backend, ())}, backend


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [("colour+u2net", {"onnxruntime"}), ("colour", set())],
)
def test_a_study_of_the_default_teacher_depends_on_what_runs_its_network_alone(
    tmp_path: Path, proposals: str, expected: set[str]
) -> None:
    project = make_project(tmp_path)
    config, _ = load_config("", ["--config", str(project), "--saa.proposals", proposals])
    plan = prepare_teacher(config.teacher, config.own_sections(), config.paths)
    found = teacher_libraries(config.teacher, plan.plan)
    assert {*found} - {"numpy", "opencv-python-headless", "pillow"} == expected
