"""Label sets made of others: written in threads, stopped and gone on with."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSetWriter, Made, Recipe, make_label_set

IDS = [f"{number:02}" for number in range(40)]


def recipe(make: Callable[[str], Content], ids: list[str] = IDS) -> Recipe:
    """Make maps by their ids."""
    return Recipe(
        settings={"producer": "test"},
        boxes=BoxSettings(),
        fingerprint=lambda: dict.fromkeys(ids, "1"),
        load=lambda: make,
        cost_bytes=lambda _: 0,
        label="test",
    )


def numbered(image_id: str) -> Content:
    """A map that tells the number of its image."""
    return Content(np.full((4, 6), int(image_id) / 40, np.float32))


def test_maps_are_those_of_their_images_however_many_threads_write(tmp_path: Path) -> None:
    made = make_label_set(recipe(numbered), tmp_path / "set", overwrite=False)
    assert made.problems == {}
    assert made.label_set is not None
    assert made.label_set.ids == IDS
    for image_id in IDS:
        level = made.label_set.read(image_id)
        np.testing.assert_allclose(level, int(image_id) / 40, atol=1e-4)


def test_one_that_cannot_be_made_or_held_by_a_file_stops_no_other(tmp_path: Path) -> None:
    def make(image_id: str) -> Content:
        if image_id == "03":
            raise UserError("it is damaged")
        return Content(np.full((4, 6), 2.0)) if image_id == "05" else numbered(image_id)

    made = make_label_set(recipe(make), tmp_path / "set", overwrite=False)
    assert set(made.problems) == {"03", "05"}
    assert made.problems["03"] == "it is damaged"
    assert "outside [0, 1]" in made.problems["05"]


def test_a_fault_of_the_program_is_none_of_an_image(tmp_path: Path) -> None:
    def make(image_id: str) -> Content:
        raise ValueError("shapes differ")

    with pytest.raises(ValueError, match="shapes differ"):
        make_label_set(recipe(make), tmp_path / "set", overwrite=False)


def test_who_is_stopped_writes_nothing_once_others_are_let_in_and_goes_on(tmp_path: Path) -> None:
    folder, done = tmp_path / "set", threading.Event()

    def make(image_id: str) -> Content:
        if image_id == "02" and not done.is_set():
            done.set()
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.02)
        return numbered(image_id)

    def remake() -> Made:
        return make_label_set(recipe(make), folder, overwrite=False)

    with pytest.raises(KeyboardInterrupt) as stopped:
        remake()
    there = sorted(path.name for path in folder.rglob("*.png"))
    time.sleep(0.2)
    assert sorted(path.name for path in folder.rglob("*.png")) == there
    assert stopped.tb is not None  # whose frames keep what was at work
    assert 0 < len(there) < len(IDS)
    with LabelSetWriter(folder, {"producer": "test"}) as writer:
        assert 0 < len(writer.pending(dict.fromkeys(IDS, "1"))) < len(IDS)
    made = remake().label_set
    assert made is not None
    assert made.ids == IDS
