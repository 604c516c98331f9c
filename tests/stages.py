"""The stages as functions and as scripts, run on a project of a test."""

import signal
import subprocess
import sys
from pathlib import Path

import student.test
import student.train
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from tests.conftest import ROOT
from tests.processes import run_script

label = teacher.soft_label_generation.main
combine = util.multi_teacher.combination_strategies.main
train = student.train.main
evaluate = student.test.main


def arguments(project: Path, *more: str) -> list[str]:
    return ["--config", str(project), *more]


KILLED = """
import os, pathlib
writes_left = {write}
plain_replace = pathlib.Path.replace

def replace(self, target):
    global writes_left
    writes_left -= 1
    if writes_left == 0:
        os.kill(os.getpid(), {number})
    return plain_replace(self, target)

pathlib.Path.replace = replace
"""


def stop_at_write(
    project: Path, script: str, write: int, number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Run a script that is stopped just before its nth file is renamed into place."""
    killed = KILLED.format(write=write, number=int(number))
    return run_script(script, "--config", str(project), before=killed)


def run(script: str, *more: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]
