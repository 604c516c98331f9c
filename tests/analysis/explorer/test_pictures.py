from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.explorer import pictures
from analysis.explorer.pictures import Pictures
from util.errors import UserError
from util.images.files import write_image


@pytest.fixture
def shown(tmp_path: Path) -> Pictures:
    paths = {}
    for value, image_id in enumerate(["Möwe/a", "b", "c"]):
        paths[image_id] = tmp_path / f"{value}.png"
        write_image(paths[image_id], np.full((3, 4, 3), value, np.uint8))
    (tmp_path / "dropped").mkdir()
    return Pictures(paths, tmp_path / "dropped")


def png(value: int) -> bytes:
    return cv2.imencode(".png", np.full((2, 2, 3), value, np.uint8))[1].tobytes()


def test_ids_are_found_by_a_part_whatever_the_case(
    shown: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown.find("möwe") == (["Möwe/a"], 1)
    monkeypatch.setattr(pictures, "MOST_LISTED", 2)
    assert shown.find("") == (["Möwe/a", "b"], 3)


def test_images_are_read_by_name_and_no_other_file_is(shown: Pictures) -> None:
    assert shown.read("image:c").shape == (3, 4, 3)
    assert shown.read("image:c")[0, 0].tolist() == [2, 2, 2]
    for name in ("image:../0", "image:/etc/passwd", "c", "dropped:0", "dropped:../0", ""):
        with pytest.raises(UserError, match="there is no image"):
            shown.read(name)
    with pytest.raises(UserError, match=r"^there is no image möwe; choose one, such as Möwe/a$"):
        shown.read("image:möwe")
    with pytest.raises(UserError, match=r"^there is no image gull; choose one, such as Möwe/a, b"):
        shown.read("image:gull")
    with pytest.raises(UserError, match=r"^there is no image dropped:7 any more; drop it in"):
        shown.read("dropped:7")


def test_after_the_last_image_comes_the_first(shown: Pictures) -> None:
    assert shown.step("image:c", 1) == "Möwe/a"
    assert shown.step("image:Möwe/a", -1) == "c"
    assert shown.step("dropped:0", 1) == "Möwe/a"


def test_images_that_were_sought_come_after_each_other(tmp_path: Path) -> None:
    ids = ["a", "gull/1", "gull/10", "gull/2", "b"]
    shown = Pictures({image_id: tmp_path / image_id for image_id in ids}, tmp_path)
    assert shown.step("image:gull/2", 1, " Gull") == "gull/1"
    assert shown.step("image:gull/1", -1, "gull") == "gull/2"
    for other in ("image:a", "image:gull", "dropped:0"):
        assert shown.step(other, 1, "gull") == "gull/1"
    assert shown.step("image:gull/1", 1, "gull/1") == "gull/10"  # a whole id is no search
    assert shown.step("image:gull/2", 1, "gull/1") == "b"
    with pytest.raises(UserError, match="no image has 'whale' in its id"):
        shown.step("image:a", 1, "whale")


def test_what_is_dropped_in_is_an_image_until_too_many_came_after_it(
    shown: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_DROPPED", 2)
    monkeypatch.setattr(pictures, "MOST_READ", 1)
    names = [shown.drop(png(value), "x.png") for value in (7, 8, 9)]
    assert [shown.read(name)[0, 0, 0] for name in names[1:]] == [8, 9]
    with pytest.raises(UserError, match="drop it in again"):
        shown.read(names[0])


def test_what_is_no_image_is_refused_by_the_name_of_its_file(shown: Pictures) -> None:
    with pytest.raises(UserError, match=r"^notes\.txt cannot be read as an image"):
        shown.drop(b"text", "notes.txt")
    assert shown.drop(png(5), "x.png") == "dropped:0"
