"""Memory that networks on the CPU use again instead of mapping it anew."""

import json
import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TAKE_AND_FREE = """
import ctypes, json
import torch
from util.learning.device import build_fabric

class Use(ctypes.Structure):  # mallinfo2 of malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    )]

library = ctypes.CDLL("libc.so.6")
library.mallinfo2.restype = Use
SIZE = 2**26  # more than glibc keeps by itself

def take_and_free():
    before = library.mallinfo2()
    block = torch.empty(SIZE, dtype=torch.uint8)
    meanwhile = library.mallinfo2()
    del block
    after = library.mallinfo2()
    return [meanwhile.hblkhd - before.hblkhd, after.fordblks - before.fordblks]

told = [take_and_free()]
build_fabric("cpu")
told += [take_and_free(), take_and_free()]
print(json.dumps([SIZE, *told]))
"""


LIBRARY, VERSION = platform.libc_ver()
TELLS = LIBRARY == "glibc" and tuple(map(int, VERSION.split("."))) >= (2, 33)


@pytest.mark.skipif(not TELLS, reason="needs a glibc that says what it holds, of 2.33 or newer")
def test_a_training_on_the_cpu_keeps_large_blocks_that_are_freed_and_uses_them_again() -> None:
    command = [sys.executable, "-c", TAKE_AND_FREE]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    size, usual, first, second = json.loads(answer.stdout)
    assert usual[0] >= size  # mapped for itself
    assert usual[1] < size  # and given back
    assert first[0] == second[0] == 0  # none is mapped for itself
    assert first[1] >= size  # it stays when it is freed
    assert abs(second[1]) < size  # and is what the second one takes
