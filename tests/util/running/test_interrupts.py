import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from util.running.interrupts import say_interrupted_imports, stop_between_items

STOPPED = """
import atexit, logging, sys
sys.path[0] = {root!r}
from util.running.run import run_script
log = logging.getLogger("torch._subclasses.fake_tensor")
atexit.register(lambda: log.info("FakeTensor cache stats:"))
def main():
    log.info("said while it runs")
    raise {error}
raise SystemExit(run_script(main))
"""


@pytest.mark.parametrize(
    ("error", "status", "last"),
    [
        ("KeyboardInterrupt", 130, "\ninterrupted; "),
        ("FileNotFoundError(2, '', 'a')", 2, "error: a "),
    ],
)
def test_nothing_is_logged_after_the_last_line_of_a_script(
    error: str, status: int, last: str
) -> None:
    script = STOPPED.format(root=str(ROOT), error=error)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stderr.startswith(f"said while it runs\n{last}")
    assert "cache stats" not in done.stderr


TRACKED = """
import sys
sys.path[0] = {root!r}
from util.errors import UserError
from util.running.progress import track
from util.running.run import run_script
def main():
    bar = track(range(5), "images")
    for item in bar:
        if item == 2:
            raise {error}
raise SystemExit(run_script(main))
"""


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "UserError('it is bad')"])
def test_a_progress_bar_ends_before_the_last_line_of_a_script(error: str) -> None:
    script = TRACKED.format(root=str(ROOT), error=error)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert any("2/5" in line for line in lines[:-1])
    assert lines[-1].startswith(("interrupted; finished work is kept", "error: it is bad"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_item_at_hand_is_finished(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = []
    before = signal.getsignal(number)

    def work() -> None:
        with stop_between_items("image") as should_stop:
            for item in range(5):
                if should_stop():
                    break
                if item == 2:
                    os.kill(os.getpid(), number)
                finished.append(item)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert finished == [0, 1, 2]
    assert "stopping after this image" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    def work(should_stop: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert should_stop()
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")

    with pytest.raises(KeyboardInterrupt), stop_between_items("image") as should_stop:
        work(should_stop)


def test_without_a_signal_nothing_happens() -> None:
    with stop_between_items("image") as should_stop:
        assert not should_stop()


def test_another_program_that_imports_this_one_ends_as_python_does(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys; sys.path[0] = {str(ROOT)!r}; import util; raise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert done.stderr.startswith("Traceback")
    assert done.returncode == -signal.SIGINT


def test_programs_that_are_installed_below_the_root_are_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for script, is_ours in ((".venv/bin/pytest", False), ("student/train.py", True)):
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        monkeypatch.setattr(sys.modules["__main__"], "__file__", str(ROOT / script), raising=False)
        say_interrupted_imports()
        assert (sys.excepthook is not sys.__excepthook__) == is_ours


def test_who_types_is_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "student")
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    say_interrupted_imports()
    assert sys.excepthook is sys.__excepthook__


def test_any_other_error_of_a_script_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise ValueError('broken')")
    command = [sys.executable, str(ROOT / "util" / "check_data.py")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: broken\n")
