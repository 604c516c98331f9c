import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from util.files import write_bytes


def test_many_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    contents = [bytes([number]) * 5000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_bytes(path, contents[number % 8]), range(400)))
    assert path.read_bytes() in contents
    assert [each.name for each in tmp_path.iterdir()] == ["map.png"]


def test_a_file_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.png"
    seen = []

    def fsync(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(path, b"x" * 1000)
    assert seen == [(1000, False)]


def test_a_name_as_long_as_any_may_be_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_an_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(tmp_path / "map.png", b"old")

    def stop(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "map.png", b"new")
    assert (tmp_path / "map.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
