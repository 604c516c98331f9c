"""Words for the classes of COCO: how phrases are read, and which boxes they get."""

import cv2
import numpy as np
import pytest

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.coco import COCO_CLASSES
from teacher.saa.detectors.coco_detector import CocoDetector, load_coco_detector
from teacher.saa.detectors.coco_words import CLASS_OF, read_phrase
from tests.conftest import ROOT
from tests.teacher.box_detector.small_yolox import write_small_yolox
from util.errors import UserError
from util.images.files import read_image

DATA = ROOT.parent / "shared/data"


class Fixed:
    """Gives a bird that may be a kite, one more box of that bird, and a boat; counts its calls."""

    classes = COCO_CLASSES

    def __init__(self) -> None:
        self.calls = 0

    def find(self, image_rgb: np.ndarray, _threshold: float, /) -> Candidates:
        self.calls += 1
        boxes = np.array([[10, 10, 30, 30], [11, 10, 30, 31], [40, 5, 90, 25]], float)
        scores = np.zeros((3, len(COCO_CLASSES)))
        scores[0, [COCO_CLASSES.index("bird"), COCO_CLASSES.index("kite")]] = 0.4, 0.6
        scores[1, COCO_CLASSES.index("bird")] = 0.3
        scores[2, COCO_CLASSES.index("boat")] = 0.8
        return Candidates(boxes, scores, is_exclusive=True)


@pytest.mark.parametrize(
    ("phrase", "means"),
    [
        ("duck", ["bird"]),
        ("Seagulls", ["bird"]),
        ("white geese", [None, "bird"]),
        ("people", ["person"]),
        ("buses", ["bus"]),
        ("fire hydrants", ["fire hydrant"]),
        ("hot dog", ["hot dog"]),
        ("hot dogs and a dog", ["hot dog", None, None, "dog"]),
        ("cell phone", ["cell phone"]),
        ("knives", ["knife"]),
        ("skis", ["skis"]),
        ("whale", [None]),
        ("white crest", [None, None]),
        ("", []),
    ],
)
def test_a_phrase_is_read_by_its_longest_names(phrase: str, means: list[str | None]) -> None:
    assert [name.means for name in read_phrase(phrase)] == means


def test_every_class_is_known_by_its_own_name_and_no_word_means_two() -> None:
    for name in COCO_CLASSES:
        assert [part.means for part in read_phrase(name)] == [name]
    assert set(CLASS_OF.values()) == set(COCO_CLASSES)


def test_several_phrases_are_answered_by_one_pass_each_with_its_own_boxes() -> None:
    network = Fixed()
    detector = CocoDetector(network)
    encoding = detector.encode(np.zeros((40, 80, 3), np.uint8))
    duck, kite, both, none = detector.detect(encoding, ["duck", "kite", "gull on a boat", "whale"])
    assert network.calls == 1
    np.testing.assert_array_equal(duck.boxes_xyxy, [[10, 10, 30, 30]])  # its double is left out
    np.testing.assert_allclose(duck.scores, [0.4])
    np.testing.assert_allclose(kite.scores, [0.6])
    np.testing.assert_array_equal(both.boxes_xyxy, [[40, 5, 80, 25], [10, 10, 30, 30]])
    assert both.tokens == ("gull", "on", "a", "boat")
    np.testing.assert_allclose(both.token_scores, [[0, 0, 0, 0.8], [0.4, 0, 0, 0]])
    assert both.phrases(0.1) == ["boat", "gull"]
    assert none.boxes_xyxy.shape == (0, 4)
    assert [answer.is_understood for answer in (duck, both, none)] == [True, True, False]


def test_a_network_of_other_classes_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = write_small_yolox(tmp_path_factory.mktemp("models") / "small.onnx")
    with pytest.raises(
        UserError, match=r"knows 3 classes; saa\.detector yolox needs the 80 of COCO"
    ):
        load_coco_detector(file)


@pytest.mark.skipif(not (DATA / "models/yolox_nano.onnx").exists(), reason="yolox_nano is not here")
@pytest.mark.parametrize(("sequence", "word"), [("mallard-water", "duck"), ("boat", "ship")])
def test_photographs_are_understood(sequence: str, word: str) -> None:
    detector = load_coco_detector(DATA / "models/yolox_nano.onnx")
    image = next(iter(sorted((DATA / "davis_birds/images" / sequence).glob("*.jpg"))))
    mask = cv2.imread(str(DATA / "davis_birds/masks" / sequence / f"{image.stem}.png"), -1) > 127
    (found,) = detector.detect(detector.encode(read_image(image)), [word])
    x0, y0, x1, y1 = found.boxes_xyxy[found.scores.argmax()].round().astype(int)
    assert found.scores.max() > 0.3
    assert mask[y0:y1, x0:x1].sum() > 0.85 * mask.sum()
