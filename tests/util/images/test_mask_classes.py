"""Classes of true masks, chosen by name and number."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from tests.util.images.example_masks import OBJECT, read_object, save_all
from util.config import DataSection
from util.errors import UserError
from util.images.masks import open_folder, open_masks

NAMED = np.array([[0, 1, 2, 3, 255]], np.uint8)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A mask with three classes that have names, and one that has none of its pixels."""
    names = {"1": "bird", "2": ["boat", "anthro"], "3": ["buoy", "anthro"], "4": "whale"}
    save_all(tmp_path, {"a": NAMED})
    (tmp_path / "classes.json").write_text(json.dumps(names))
    return tmp_path


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([], [0, 1, 1, 1, 255]),
        (["bird"], [0, 1, 0, 0, 255]),
        (["anthro"], [0, 0, 1, 1, 255]),
        (["bird", "buoy"], [0, 1, 0, 1, 255]),
        (["2"], [0, 0, 1, 0, 255]),
        (["whale"], [0, 0, 0, 0, 255]),
    ],
)
def test_classes_are_chosen_by_name_or_number_and_others_are_normal(
    named: Path, classes: list[str], expected: list[int]
) -> None:
    assert read_object(named, classes=classes).ravel().tolist() == expected


def test_classes_that_are_not_there_are_named_with_those_that_are(named: Path) -> None:
    with pytest.raises(UserError, match=r"has gull, 9, but the masks in .* bird, boat, buoy, 255"):
        open_folder(named, ["a"], ["bird", "gull", "9"])
    (named / "classes.json").unlink()
    with pytest.raises(UserError, match=r'has bird, but .*1, 2, 3, 255.*such as \{"1": "bird"\}'):
        open_folder(named, ["a"], ["bird"])
    assert read_object(named, classes=["3"]).ravel().tolist() == [0, 0, 0, 1, 255]


def test_a_value_without_a_name_beside_named_ones_is_refused(named: Path) -> None:
    save_all(named, {"a": NAMED + 5 * (NAMED == 2).astype(np.uint8)})
    with pytest.raises(UserError, match=r"the values 7, of which .*classes\.json says nothing"):
        open_folder(named, ["a"])


@pytest.mark.parametrize(
    "text",
    [
        '{"bird": 1}',
        '{"1": 2}',
        '{"1": ["bird", 2]}',
        '{"1": []}',
        '{"70000": "x"}',
        '{"#f00": "x"}',
        '{"#ff0000": "x", "1": "y"}',
        '{"#ff0000": "x", "#FF0000": "y"}',
        "[]",
        "{",
    ],
)
def test_a_wrong_table_of_names_is_named(text: str, named: Path) -> None:
    (named / "classes.json").write_text(text)
    with pytest.raises(UserError, match=r"classes\.json"):
        open_folder(named, ["a"])


def test_masks_of_one_class_have_the_name_that_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_all(tmp_path, {"a": 255 * OBJECT})
    assert read_object(tmp_path, classes=["bird"]).sum() == OBJECT.sum()
    assert "all that is anomalous counts as bird" in caplog.text
    for number in ("0", "1", "7"):  # 0 would be all that is no bird
        with pytest.raises(UserError, match=f"has {number}, but the masks in .* have 255"):
            open_folder(tmp_path, ["a"], [number])


def test_numbers_of_yolo_are_names_that_masks_do_not_know(tmp_path: Path) -> None:
    save_all(tmp_path, {"a": 255 * OBJECT})
    data = DataSection(masks=tmp_path, ground_truth_format="yolo", ground_truth_classes=["0"])
    assert open_masks(data, ["a"]).read("a").sum() == OBJECT.sum()
    save_all(tmp_path, {"a": 2 * OBJECT, "b": OBJECT})
    with pytest.raises(UserError, match=r"has 0, but the masks in .* have 1, 2; .*classes\.json"):
        open_masks(data, ["a", "b"])
    (tmp_path / "classes.json").write_text('{"1": "1", "2": "0"}')
    assert open_masks(data, ["a", "b"]).read("a").sum() == OBJECT.sum()


def test_a_fingerprint_holds_what_values_mean(named: Path) -> None:
    prints = {
        open_folder(named, ["a"], classes).fingerprint() for classes in ([], ["bird"], ["whale"])
    }
    assert len(prints) == 3
    before = open_folder(named, ["a"]).fingerprint()
    assert before in prints
    save_all(named, {"a": np.fliplr(NAMED)})
    assert open_folder(named, ["a"]).fingerprint() != before


def test_a_class_that_masks_do_not_have_is_told_with_the_one_that_may_be_meant(
    named: Path,
) -> None:
    with pytest.raises(UserError, match=r"has Anthro \(did you mean 'anthro'\?\), but the masks"):
        open_folder(named, ["a"], ["Anthro"])
