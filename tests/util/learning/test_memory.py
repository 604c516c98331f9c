"""Memory that networks on the CPU use again instead of mapping it anew."""

import json
import platform
import subprocess
import sys
import weakref

import pytest
import torch

from tests.conftest import ROOT
from util.errors import UserError
from util.learning.memory import refusing_what_is_too_large

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


def test_what_was_too_large_leaves_nothing_in_memory_while_it_is_told() -> None:
    made = []

    def forward() -> None:
        large = torch.zeros(9)
        made.append(weakref.ref(large))
        raise torch.OutOfMemoryError("CUDA out of memory")

    def work() -> None:
        with refusing_what_is_too_large("the image", torch.device("cpu"), "make it smaller"):
            forward()

    told = "the image does not fit into the memory of cpu; make it smaller"
    with pytest.raises(UserError, match=f"^{told}$") as caught:
        work()
    assert caught.value.__context__ is not None  # which is held for as long as the sentence is
    assert made[0]() is None


def test_other_errors_are_no_lack_of_memory() -> None:
    error = RuntimeError("shapes differ")
    with (
        pytest.raises(RuntimeError, match="shapes differ") as caught,
        refusing_what_is_too_large("the image", torch.device("cpu"), "make it smaller"),
    ):
        raise error
    assert caught.value is error
