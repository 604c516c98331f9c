"""What of a section decides results, so that work made with other settings is told from it."""

from typing import Any

import pytest

from util.config import CombinationSection, StudentSection, config_fields
from util.config.teachers.saa import SAA_MODELS


def test_what_differs_from_its_default_decides_and_where_something_runs_does_not() -> None:
    assert StudentSection().decides() == {}
    told = StudentSection(epochs=3, width=8, device="cpu", run="x", num_workers=4)
    assert told.decides() == {"epochs": 3}  # 8 is the default width


def test_a_new_key_with_a_default_decides_nothing() -> None:
    class Later(StudentSection):
        dropout: float = 0.1

    told = {"losses": {"kd": 1.0}, "seed": 3}
    assert Later(**told).decides() == StudentSection(**told).decides() == told  # type: ignore[arg-type]
    assert Later(dropout=0.2).decides() == {"dropout": 0.2}


@pytest.mark.parametrize(
    ("told", "decided"),
    [
        ({"strategy": "median", "min_votes": 3, "weights": [1, 2]}, {"strategy": "median"}),
        ({"strategy": "majority", "min_votes": 3}, {"strategy": "majority", "min_votes": 3}),
        ({"weights": [1, 2], "strategy": "weighted_mean"}, None),
        ({"label_sets": ["a"], "output": "b", "calibration_split": "c"}, {}),
        ({"calibration": "isotonic", "pixel_weights": True}, None),
    ],
)
def test_of_a_combination_that_decides_which_its_strategy_reads(
    told: dict[str, Any], decided: dict[str, Any] | None
) -> None:
    assert CombinationSection(**told).decides() == (told if decided is None else decided)


def test_all_keys_of_paths_that_models_are_read_from_are_told_by_their_content() -> None:
    marked = {key for key, field in config_fields().items() if field.json_schema_extra}
    models = {*(f"saa.{key}" for key in SAA_MODELS), "sam3.model", "student.encoder_weights"}
    assert models | {"teacher.checkpoint", "student.checkpoint"} <= marked
