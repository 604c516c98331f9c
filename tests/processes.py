"""Scripts in processes of their own that do not import torch anew, but fork from one that has.

A script still starts as `__main__`, imports this project's modules itself, and can be killed.
"""

import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Script:
    """A script at work, with the words of `subprocess.Popen`."""

    def __init__(
        self,
        script: str | Path,
        *arguments: str,
        before: str = "",
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Start a script.

        Args:
            script: Its file, from the root of this repository, or its name as a module.
            arguments: What it is given.
            before: Python that runs in its process first.
            environment: All of its variables.
        """
        from analysis.work.running import IMPORTED_ONCE

        self._folder = tempfile.mkdtemp()
        outputs = [str(Path(self._folder) / name) for name in ("stdout", "stderr")]
        context = get_context("forkserver")
        context.set_forkserver_preload(IMPORTED_ONCE)  # as studies do, in one server for both
        given = (outputs, dict(environment), before, str(script), arguments)
        self._outputs = [Path(output) for output in outputs]
        self._process: BaseProcess = context.Process(target=_become, args=given)
        self._process.start()

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; the negative number of the signal that has ended it."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """Wait for its end; what it has printed, on both ways."""
        self._process.join()
        stdout, stderr = (path.read_text(encoding="utf-8") for path in self._outputs)
        shutil.rmtree(self._folder)
        return stdout, stderr


def run_script(
    script: str | Path,
    *arguments: str,
    before: str = "",
    environment: Mapping[str, str] = os.environ,
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; see `Script`."""
    running = Script(script, *arguments, before=before, environment=environment)
    stdout, stderr = running.communicate()
    assert running.returncode is not None
    return subprocess.CompletedProcess([script, *arguments], running.returncode, stdout, stderr)


def _become(
    outputs: Sequence[str],
    environment: Mapping[str, str],
    before: str,
    script: str,
    arguments: Sequence[str],
) -> None:
    """Turn a process of the server into one that Python has started with a script."""
    for descriptor, output in enumerate(outputs, start=1):
        written = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(written, descriptor)
        os.close(written)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    # A test run in the background of a shell inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    path = ROOT / script
    is_module = path.suffix != ".py"
    sys.argv = [str(path), *arguments]
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != ROOT]
    sys.path.insert(0, str(ROOT if is_module else path.parent))
    exec(compile(before, "<before the script>", "exec"), {"__name__": "before"})
    if is_module:
        runpy.run_module(script, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(str(path), run_name="__main__")
