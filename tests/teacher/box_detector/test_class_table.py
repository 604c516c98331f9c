"""What boxes are called, and which of a model's classes count as it."""

import numpy as np
import pytest

from teacher.box_detector.class_table import read_class_table
from teacher.box_detector.coco import COCO_CLASSES, name_classes
from util.errors import UserError


def test_the_best_of_the_classes_that_count_as_one_is_its_score(rng: np.random.Generator) -> None:
    wanted = {"vehicle": ["truck", "car", "bus"], "person": ["person"]}
    table = read_class_table(wanted, COCO_CLASSES, "x")
    scores = rng.random((7, 80))
    merged = table.merge(scores)
    for row, (vehicle, person) in zip(scores, merged, strict=True):
        assert vehicle == max(row[2], row[5], row[7])
        assert person == row[0]
    assert table.names == ("vehicle", "person")


def test_without_a_table_all_classes_are_wanted_but_those_that_are_none() -> None:
    table = read_class_table({}, ("__background__", "cat", "N/A", "dog", "cat"), "x")
    assert table.names == ("cat", "dog")
    np.testing.assert_array_equal(table.merge(np.array([[9, 1, 9, 2, 3.0]])), [[3, 2]])


def test_all_classes_that_are_not_known_are_told_with_what_may_be_meant() -> None:
    wanted = {"vehicle": ["cars", "bus"], "person": ["Person", "qq", "N/A"]}
    with pytest.raises(UserError) as error:
        read_class_table(wanted, ("person", "N/A", "car", "bus"), "nano.onnx")
    assert str(error.value) == (
        "boxes.classes names what nano.onnx does not know: 'cars' (did you mean 'car'?), 'Person' "
        "(did you mean 'person'?), 'qq', 'N/A'; it knows person, car, bus"
    )


def test_models_of_eighty_classes_have_those_of_coco() -> None:
    assert len(set(COCO_CLASSES)) == 80
    assert (COCO_CLASSES[0], COCO_CLASSES[9], COCO_CLASSES[79]) == (
        "person",
        "traffic light",
        "toothbrush",
    )
    assert name_classes(3) == ("0", "1", "2")


def test_the_classes_of_coco_are_those_of_torchvision() -> None:
    from torchvision.models import get_model_weights

    (weights,) = get_model_weights("retinanet_resnet50_fpn")
    told = [name for name in weights.meta["categories"] if name not in ("__background__", "N/A")]
    assert list(COCO_CLASSES) == told
