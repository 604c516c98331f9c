import errno
import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ROOT
from util.disk.whole_files import read_json, write_bytes, write_json
from util.errors import UserError


def test_many_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    contents = [bytes([number]) * 5000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_bytes(path, contents[number % 8]), range(400)))
    assert path.read_bytes() in contents
    assert [each.name for each in tmp_path.iterdir()] == ["map.png"]


def test_many_processes_may_write_one_file(tmp_path: Path) -> None:
    write = "import sys; from pathlib import Path\n"
    write += "from util.disk.whole_files import write_bytes as w\n"
    write += "for _ in range(300): w(Path(sys.argv[1]), sys.argv[2].encode() * 5000)"
    command = [sys.executable, "-c", write, str(tmp_path / "map.png")]
    writers = [subprocess.Popen([*command, letter], cwd=ROOT) for letter in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert (tmp_path / "map.png").read_bytes() in (b"a" * 5000, b"b" * 5000)
    assert [each.name for each in tmp_path.iterdir()] == ["map.png"]


def test_what_a_killed_process_has_left_is_used_by_the_next(tmp_path: Path) -> None:
    killed = "import os; os.fsync = lambda _: os._exit(9)\n"
    killed += "import sys; from pathlib import Path\n"
    killed += "from util.disk.whole_files import write_bytes\n"
    killed += "write_bytes(Path(sys.argv[1]), b'x' * 5000)"
    path = tmp_path / "map.png"
    assert subprocess.run([sys.executable, "-c", killed, str(path)], cwd=ROOT).returncode == 9
    assert len(list(tmp_path.glob(".*.tmp"))) == 1
    write_bytes(path, b"short")
    assert path.read_bytes() == b"short"
    assert [each.name for each in tmp_path.iterdir()] == ["map.png"]


def test_a_file_system_without_locks_can_be_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    write_bytes(tmp_path / "map.png", b"x")
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


def test_json_is_read_with_a_byte_order_mark_and_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    value = {"möwe": [os.fsdecode(b"/x/\xff.jpg"), 1]}
    write_json(path, value)
    assert "möwe" in path.read_text(encoding="utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_json(path, "delete it") == value


def test_json_that_cannot_be_read_says_why_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert read_json(path, "delete it") == {}
    for text, why in (('{"a": 1, "a": 2}', "keys twice"), ("{", "not JSON"), ("", "empty")):
        path.write_text(text)
        with pytest.raises(UserError, match=f"run.json is damaged .*{why}.*; delete it"):
            read_json(path, "delete it")
    path.write_text("[]")
    with pytest.raises(UserError, match="holds no JSON object; delete it"):
        read_json(path, "delete it")
