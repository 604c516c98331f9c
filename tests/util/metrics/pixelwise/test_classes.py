"""IoU of several classes against scikit-learn, streamed over images, without pixels of no class."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from util.metrics.pixelwise.classes import ClassConfusion, count_pairs


def test_confusion_and_iou_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    confusion = ClassConfusion(5)
    truths, predictions = [], []
    for shape in ((30, 40), (700, 600), (1, 1)):  # one of several times what is counted at once
        truth = rng.choice([0, 1, 2, 3, 255], shape, p=[0.5, 0.2, 0.1, 0.1, 0.1]).astype(np.uint8)
        predicted = np.where(rng.random(shape) < 0.6, truth, rng.integers(0, 4, shape))
        predicted[truth == 255] = 4  # which does not count
        confusion.add(predicted, truth)
        truths.append(truth[truth != 255])
        predictions.append(predicted[truth != 255])
    true, found = np.concatenate(truths), np.concatenate(predictions)
    np.testing.assert_array_equal(confusion.counts, confusion_matrix(true, found, labels=range(5)))
    expected = jaccard_score(true, found, labels=range(4), average=None)
    np.testing.assert_allclose(confusion.iou()[:4], expected)
    assert np.isnan(confusion.iou()[4])  # it is nowhere
    assert confusion.mean_iou() == pytest.approx(
        jaccard_score(true, found, labels=range(4), average="macro")
    )


def test_iou_by_hand() -> None:
    confusion = ClassConfusion(3)
    confusion.add(np.array([[0, 0, 1, 2]]), np.array([[0, 1, 1, 255]], np.uint8))
    assert confusion.iou()[:2].tolist() == [0.5, 0.5]
    assert np.isnan(confusion.iou()[2])
    confusion.add(np.array([[2]]), np.array([[0]], np.uint8))
    assert confusion.iou().tolist() == [1 / 3, 0.5, 0]  # predicted, but not there
    assert confusion.mean_iou() == pytest.approx((1 / 3 + 0.5) / 3)


def test_without_a_pixel_of_any_class_nothing_is_defined() -> None:
    confusion = ClassConfusion(2)
    confusion.add(np.zeros((2, 2), int), np.full((2, 2), 255, np.uint8))
    confusion.add(np.zeros((0, 3), int), np.zeros((0, 3), np.uint8))
    assert not confusion.counts.any()
    assert np.isnan(confusion.iou()).all()
    assert np.isnan(confusion.mean_iou())


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), np.uint8), r"\(2, 3\), what is pred.* \(2, 2\)"),
        (np.zeros((1, 1)), np.zeros((1, 1), np.uint8), "given uint8 and float64"),
        (np.zeros((1, 1), int), np.zeros((1, 1), int), "given int64 and int64"),
        (np.array([[0, 2]]), np.array([[0, 2]], np.uint8), "a true class is 2, of 2"),
        (np.array([[0, 2]]), np.array([[0, 1]], np.uint8), "from 0 to 2, of 2"),
        (np.array([[0, -1]]), np.array([[0, 1]], np.uint8), "from -1 to 0, of 2"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_counted(
    predicted: np.ndarray, truth: np.ndarray, message: str
) -> None:
    confusion = ClassConfusion(2)
    with pytest.raises(ValueError, match=message):
        confusion.add(predicted, truth)
    assert not confusion.counts.any()


def test_what_is_found_may_have_other_numbers_than_classes() -> None:
    truth = np.array([[0, 1, 2, 2, 255]], np.uint8)
    found = np.array([[False, True, True, False, True]])
    assert count_pairs(truth, found, 3, 2).tolist() == [[1, 0], [0, 1], [1, 1]]
