"""What is said of split lists, and of the classes and folders that they have images of."""

import shutil
from pathlib import Path

import pytest

from tests.util.checking.checked_data import Checked


def test_folders_that_splits_lack_are_told_with_and_without_truth(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    lists = {"Train": ["a/00", "a/01", "b/00", "b/01"], "Validation": ["a/02", "b/02"]}
    for split, ids in (lists | {"Test": ["a/03", "c/00"]}).items():
        (root / f"splits/{split}.txt").write_text("\n".join(ids))
    told = "look at: folders that splits have no image of: b (Test), c (Train, Validation)"
    with_truth = Checked(config, capsys)
    assert told in with_truth.warnings
    assert 'scope="row">boat</th><td>4</td><td>2</td><td>2</td>' in with_truth.page
    without = Checked(config, capsys, "--data.ground_truth=null")
    assert told in without.warnings
    assert 'scope="row">b</th><td>2</td><td>1</td><td>0</td>' in without.page
    rows = [row for row in (root / "truth.csv").read_text().splitlines() if "boat" not in row]
    (root / "truth.csv").write_text("\n".join([*rows, "a/00;0;0;0.5;0.5;b"]))
    both = "\n".join(Checked(config, capsys).warnings)
    assert "classes that splits have nothing of: b (Validation, Test)" in both
    assert told.removeprefix("look at: ") in both


def test_an_image_in_two_lists_counts_in_each_of_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "splits/review.txt").write_text("b/00\nc/00\nc/01")
    options = ["--data.train_split=review"]
    checked = Checked(config, capsys, *options)
    assert 'scope="row">boat</th><td>3</td><td>4</td><td>4</td>' in checked.page
    assert "classes that splits" not in "\n".join(checked.warnings)
    lacking = "look at: folders that splits have no image of: b (Test), c (Validation)"
    assert lacking in checked.warnings
    without = Checked(config, capsys, *options, "--data.ground_truth=null")
    assert 'scope="row">b</th><td>1</td><td>4</td><td>0</td>' in without.page
    assert 'scope="row">c</th><td>2</td><td>0</td><td>4</td>' in without.page


def test_a_folder_without_lists_is_one_error_that_says_who_makes_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(config.parent / "splits")
    checked = Checked(config, capsys, status=2)
    (told,) = checked.errors
    assert "has no lists; make them by util/make_splits.py" in told


def test_groups_that_no_image_has_are_one_error_with_the_pattern_as_it_was_given(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = Checked(config, capsys, "--data.groups", r"^(.*)_\d+$", status=2)
    (error,) = checked.errors
    assert r"data.groups '^(.*)_\d+$' finds no group in 12 of 12 image ids: a/00, " in error
    assert not any(line.startswith("groups:") for line in checked.lines)
    assert Checked(config, capsys, "--data.groups", "^(.*)/").fact("groups") == "3 (data.groups)"
