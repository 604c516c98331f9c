import json
import re
from typing import Any

import pytest

from analysis.explorer.choice import Choice, find_changes, read_told
from analysis.explorer.page import ToKeep
from util.config import Config, override_config
from util.errors import UserError

START: dict[str, Any] = {
    "image": "image:a",
    "prompts": ["bird"],
    "box_threshold": 0.2,
    "min_area": 0.0,
    "area_threshold": 0.05,
    "strategy": "mean",
    "min_votes": 2,
    "threshold": 0.5,
}


def test_a_choice_is_read_from_json() -> None:
    assert read_told(Choice, json.dumps(START).encode()) == Choice(**START)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"box_threshold": 2}, "box_threshold is 2; expected at most 1"),
        ({"prompts": "bird"}, "prompts is .*expected a list"),
        ({"prompts": ["x"] * 41}, "prompts"),
        ({"strategy": "agreement"}, "strategy"),
        ({"more": 1}, "more"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_told(Choice, json.dumps(START | changes).encode())


def test_a_name_that_cannot_be_one_is_refused_in_words_of_the_page() -> None:
    told = {"name": "../böse", "choice": START, "is_study": False}
    with pytest.raises(UserError, match=r'^name is "\.\./böse"; expected the name of a folder'):
        read_told(ToKeep, json.dumps(told).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UserError, match="not JSON"):
        read_told(Choice, b"{")


@pytest.mark.parametrize("sent", ["[]", "null", '"bird"'])
def test_what_is_no_object_is_not_taken_for_a_config(sent: str) -> None:
    with pytest.raises(UserError, match=rf"^what was sent is {re.escape(sent)}; expected keys"):
        read_told(Choice, sent.encode())


def test_only_what_was_moved_changes_a_config() -> None:
    start = Choice(**START)
    chosen = Choice(**{**START, "prompts": ["list:birds"], "box_threshold": 0.3, "threshold": 0.4})
    changes = find_changes(chosen, start, ["bird", "gull"], "saa")
    assert changes == {
        "combination": {"label_sets": ["bird", "gull"]},
        "saa": {"box_threshold": 0.3},
        "evaluation": {"threshold": 0.4},
        "teacher": {"prompts": ["list:birds"]},
        "study": {"prompts": ["list:birds"]},
    }
    config = override_config(Config(), changes)
    assert config.saa.area_threshold == Config().saa.area_threshold
    assert config.evaluation.threshold == 0.4


def test_a_combination_that_cannot_be_shown_stays_until_another_is_chosen() -> None:
    start = Choice(**START | {"strategy": "configured"})
    kept = find_changes(start, start, ["bird"], "saa")
    assert kept["combination"] == {"label_sets": ["bird"]}
    chosen = find_changes(Choice(**START), start, ["bird"], "saa")
    assert chosen["combination"] == {"label_sets": ["bird"], "strategy": "mean"}


def test_a_teacher_without_prompts_keeps_those_of_the_config() -> None:
    start = Choice(**{**START, "prompts": []})
    assert find_changes(start, start, ["student"], "student") == {
        "combination": {"label_sets": ["student"]}
    }
