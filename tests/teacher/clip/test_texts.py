"""What prompts are compared with."""

import pytest

from teacher.clip.plan import plan
from teacher.clip.texts import choose_texts
from util.config import ClipSection, TeacherSection
from util.config.teachers.clip import PUBLISHED_BACKGROUND


def test_words_of_a_prompt_are_not_what_it_is_told_apart_from() -> None:
    assert choose_texts("Smoke | cloud", ["sky", "Cloud", "sky ", "tree"]) == (
        ["smoke", "cloud"],
        ["sky", "tree"],
    )


def test_prompts_that_are_all_of_the_background_are_named() -> None:
    teacher = TeacherSection(name="clip", prompts=["sky", "sky | sea", "gull"])
    (trouble,) = plan(teacher, ClipSection(background_words=["sky"])).troubles
    assert "not of the prompt 'sky', 'sky | sea' itself; name some" in trouble
    assert plan(teacher, ClipSection(background_words=["sky", "tree"])).troubles == ()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"text_template": "a photo"}, "expected a text with one {}"),
        ({"text_template": "{} or {}"}, "expected a text with one {}"),
        ({"background_words": ["sky", " "]}, "none of them empty"),
        ({"background_words": []}, "at least 1 item"),
        ({"region_threshold": 1}, "less than 1"),
        ({"longest_px": 8}, "greater than or equal to 16"),
    ],
)
def test_settings_that_ask_nothing_are_refused(values: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ClipSection.model_validate(values)


def test_the_published_words_are_25() -> None:
    assert len(set(PUBLISHED_BACKGROUND)) == 25
