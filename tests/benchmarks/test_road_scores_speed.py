"""All scores of a road scene of 1024 x 2048 pixels against each in its published form.

The published forms hold the masks of all queries at full size, each its own, and the border rule
compares all pairs of queries that show a class: here 4950, since every one does. In time of the
processor, one thread each. See `test_speed` for how ratios are measured.
"""

import math
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from teacher.maskomaly.querying.queries import PUBLISHED_QUERIES
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.scores import EvidenceScore, Score, compute_scores, to_unit
from tests.benchmarks.test_speed import Kept, best_speed_up
from tests.conftest import ROOT
from tests.plain_road_scores import make_outputs, plain_maskomaly, plain_masks, plain_softmax
from util.learning.memory import keep_freed_memory

PUBLISHED: list[Score] = ["maskomaly", *get_args(EvidenceScore)[:-1]]
"""All but that of networks with a negative class."""

LEAST = 16


@pytest.fixture
def outputs(rng: np.random.Generator) -> RawOutputs:
    made = make_outputs(rng, (256, 512), num_queries=100, num_classes=19)
    made.class_logits[:, -1] = -5
    return made


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread, and keep its memory, as teachers do."""
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def published(score: Score, outputs: RawOutputs) -> np.ndarray:
    """A score as its code has it, (H, W) float32."""
    masks = plain_masks(outputs.mask_logits)
    probabilities = plain_softmax(outputs.class_logits).astype(np.float32)
    if score == "maskomaly":
        ground, outliers = PUBLISHED_QUERIES.ground_queries, PUBLISHED_QUERIES.outlier_queries
        return plain_maskomaly(masks, probabilities, ground, outliers, num_classes=19)
    return published_evidence(score, outputs, torch.from_numpy(masks)).numpy()


def published_evidence(score: Score, outputs: RawOutputs, masks: torch.Tensor) -> torch.Tensor:
    """A score of sums over (Q, H, W) masks, each sum for itself."""
    known = outputs.class_logits.softmax(dim=1)[:, :19]
    if score == "eam":
        return 1 - torch.einsum("q,qhw->hw", known.amax(dim=1), masks)
    if score == "max_logit":
        return -torch.einsum("q,qhw->hw", outputs.class_logits[:, :19].amax(dim=1), masks)
    evidence = torch.einsum("qc,qhw->chw", known, masks)
    if score == "rba":
        return -evidence.tanh().sum(dim=0)
    if score == "mask2anomaly":
        return 1 - evidence.amax(dim=0)
    shares = evidence / evidence.sum(dim=0)
    return -(shares * shares.log()).sum(dim=0) / math.log(19)


@pytest.mark.usefixtures("one_thread")
def test_all_scores_are_16_times_their_published_forms(
    benchmark: BenchmarkFixture, outputs: RawOutputs
) -> None:
    asked: list[Score] = [*PUBLISHED, "maskomaly_corrected"]  # which was not published
    ours = Kept(lambda: compute_scores(outputs, asked, PUBLISHED_QUERIES))
    plain = Kept(lambda: {score: published(score, outputs) for score in PUBLISHED})
    ratio = best_speed_up(ours, plain, rounds=1, least=LEAST)
    for score, raw in plain.last.items():
        np.testing.assert_allclose(ours.last[score], to_unit(raw, score), rtol=0, atol=1e-5)
    benchmark.extra_info["times faster"] = round(ratio, 1)
    benchmark.pedantic(ours, rounds=1)
    assert ratio >= LEAST


PEAK = """
import sys
from pathlib import Path
import torch
from teacher.maskomaly.querying.queries import PUBLISHED_QUERIES
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.scores import compute_scores

def megabytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1e3

logits = torch.randn(100, 20), torch.randn(100, 256, 512)
outputs = RawOutputs(*logits, (1024, 2048), (1024, 2048))
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = megabytes("VmRSS")
maps = compute_scores(outputs, sys.argv[1:], PUBLISHED_QUERIES)
print(megabytes("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no peak")
def test_all_scores_take_little_memory_beside_their_maps() -> None:
    command = [sys.executable, "-c", PEAK, *PUBLISHED, "maskomaly_corrected"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    map_mb = 4 * 1024 * 2048 / 1e6
    peak_mb = float(done.stdout)
    print(f"{peak_mb:.0f} MB at the peak, of which maps are {7 * map_mb:.0f}")
    assert 7 * map_mb < peak_mb < 20 * map_mb  # all masks at full size are 100
