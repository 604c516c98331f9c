import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teacher.maskomaly.querying.queries import Queries
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.maskomaly_score import Maskomaly, MaskomalySettings
from tests.plain_road_scores import plain_maskomaly

ROAD, CAR, VOID = (9.0, 0.0, 0.0), (0.0, 9.0, 0.0), (0.0, 0.0, 9.0)
UNSURE_CAR = (0.0, 0.5, 0.0)


def maskomaly(
    classes: list[tuple[float, ...]], ground: list[int], outliers: list[int], **settings: object
) -> Maskomaly:
    count = len(classes)
    outputs = RawOutputs(torch.tensor(classes), torch.zeros(count, 1, 1), (1, 1), (1, 1))
    queries = Queries(count, 2, tuple(ground), tuple(outliers))
    return Maskomaly(outputs, queries, MaskomalySettings(**settings))  # type: ignore[arg-type]


def pixels(*masks: list[float]) -> torch.Tensor:
    """One row of pixels, (1, Q, W), by the mask of each query."""
    return torch.tensor(masks, dtype=torch.float32)[None]


SURE = 1 / (1 + 2 * np.exp(-9))


def test_a_pixel_is_normal_as_far_as_a_sure_query_claims_it() -> None:
    rule = maskomaly([ROAD, CAR, VOID, UNSURE_CAR], [], [])
    scores = rule.at(
        pixels([1, 0.5, 0, 0], [0, 0.05, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1])
    ).published()
    expected = [0.6 * (1 - SURE), 0.6 * (1 - 0.5 * SURE), 0.6, 0.6]
    np.testing.assert_allclose(scores[0], expected, rtol=0, atol=1e-6)


def test_ground_queries_claim_and_outlier_queries_mark_however_sure_they_are() -> None:
    rule = maskomaly([VOID, VOID, UNSURE_CAR], [0], [1, 2])
    scores = rule.at(pixels([1, 0, 0], [0, 1, 0], [0, 0, 1])).published()
    unsure = np.exp(0.5) / (2 + np.exp(0.5))
    expected = [0.6 * (1 - SURE), 0.6 + 0.4 * SURE, 0.6 + 0.4 * unsure]
    np.testing.assert_allclose(scores[0], expected, rtol=0, atol=1e-6)


def test_the_published_border_rule_erases_an_anomaly_that_the_corrected_keeps() -> None:
    masks = pixels([0.15], [0.2])
    published = maskomaly([UNSURE_CAR, UNSURE_CAR], [], [1])
    marked = 0.4 * 0.2 * np.exp(0.5) / (2 + np.exp(0.5))
    assert published.at(masks).published().item() == pytest.approx(marked, abs=1e-6)
    for rule in ("off", "inlier_queries"):
        corrected = maskomaly([UNSURE_CAR, UNSURE_CAR], [], [1], corrected_border_rule=rule)
        assert corrected.at(masks).corrected().item() == pytest.approx(0.6 + marked, abs=1e-6)


def test_the_corrected_border_rule_knows_borders_of_inlier_queries_if_asked() -> None:
    masks = pixels([0.15, 0.1], [0.2, 0.2], [0.9, 0.9])
    classes = [UNSURE_CAR, UNSURE_CAR, VOID]
    on = maskomaly(classes, [], [], corrected_border_rule="inlier_queries")
    np.testing.assert_allclose(on.at(masks).corrected()[0], [0, 0.6])
    np.testing.assert_allclose(maskomaly(classes, [], []).at(masks).corrected()[0], [0.6, 0.6])


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_counting_masks_gives_the_borders_of_all_pairs(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    classes = [(ROAD, CAR, VOID, UNSURE_CAR)[kind] for kind in rng.integers(0, 4, count)]
    steps = np.float32([0, 0.05, 0.1, np.nextafter(np.float32(0.1), np.float32(1)), 0.5, 1])
    masks = rng.choice(steps, (count, 1, 40)).astype(np.float32)
    some = rng.permutation(count).tolist()
    ground, outliers = some[: count // 3], some[count // 2 :]
    ours = maskomaly(classes, ground, outliers, corrected_border_rule="inlier_queries")
    probabilities = torch.tensor(classes).softmax(1).numpy()
    banded = torch.from_numpy(masks.transpose(1, 0, 2).copy())
    expected = plain_maskomaly(masks, probabilities, ground, outliers, 2)
    np.testing.assert_allclose(ours.at(banded).published(), expected, rtol=0, atol=1e-6)
    known = [q for q in range(count) if classes[q] != VOID and q not in outliers]
    expected = plain_maskomaly(masks, probabilities, ground, outliers, 2, known)
    np.testing.assert_allclose(ours.at(banded).corrected(), expected, rtol=0, atol=1e-6)


def test_the_numbers_are_settings() -> None:
    masks = pixels([0.3], [0.3])
    classes = [CAR, UNSURE_CAR]
    weighted = maskomaly(classes, [], [0], inlier_weight=0.5, border_threshold=0.3)
    expected = 0.5 * (1 - 0.3 * SURE) + 0.5 * 0.3 * SURE
    assert weighted.at(masks).published().item() == pytest.approx(expected, abs=1e-6)
    strict = maskomaly(classes, [], [], inlier_threshold=0.9999, border_threshold=0.3)
    assert strict.at(masks).published().item() == pytest.approx(0.6)


def test_a_query_of_the_negative_class_is_no_inlier() -> None:
    outputs = RawOutputs(
        torch.tensor([[0.0, 9.0, 0.0]]), torch.zeros(1, 1, 1), (1, 1), (1, 1), True
    )
    rule = Maskomaly(outputs, Queries(1, 1), MaskomalySettings())
    assert rule.at(pixels([1.0])).published().item() == pytest.approx(0.6)
