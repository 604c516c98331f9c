"""What of a section decides results, so that work made with other settings is told from it."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from util.config import (
    BoxesSection,
    CamSection,
    ClassifierSection,
    ClipSection,
    CombinationSection,
    DetectorSection,
    Mask2FormerSection,
    MaskomalySection,
    NoveltySection,
    ProposalsSection,
    RefinementSection,
    SaaSection,
    Sam3Section,
    StreamsSection,
    StudentSection,
    TeacherSection,
    U2NetSection,
    VideoSection,
    WindowsSection,
    config_fields,
)
from util.config.teachers.saa import SAA_MODELS


def test_what_differs_from_its_default_decides_and_where_something_runs_does_not() -> None:
    version = {"defaults_version": StudentSection.defaults_version}
    assert StudentSection().decides() == version
    told = StudentSection(epochs=3, width=16, device="cpu", run="x", num_workers=4)
    assert told.decides() == version | {"epochs": 3}  # 16 is the default width


PINNED = Path(__file__).with_name("deciding_defaults.json")
DECIDING = {
    "boxes": BoxesSection,
    "cam": CamSection,
    "classifier": ClassifierSection,
    "clip": ClipSection,
    "combination": CombinationSection,
    "detector": DetectorSection,
    "mask2former": Mask2FormerSection,
    "maskomaly": MaskomalySection,
    "novelty": NoveltySection,
    "proposals": ProposalsSection,
    "refinement": RefinementSection,
    "saa": SaaSection,
    "sam3": Sam3Section,
    "streams": StreamsSection,
    "student": StudentSection,
    "teacher": TeacherSection,
    "u2net": U2NetSection,
    "video": VideoSection,
    "windows": WindowsSection,
}
"""Sections whose `decides` tells finished work from other."""


def test_a_default_that_decides_is_changed_with_the_version_of_its_section() -> None:
    told = {
        name: {
            "defaults_version": section.defaults_version,
            **{
                k: v for k, v in section().model_dump(mode="json").items() if section.is_deciding(k)
            },
        }
        for name, section in DECIDING.items()
    }
    assert told == json.loads(PINNED.read_text()), (
        "what was made with an old default would pass as made with the new one: count up "
        f"defaults_version of its section, then write the new values to {PINNED.name}; a new key "
        "needs no new version"
    )


def test_another_version_of_defaults_decides() -> None:
    class Changed(StudentSection):
        defaults_version: ClassVar[int] = 2

    assert Changed().decides() == {"defaults_version": 2}


def test_a_new_key_with_a_default_decides_nothing() -> None:
    class Later(StudentSection):
        dropout: float = 0.1

    told = {"losses": {"kd": 1.0}, "seed": 3}
    version = {"defaults_version": StudentSection.defaults_version}
    expected = version | told
    assert Later(**told).decides() == StudentSection(**told).decides() == expected  # type: ignore[arg-type]
    assert Later(dropout=0.2).decides() == version | {"dropout": 0.2}


@pytest.mark.parametrize(
    ("told", "decided"),
    [
        ({"strategy": "median", "min_votes": 3, "weights": [1, 2]}, {"strategy": "median"}),
        ({"strategy": "majority", "min_votes": 3}, {"strategy": "majority", "min_votes": 3}),
        ({"weights": [1, 2], "strategy": "weighted_mean"}, None),
        ({"label_sets": ["a"], "output": "b", "calibration_split": "c", "tuning_split": "d"}, {}),
        ({"weights": [0.3, 0.7], "strategy": "weighted_mean", "tune_weights": True}, None),
        ({"calibration": "isotonic", "pixel_weights": True}, None),
    ],
)
def test_of_a_combination_that_decides_which_its_strategy_reads(
    told: dict[str, Any], decided: dict[str, Any] | None
) -> None:
    version = {"defaults_version": CombinationSection.defaults_version}
    assert CombinationSection(**told).decides() == (told if decided is None else decided) | version


def test_of_a_refinement_that_decides_which_its_steps_read() -> None:
    told = {"par_iterations": 3, "guided_filter_radius_px": 4, "label_set": "a", "output": "b"}
    assert RefinementSection(**told).decides() == {"par_iterations": 3}  # type: ignore[arg-type]
    both = RefinementSection(steps=["par", "guided_filter"], **told).decides()  # type: ignore[arg-type]
    assert both == {
        "steps": ["par", "guided_filter"],
        "par_iterations": 3,
        "guided_filter_radius_px": 4,
    }


def test_all_keys_of_paths_that_models_are_read_from_are_told_by_their_content() -> None:
    marked = {key for key, field in config_fields().items() if field.json_schema_extra}
    models = {
        *(f"saa.{key}" for key in SAA_MODELS),
        "sam3.model",
        "clip.model",
        "student.encoder_weights",
    }
    models |= {"mask2former.weights", "classifier.weights"}
    assert models | {"teacher.checkpoint", "student.checkpoint"} <= marked
