"""Memory that networks on the CPU use again instead of mapping it anew."""

import json
import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COUNT_FAULTS = """
import json, resource
import torch
from util.learning.device import build_fabric

torch.set_num_threads(1)
network = torch.nn.Conv2d(3, 32, 3)
images = torch.zeros(8, 3, 256, 256)  # features of 66 MB, more than glibc keeps by itself

def count_faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        network(images).square().mean().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

count_faults(3)
usual = count_faults(10)
build_fabric("cpu")
count_faults(3)
print(json.dumps([usual, count_faults(10)]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_a_training_on_the_cpu_does_not_map_its_memory_anew_in_each_step() -> None:
    command = [sys.executable, "-c", COUNT_FAULTS]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    usual, kept = json.loads(answer.stdout)
    assert kept < max(usual / 20, 1_000)  # fewer, where the system joins pages
