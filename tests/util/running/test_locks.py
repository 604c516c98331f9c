import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

import util.running.locks
from tests.conftest import ROOT
from util.errors import UserError
from util.running.locks import BusyError, NoLocksError, locked

HOLD = """
import sys
from pathlib import Path
from util.running.locks import locked
with locked(Path(sys.argv[1]), "the set"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_elsewhere(path: Path) -> "subprocess.Popen[str]":
    """Start a process that holds a lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_finds_a_lock_held_is_told_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    with hold_elsewhere(path) as process:
        expected = rf"process {process.pid} on .* is at work on the set; .*delete .*\.lock"
        with pytest.raises(BusyError, match=expected), locked(path, "the set", patience_s=0):
            pass
        process.communicate("")


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path / ".lock") as process:
        process.kill()
        process.communicate()
    with locked(tmp_path / ".lock", "the set", patience_s=0):
        pass


def test_who_waits_long_says_so_and_goes_on_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(util.running.locks, "SAID_AFTER_S", 0.05)
    has_said = threading.Event()
    monkeypatch.setattr(util.running.locks.logger, "warning", lambda *words: has_said.set())
    with hold_elsewhere(tmp_path / ".lock") as process:
        assert process.stdin is not None
        ends = threading.Thread(target=lambda: has_said.wait() and process.communicate(""))
        ends.start()
        with locked(tmp_path / ".lock", "the set", patience_s=None):
            assert has_said.is_set()
        ends.join()


def test_patience_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util.running.locks, "SAID_AFTER_S", 0.02)
    with (
        locked(tmp_path / ".lock", "the set"),
        pytest.raises(BusyError, match="is at work on the set"),
        locked(tmp_path / ".lock", "the set", patience_s=0.1),
    ):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(NoLocksError, match="has no file locks"),
        locked(tmp_path / ".lock", "the set"),
    ):
        pass


@pytest.mark.parametrize("leaves_file", [True, False])
def test_threads_keep_each_other_out_too(tmp_path: Path, leaves_file: bool) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(tmp_path / ".lock", "the set", leaves_file=leaves_file):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert (tmp_path / ".lock").exists() == leaves_file


TAKE_TURNS = """
import os, sys
from pathlib import Path
from util.running.locks import locked
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for _ in range(40):
    with locked(Path(sys.argv[1]), "the set", leaves_file=False):
        os.write(log, b"(")
        os.write(log, b")")
"""


def test_processes_take_turns_though_each_takes_the_file_away(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKE_TURNS, str(tmp_path / ".lock"), str(tmp_path / "log")]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "()" * 120
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_the_file_is_taken_away_while_nobody_else_can_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    release, was_there = FileLock.release, list[bool]()

    def look_and_release(self: FileLock, force: bool = False) -> None:
        was_there.append(path.exists())
        release(self, force)

    monkeypatch.setattr(FileLock, "release", look_and_release)
    with locked(path, "the set", leaves_file=False):
        assert path.exists()
    assert was_there[0] is False  # and once more when the object goes


def test_who_locks_a_file_that_has_gone_meanwhile_asks_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    flock, moved = fcntl.flock, tmp_path / "moved"  # as a file that others have open, on NFS

    def take_away_first(descriptor: int, operation: int) -> None:
        if not moved.exists():
            path.rename(moved)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", take_away_first)
    with locked(path, "the set", patience_s=0):
        assert moved.exists()
        with pytest.raises(BusyError), locked(path, "the set", patience_s=0):
            pass


def test_locks_are_errors_that_users_can_mend() -> None:
    assert issubclass(BusyError, UserError)
    assert issubclass(NoLocksError, UserError)
