"""What another process is writing is waited for."""

import importlib
import time
from pickle import UnpicklingError

import pytest

from teacher.saa.detectors.yapf_grammars import TRIES, read_grammars


@pytest.mark.parametrize(
    ("troubles", "tries"),
    [
        ([], 1),
        ([EOFError("Ran out of input"), UnpicklingError("pickle data was truncated")], 3),
        ([ImportError("no yapf")], 1),
        ([EOFError("Ran out of input")] * 2 * TRIES, TRIES),
    ],
)
def test_grammars_that_are_half_written_are_read_again(
    monkeypatch: pytest.MonkeyPatch, troubles: list[Exception], tries: int
) -> None:
    asked, waiting = list[str](), iter(troubles)

    def import_module(name: str) -> None:
        asked.append(name)
        if (trouble := next(waiting, None)) is not None:
            raise trouble

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    read_grammars()
    assert len(asked) == tries
