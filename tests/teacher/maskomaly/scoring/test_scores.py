from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import average_precision_score

from teacher.maskomaly.querying.queries import Queries
from teacher.maskomaly.raw_outputs import RawOutputs
from teacher.maskomaly.scoring.maskomaly_score import MaskomalySettings
from teacher.maskomaly.scoring.scores import EvidenceScore, Score, compute_scores, to_unit
from tests.plain_road_scores import (
    make_outputs,
    plain_maskomaly,
    plain_masks,
    plain_raw_score,
    plain_softmax,
)
from util.errors import UserError

QUERIES = Queries(20, 5, (0, 19), (1, 3, 7))
EVIDENCE: tuple[EvidenceScore, ...] = (
    "rba",
    "eam",
    "mask2anomaly",
    "max_logit",
    "entropy",
    "uno",
)
ALL: tuple[Score, ...] = ("maskomaly", "maskomaly_corrected", *EVIDENCE)


@pytest.fixture
def outputs(rng: np.random.Generator) -> RawOutputs:
    return make_outputs(rng, (24, 31), has_negative_class=True)


def plain_maskomaly_of(outputs: RawOutputs, bordering: list[int] | None = None) -> np.ndarray:
    masks = plain_masks(outputs.mask_logits)
    probabilities = plain_softmax(outputs.class_logits)
    ground, outliers = QUERIES.ground_queries, QUERIES.outlier_queries
    return plain_maskomaly(masks, probabilities, ground, outliers, outputs.num_classes, bordering)


def plain_unit(score: str, raw: np.ndarray) -> np.ndarray:
    if score == "rba":
        return np.exp(raw)
    if score in ("eam", "mask2anomaly"):
        return np.exp(raw - 1)
    return raw if score == "entropy" else (raw / (1 + abs(raw)) + 1) / 2


def test_maskomaly_is_the_published_one(outputs: RawOutputs) -> None:
    ours = compute_scores(outputs, ["maskomaly", "maskomaly_corrected"], QUERIES)
    expected = plain_maskomaly_of(outputs)
    assert ((expected > 0.1) & (expected < 0.5)).any()
    np.testing.assert_allclose(ours["maskomaly"], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        ours["maskomaly_corrected"], plain_maskomaly_of(outputs, []), rtol=0, atol=1e-6
    )
    assert (ours["maskomaly_corrected"] > ours["maskomaly"] + 0.1).any()


@pytest.mark.parametrize("score", ["rba", "mask2anomaly", "entropy"])
def test_smoothing_is_that_of_scipy_before_scores_are_brought_to_0_1(
    score: EvidenceScore, outputs: RawOutputs
) -> None:
    ours = compute_scores(outputs, [score], smoothing_px=2.5)[score]
    raw = plain_raw_score(score, outputs, torch.float64)
    expected = plain_unit(score, ndimage.gaussian_filter(raw, 2.5, mode="nearest"))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)
    assert np.abs(ours - compute_scores(outputs, [score])[score]).max() > 0.01


@pytest.mark.parametrize("score", EVIDENCE)
def test_each_score_of_classes_is_that_of_its_paper(
    score: EvidenceScore, outputs: RawOutputs
) -> None:
    ours = compute_scores(outputs, [score])[score]
    assert ours.dtype == np.float32
    assert ours.shape == (96, 124)
    expected = plain_unit(score, plain_raw_score(score, outputs, torch.float64))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)


def test_scores_are_the_same_asked_together_or_alone(outputs: RawOutputs) -> None:
    together = compute_scores(outputs, ALL, QUERIES)
    assert tuple(together) == ALL
    for score in ALL:
        alone = compute_scores(outputs, [score], QUERIES)[score]
        np.testing.assert_array_equal(alone, together[score])


@pytest.mark.parametrize("score", EVIDENCE)
def test_rescaling_changes_no_average_precision(score: EvidenceScore) -> None:
    raws, units, labels = [], [], []
    for seed in range(3):  # pooled: the rule must not depend on the image
        rng = np.random.default_rng(seed)
        outputs = make_outputs(rng, (20, 20), has_negative_class=True)
        outputs.mask_logits[:] -= 3 * seed
        raws.append(plain_raw_score(score, outputs, torch.float64).ravel())
        units.append(compute_scores(outputs, [score])[score].ravel())
        labels.append(rng.random(raws[-1].size) < 0.02 + 0.2 * (raws[-1] > np.median(raws[-1])))
    raw, unit, label = (np.concatenate(parts) for parts in (raws, units, labels))
    assert unit.min() >= 0
    assert unit.max() <= 1
    expected = average_precision_score(label, raw)
    assert 0.15 < expected < 0.9
    assert average_precision_score(label, unit) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("score", "lowest", "highest"),
    [
        ("rba", -19, 0),
        ("eam", -60, 1),
        ("mask2anomaly", -60, 1),
        ("max_logit", -300, 300),
        ("uno", -60, 60),
        ("entropy", 0, 1),
        ("maskomaly", 0, 1),
    ],
)
def test_rescaling_keeps_apart_what_differs(score: Score, lowest: float, highest: float) -> None:
    raw = np.linspace(lowest, highest, 2001, dtype=np.float32)
    unit = to_unit(raw, score)
    assert unit.dtype == np.float32
    assert (np.diff(unit) > 0).all()
    assert 0 <= unit[0] < unit[-1] <= 1


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (5, 4), (17, 22), (31, 29)])
def test_a_size_that_is_no_multiple_of_the_stride_is_cropped(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    cells_hw = (-(-size_hw[0] // 4), -(-size_hw[1] // 4))
    outputs = make_outputs(rng, cells_hw, input_size_hw=size_hw, size_hw=size_hw)
    whole = replace(
        outputs,
        **dict.fromkeys(
            ("input_size_hw", "size_hw"),
            (
                4 * cells_hw[0],
                4 * cells_hw[1],
            ),
        ),
    )
    names = ALL[1:-1]
    expected = compute_scores(whole, names, QUERIES)
    for score, ours in compute_scores(outputs, names, QUERIES).items():
        np.testing.assert_array_equal(ours, expected[score][: size_hw[0], : size_hw[1]])


def test_padding_is_cropped_but_by_maskomaly_as_published(rng: np.random.Generator) -> None:
    padded = make_outputs(rng, (8, 10), input_size_hw=(30, 32), size_hw=(30, 32))
    ours = compute_scores(padded, ["maskomaly", "maskomaly_corrected", "rba"], QUERIES)
    squeezed = cv2.resize(plain_maskomaly_of(padded), (32, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(ours["maskomaly"], squeezed, rtol=0, atol=1e-6)
    cropped = plain_maskomaly_of(padded, [])[:30, :32]
    np.testing.assert_allclose(ours["maskomaly_corrected"], cropped, rtol=0, atol=1e-6)
    rba = np.exp(plain_raw_score("rba", padded, torch.float64))[:30, :32]
    np.testing.assert_allclose(ours["rba"], rba, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("size_hw", "method"), [((15, 20), cv2.INTER_AREA), ((77, 91), cv2.INTER_LINEAR)]
)
def test_maps_are_resized_to_the_image_before_they_are_rescaled(
    size_hw: tuple[int, int], method: int, rng: np.random.Generator
) -> None:
    outputs = make_outputs(rng, (10, 13), size_hw=size_hw)
    raw = plain_raw_score("rba", outputs, torch.float64)
    expected = np.exp(cv2.resize(raw, size_hw[::-1], interpolation=method))
    ours = compute_scores(outputs, ["rba"])["rba"]
    assert ours.shape == size_hw
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)


def test_a_border_rule_is_chosen_by_the_settings(outputs: RawOutputs) -> None:
    settings = MaskomalySettings(corrected_border_rule="inlier_queries")
    ours = compute_scores(outputs, ["maskomaly_corrected"], QUERIES, settings)
    classes = plain_softmax(outputs.class_logits).argmax(axis=1)
    known = [q for q in range(20) if classes[q] < 5 and q not in QUERIES.outlier_queries]
    np.testing.assert_allclose(
        ours["maskomaly_corrected"], plain_maskomaly_of(outputs, known), rtol=0, atol=1e-6
    )


def test_where_all_is_void_all_is_anomalous(outputs: RawOutputs) -> None:
    outputs.class_logits[:] = torch.tensor([0.0] * 6 + [60.0])
    maps = compute_scores(outputs, ALL, Queries(20, 5))
    for score in ("rba", "eam", "mask2anomaly"):
        np.testing.assert_allclose(maps[score], 1, rtol=0, atol=1e-6)
    for score in ("maskomaly", "maskomaly_corrected"):
        np.testing.assert_allclose(maps[score], 0.6)
    np.testing.assert_allclose(maps["entropy"], 1, rtol=0, atol=1e-6)
    assert all(np.isfinite(each).all() for each in maps.values())


def test_where_no_mask_is_at_all_nothing_speaks_for_any_class(outputs: RawOutputs) -> None:
    outputs.mask_logits[:] = -1e4
    maps = compute_scores(outputs, ALL, QUERIES)
    halves = {"max_logit": 0.5, "uno": 0.5, "maskomaly": 0.6, "maskomaly_corrected": 0.6}
    for score, ours in maps.items():
        np.testing.assert_allclose(ours, halves.get(score, 1), rtol=0, atol=1e-6)


def test_one_class_and_one_query_of_one_cell_are_enough(rng: np.random.Generator) -> None:
    outputs = RawOutputs(torch.tensor([[3.0, 1.0]]), torch.tensor([[[2.0]]]), (3, 2), (3, 2))
    maps = compute_scores(outputs, ALL[:-1], Queries(1, 1, outlier_queries=(0,)))
    mask, probability = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(maps["rba"], np.exp(-np.tanh(mask * probability)), rtol=1e-5)
    np.testing.assert_allclose(maps["eam"], np.exp(-mask * probability), rtol=1e-5)
    np.testing.assert_allclose(maps["max_logit"], (1 - 3 * mask / (1 + 3 * mask)) / 2, rtol=1e-5)
    np.testing.assert_allclose(
        maps["maskomaly"], 0.6 * (1 - mask * probability) + 0.4 * mask * probability, rtol=1e-5
    )
    assert (maps["entropy"] == 0).all()
    assert {ours.shape for ours in maps.values()} == {(3, 2)}


def test_what_a_network_says_in_inference_mode_is_taken(outputs: RawOutputs) -> None:
    with torch.inference_mode():
        said = replace(
            outputs,
            class_logits=outputs.class_logits.clone(),
            mask_logits=outputs.mask_logits.clone(),
        )
    expected = compute_scores(outputs, ALL, QUERIES)
    for score, ours in compute_scores(said, ALL, QUERIES).items():
        np.testing.assert_array_equal(ours, expected[score])


def test_no_scores_are_no_maps(outputs: RawOutputs) -> None:
    assert compute_scores(outputs, []) == {}


def test_what_a_score_lacks_is_said(outputs: RawOutputs) -> None:
    with pytest.raises(UserError, match="the score maskomaly needs queries"):
        compute_scores(outputs, ["rba", "maskomaly"])
    with pytest.raises(UserError, match="100 queries and 19 classes, this one has 20 and 5"):
        compute_scores(outputs, ["maskomaly_corrected"], Queries(100, 19))
    without = replace(outputs, class_logits=outputs.class_logits[:, 1:], has_negative_class=False)
    assert without.num_classes == 5
    with pytest.raises(UserError, match="uno needs a network trained with a negative class"):
        compute_scores(without, ["uno"])
