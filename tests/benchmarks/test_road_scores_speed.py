"""Scores of a road scene against the published form of one of them, which compares all pairs.

Every query shows a class here, so there are 4950 pairs. In time of the processor: ours also uses
all of its cores, the published form one. See `test_speed` for how ratios are measured.
"""

from typing import get_args

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from teacher.maskomaly.querying.queries import PUBLISHED_QUERIES
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.scores import EvidenceScore, Score, compute_scores
from tests.benchmarks.test_speed import Kept, best_speed_up
from tests.plain_road_scores import make_outputs, plain_maskomaly, plain_masks, plain_softmax

SCORES: list[Score] = ["maskomaly", "maskomaly_corrected", *get_args(EvidenceScore)[:-1]]
"""All but that of networks with a negative class."""


@pytest.fixture
def outputs(rng: np.random.Generator) -> RawOutputs:
    made = make_outputs(rng, (96, 192), num_queries=100, num_classes=19)
    made.class_logits[:, -1] = -5
    return made


def published(outputs: RawOutputs) -> np.ndarray:
    masks = plain_masks(outputs.mask_logits)
    probabilities = plain_softmax(outputs.class_logits).astype(np.float32)
    ground, outliers = PUBLISHED_QUERIES.ground_queries, PUBLISHED_QUERIES.outlier_queries
    return plain_maskomaly(masks, probabilities, ground, outliers, num_classes=19)


@pytest.mark.parametrize(("scores", "least"), [(SCORES[:1], 15), (SCORES, 8)])
def test_one_score_is_15_times_and_all_are_8_times_the_published_form_of_one(
    benchmark: BenchmarkFixture, outputs: RawOutputs, scores: list[Score], least: float
) -> None:
    ours = Kept(lambda: compute_scores(outputs, scores, PUBLISHED_QUERIES))
    plain = Kept(lambda: published(outputs))
    ratio = best_speed_up(ours, plain, rounds=1, least=least)
    np.testing.assert_allclose(ours.last["maskomaly"], plain.last, rtol=0, atol=1e-6)
    benchmark.extra_info["times faster"] = round(ratio)
    benchmark.pedantic(ours, rounds=1)
    assert ratio >= least
