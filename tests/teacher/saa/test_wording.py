"""Words that a teacher does not know are told before it looks at an image, and kept."""

import json
from pathlib import Path

import pytest

import teacher.labelling
import teacher.soft_label_generation
from teacher.saa.wording import answered_instead, describe_prompt, remark_on_words
from tests.conftest import make_project
from util.config import SaaSection
from util.label_set import LabelSet

EMBEDDED = SaaSection()
OTHER = SaaSection(detector="groundingdino")


@pytest.mark.parametrize(
    ("prompt", "unknown", "is_any_object"),
    [
        ("gulls", [], False),
        ("Frabjous gull", ["frabjous"], False),
        ("frabjous | gull", ["frabjous"], False),
        ("frabjous Frabjous|borogove", ["frabjous", "borogove"], True),
        ("hot air", [], True),  # says nothing of how it looks
        ("पक्षी", ["पक्षी"], True),
    ],
)
def test_a_prompt_is_described_by_the_words_that_the_lexicon_lacks(
    prompt: str, unknown: list[str], is_any_object: bool
) -> None:
    expected = {"unknown_words": unknown, "is_any_object": is_any_object}
    assert describe_prompt(EMBEDDED, prompt) == expected
    assert describe_prompt(OTHER, prompt) == {}


@pytest.mark.parametrize(
    ("saa", "prompt", "expected"),
    [
        (EMBEDDED, "borogove", "any salient object"),
        (EMBEDDED, "frabjous gull", ""),
        (EMBEDDED, "hot air", ""),
        (SaaSection(detector="yolox"), "borogove", "nothing"),
        (SaaSection(detector="yolox"), "white duck", ""),
        (OTHER, "borogove", ""),
    ],
)
def test_what_answers_a_prompt_of_unknown_words_alone_is_said(
    saa: SaaSection, prompt: str, expected: str
) -> None:
    assert answered_instead(describe_prompt(saa, prompt)) == expected


def test_one_sentence_tells_the_unknown_words_of_all_prompts() -> None:
    settings = EMBEDDED.model_copy(update={"object_prompt": "sky"})
    prompts = ["bird", "frabjous gull", "borogove", "toves"]
    sentence = remark_on_words(settings, prompts)
    assert sentence == (
        "the detector 'attributes' does not know 'frabjous', which it passes over; does not know "
        "how 'borogove', 'toves' look, and answers with any salient object, so that their label "
        "sets are equal; does not know how the object 'sky' looks, and finds none"
    )
    assert remark_on_words(EMBEDDED, ["bird", "white gulls"]) == ""
    assert remark_on_words(OTHER, prompts) == ""


def test_words_that_may_be_meant_by_misspelt_ones_are_proposed() -> None:
    assert remark_on_words(EMBEDDED, ["dukc", "white gul|borogove gull"]) == (
        "the detector 'attributes' does not know 'gul' (did you mean 'gull'?), 'borogove', which "
        "it passes over; does not know how 'dukc' (did you mean 'duck'?) looks, and answers with "
        "any salient object"
    )
    assert remark_on_words(EMBEDDED, ["qwertz"]) == (
        "the detector 'attributes' does not know how 'qwertz' looks, and answers with any salient "
        "object"
    )
    several = remark_on_words(EMBEDDED, ["brd boot"])
    meant = "'brd' (did you mean 'bird'?) and 'boot' (did you mean 'boat'?)"
    assert f"how 'brd boot', in it {meant}, looks" in several
    assert "how 'hot dukc' (did you mean 'duck'?) looks" in remark_on_words(EMBEDDED, ["hot dukc"])
    coco = SaaSection(detector="yolox")
    assert "'zebar' (did you mean 'zebra'?)" in remark_on_words(coco, ["zebar"])


def test_of_coco_it_is_told_what_was_taken_and_what_finds_nothing() -> None:
    coco = SaaSection(detector="yolox")
    assert remark_on_words(coco, ["white ducks|boat", "whale", "car"]) == (
        "the detector 'yolox' does not know 'white', which it passes over; takes 'ducks' as "
        "'bird'; does not know 'whale', for which it finds nothing"
    )
    assert remark_on_words(coco, ["bird", "fire hydrant"]) == ""
    assert describe_prompt(coco, "white ducks | boat") == {
        "unknown_words": ["white"],
        "taken_as": {"ducks": "bird", "boat": "boat"},
    }


def test_unknown_words_stand_in_the_label_set_and_are_said_before_any_image(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    plain = teacher.labelling.label_images

    def label_images(*arguments: object) -> object:
        told.extend(record.getMessage() for record in caplog.records)
        return plain(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.labelling, "label_images", label_images)
    project = make_project(tmp_path)
    content = json.loads(project.read_text())
    content["teacher"]["prompts"] = ["frabjous gull", "borogove", "bird"]
    project.write_text(json.dumps(content))
    assert teacher.soft_label_generation.main(["--config", str(project)]) == 0
    assert len(told) == 1
    assert told[0].endswith(
        "does not know 'frabjous', which it passes over; does not know how 'borogove' looks, and "
        "answers with any salient object"
    )
    assert caplog.text.count("frabjous") == 1
    facts = {
        name: LabelSet(tmp_path / "label_sets" / name).manifest["facts"]
        for name in ("frabjous_gull", "borogove", "bird")
    }
    assert all(each.pop("config")["saa"]["object_prompt"] == "sea" for each in facts.values())
    assert facts == {
        "frabjous_gull": {"unknown_words": ["frabjous"], "is_any_object": False},
        "borogove": {"unknown_words": ["borogove"], "is_any_object": True},
        "bird": {"unknown_words": [], "is_any_object": False},
    }
