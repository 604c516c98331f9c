import cv2
import numpy as np
import pytest

from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.attributes.lexicon import LEXICON, look_up
from teacher.saa.attributes.proposals import MAX_REGIONS, find_regions
from util.prompts import PROMPT_LISTS

WATER = (40, 75, 90)
WHITE = (225, 225, 220)
BLACK = (12, 12, 14)
RED = (200, 40, 30)


def paint_sea(size_hw=(192, 192), noise=3.0):
    rng = np.random.default_rng(0)
    return np.clip(WATER + rng.normal(0, noise, (*size_hw, 3)), 0, 255).astype(np.uint8)


def paint_ellipse(image, center, axes, colour, angle=0):
    cv2.ellipse(image, center, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return image


@pytest.fixture
def white_bird():
    return paint_ellipse(paint_sea(), (60, 110), (6, 4), WHITE)


def best_score(image, phrase):
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(image), [phrase])
    is_region = (detections.boxes_xyxy[:, 2] - detections.boxes_xyxy[:, 0]) < image.shape[1]
    return detections.scores[is_region].max(initial=0.0)


def test_boxes_and_scores_keep_the_contract(white_bird):
    detector = AttributeDetector()
    phrases = ["white bird", "sea", "bird on water", ""]
    answers = detector.detect(detector.encode(white_bird), phrases)
    assert len(answers) == len(phrases)
    for answer, num_words in zip(answers, (2, 1, 3, 0), strict=True):
        assert answer.boxes_xyxy.dtype == answer.token_scores.dtype == np.float32
        assert answer.boxes_xyxy.shape == (len(answer.boxes_xyxy), 4)
        assert answer.token_scores.shape == (len(answer.boxes_xyxy), num_words)
        assert (answer.token_scores >= 0).all()
        assert (answer.token_scores <= 1).all()
        assert (answer.boxes_xyxy[:, :2] < answer.boxes_xyxy[:, 2:]).all()
        assert (answer.boxes_xyxy >= 0).all()
        assert (answer.boxes_xyxy <= 192).all()


def test_a_bird_is_found_where_it_is(white_bird):
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(white_bird), ["bird"])
    box = detections.boxes_xyxy[detections.scores.argmax()]
    np.testing.assert_allclose(box, [54, 106, 67, 115], atol=4)
    assert detections.scores.max() > 0.6


def test_no_phrase_gives_no_answer(white_bird):
    detector = AttributeDetector()
    assert detector.detect(detector.encode(white_bird), []) == []


@pytest.mark.parametrize("noise", [0.0, 3.0, 10.0])
@pytest.mark.parametrize("phrase", ["bird", "whale", "white crest"])
def test_nothing_scores_well_on_empty_water(noise, phrase):
    assert best_score(paint_sea(noise=noise), phrase) < 0.3


def test_a_white_bird_scores_higher_as_gull_than_as_shearwater(white_bird):
    assert best_score(white_bird, "gull") > 2 * best_score(white_bird, "shearwater")


def test_a_dark_bird_scores_higher_as_shearwater_than_as_gull():
    image = paint_ellipse(paint_sea(), (60, 110), (6, 4), BLACK)
    assert best_score(image, "shearwater") > 2 * best_score(image, "gull")


def test_a_large_dark_long_thing_is_a_whale_and_no_bird():
    image = paint_ellipse(paint_sea(), (90, 90), (24, 7), BLACK, angle=30)
    assert best_score(image, "whale") > 0.6
    assert best_score(image, "bird") < 0.3


def test_a_small_thing_is_no_whale():
    image = paint_ellipse(paint_sea(), (90, 90), (3, 2), BLACK)
    assert best_score(image, "whale") < 0.1


def test_a_modifier_of_the_wrong_colour_lowers_the_score(white_bird):
    assert best_score(white_bird, "white bird") > 0.6
    assert best_score(white_bird, "black bird") < 0.1


def test_all_words_of_a_phrase_are_lowered_by_a_wrong_modifier(white_bird):
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(white_bird), ["red bird"])
    assert detections.token_scores.max(initial=0) < 0.1


def test_a_modifier_alone_finds_what_looks_so(white_bird):
    assert best_score(white_bird, "white") > 0.6
    assert best_score(white_bird, "red") < 0.1


def test_a_long_streak_is_a_crest_rather_than_a_bird():
    image = paint_ellipse(paint_sea(), (90, 90), (18, 2), WHITE, angle=20)
    assert best_score(image, "white crest") > 2 * best_score(image, "bird")


def test_a_compact_bird_is_round_and_not_long():
    image = paint_ellipse(paint_sea(), (90, 90), (5, 5), WHITE)
    assert best_score(image, "round") > 2 * best_score(image, "long")


def test_swapping_red_and_blue_changes_what_a_red_buoy_is():
    image = paint_ellipse(paint_sea(), (90, 90), (5, 5), RED)
    assert best_score(image, "buoy") > 0.6
    assert best_score(image[..., ::-1].copy(), "buoy") < 0.3


def test_the_words_of_the_bird_prompts_do_not_all_score_alike(white_bird):
    scores = {round(float(best_score(white_bird, p)), 3) for p in PROMPT_LISTS["birds"]}
    assert len(scores) >= 6


def test_the_sea_is_the_whole_image(white_bird):
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(white_bird), ["sea"])
    np.testing.assert_array_equal(detections.boxes_xyxy, [[0, 0, 192, 192]])
    assert detections.scores[0] > 0.9


def test_a_region_of_a_sea_bird_does_not_read_as_sea(white_bird):
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(white_bird), ["sea bird"])
    box = detections.boxes_xyxy[:, 2] < 192
    assert [p for p, b in zip(detections.phrases(0.1), box, strict=True) if b] == ["bird"]


def test_every_prompt_of_the_thesis_is_in_the_lexicon():
    words = {w for group in PROMPT_LISTS.values() for p in group for w in p.split()}
    assert [word for word in words if look_up(word) is None] == []


def test_plurals_are_known():
    assert look_up("seagulls") is LEXICON["gull"]
    assert look_up("buses") is None


def test_the_known_words_of_a_phrase_answer_and_the_others_score_nothing(white_bird, caplog):
    detector = AttributeDetector()
    answers = detector.detect(detector.encode(white_bird), ["frabjous gull", "gull"])
    np.testing.assert_array_equal(answers[0].scores, answers[1].scores)
    np.testing.assert_array_equal(answers[0].token_scores[:, 0], 0)
    assert not caplog.records  # it is said before any image is labelled


@pytest.mark.parametrize(
    ("phrase", "is_understood"),
    [
        ("gull", True),
        ("frabjous gull", True),
        ("sea", True),
        ("frabjous", False),
        ("white", False),  # says how a thing looks, but not which
        ("blue frabjous", False),
        ("the", False),
    ],
)
def test_a_phrase_is_understood_when_it_names_a_thing(white_bird, phrase, is_understood):
    detector = AttributeDetector()
    (answer,) = detector.detect(detector.encode(white_bird), [phrase])
    assert answer.is_understood == is_understood


def test_a_phrase_of_unknown_words_is_answered_as_a_salient_object(white_bird):
    assert best_score(white_bird, "frabjous") > 0.6


def test_the_same_image_gives_the_same_answer(white_bird):
    first, second = (find_regions(white_bird).arrays() for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_order_of_the_phrases_does_not_matter(white_bird):
    detector = AttributeDetector()
    encoding = detector.encode(white_bird)
    gull, tern = detector.detect(encoding, ["gull", "tern"])
    (tern_alone,) = detector.detect(encoding, ["tern"])
    np.testing.assert_array_equal(tern.scores, tern_alone.scores)
    assert gull.tokens == ("gull",)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (7, 3), (97, 201), (700, 300)])
def test_odd_sizes_are_taken(size_hw):
    regions = find_regions(paint_sea(size_hw))
    assert all(np.isfinite(array).all() for array in regions.arrays())


def test_boxes_of_a_shrunk_image_are_in_pixels_of_the_original():
    image = paint_ellipse(paint_sea((1200, 800)), (500, 900), (30, 20), WHITE)
    detector = AttributeDetector()
    (detections,) = detector.detect(detector.encode(image), ["bird"])
    box = detections.boxes_xyxy[detections.scores.argmax()]
    np.testing.assert_allclose(box, [470, 880, 530, 920], atol=20)


def test_a_gray_image_is_taken():
    gray = cv2.cvtColor(paint_ellipse(paint_sea(), (60, 110), (6, 4), WHITE), cv2.COLOR_RGB2GRAY)
    assert best_score(np.dstack([gray] * 3), "white bird") > 0.5


def test_the_number_of_regions_is_capped():
    image = paint_sea((512, 512))
    for x in range(10, 512, 35):
        for y in range(10, 512, 35):
            paint_ellipse(image, (x, y), (3, 2), WHITE)
    assert len(find_regions(image)) == MAX_REGIONS
