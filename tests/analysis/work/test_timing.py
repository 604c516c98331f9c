import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis.work.stages import Changes, Labelling
from analysis.work.timing import (
    Work,
    choose_pilots,
    count_passes,
    format_work,
    time_labelling,
)
from util.config import DataSection, StudentSection
from util.errors import UserError
from util.images.files import write_image


def test_a_teacher_that_is_slow_to_start_is_not_taken_for_a_fast_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 30 s to import once, 5 s to load each time, and 0.5 s an image."""
    clock, calls = [0.0], list[int]()
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def rehearse(changes: Changes) -> None:
        folder = cast(Path, changes["data"]["images"])
        count = len([path for path in folder.rglob("*") if path.is_file()])
        clock[0] += (0 if calls else 30) + 5 + 0.5 * count
        calls.append(count)

    paths = {str(number): tmp_path / f"{number}.png" for number in range(100)}
    for path in paths.values():
        write_image(path, np.zeros((4, 4, 3), np.uint8))
    stage: Any = SimpleNamespace(rehearse=rehearse)
    assert time_labelling(cast(Labelling, stage), paths) == pytest.approx(5 + 0.5 * 100)


def test_what_cannot_be_read_is_no_pilot_where_something_can(tmp_path: Path) -> None:
    paths = {f"{number:02}": tmp_path / f"{number:02}.png" for number in range(40)}
    for number, path in enumerate(paths.values()):
        write_image(path, np.zeros((40, 40, 3), np.uint8))
        if number != 13:
            path.write_bytes(path.read_bytes()[:60])
    assert choose_pilots(dict(list(paths.items())[:20])) == ["13"]
    del paths["13"]
    with pytest.raises(UserError, match="none of 32 images to try can be read"):
        choose_pilots(paths)


def test_images_are_passed_in_each_epoch_where_it_is_validated_and_in_the_test(
    tmp_path: Path,
) -> None:
    paths = {}
    for split, count in (("Train", 10), ("Validation", 4), ("Test", 3)):
        ids = [f"{split}{number}" for number in range(count)]
        (tmp_path / f"{split}.txt").write_text("\n".join(ids))
        paths |= {image_id: tmp_path / f"{image_id}.png" for image_id in ids}
    data = DataSection(splits=tmp_path)
    often = StudentSection(epochs=7, validate_every=1)
    assert count_passes(data, often, paths) == 7 * 10 + 7 * 4 + 3
    seldom = StudentSection(epochs=7, validate_every=3)  # after epochs 1, 3, 6 and 7
    assert count_passes(data, seldom, paths) == 7 * 10 + 4 * 4 + 3


def test_the_table_of_work_says_where_the_time_goes() -> None:
    work = [Work("label sets", 5, 5, 30.0), Work("combinations", 2, 2, 0.0)]
    shown = format_work([*work, Work("trainings", 21, 20, 570.0)], 2)
    rows = [line.split() for line in shown.splitlines()]
    assert rows[1] == ["label", "sets", "5", "5", "30", "s", "5%"]
    assert rows[2] == ["combinations", "2", "2", "0", "s", "0%"]
    assert rows[3] == ["trainings", "21", "20", "9.5", "min", "95%"]
    assert "About 10.0 min with 2 at once, by a trial on 8 images at most; statistics" in shown


def test_work_that_is_done_is_said_to_be() -> None:
    shown = format_work([Work("label sets", 5, 0, 0.0), Work("trainings", 21, 0, 0.0)], 2)
    assert "%" not in shown
    assert shown.endswith("All is made; statistics and report are left.")
