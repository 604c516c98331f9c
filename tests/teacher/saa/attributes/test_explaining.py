"""What `--words` tells of the lexicon."""

import pytest

import teacher.soft_label_generation
from teacher.saa.attributes.explaining import explain_words, is_alike, look_alikes
from teacher.saa.attributes.lexicon import LEXICON


def test_every_word_is_told_once_with_its_meaning() -> None:
    text = "\n".join(explain_words()).split("Any other word")[0]
    told = text.replace("(", " ").replace(")", " ").replace(",", " ").replace(":", " ").split()
    assert set(LEXICON) <= set(told)
    (line,) = [line for line in text.splitlines() if line.startswith("  gull ")]
    assert line.startswith("  gull (seagull): white or pale, size 0.015 to 0.08, elongation up to")
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("duck", "goose", True),
        ("bird", "gull", True),
        ("gull", "cormorant", False),  # no common colour
        ("whale", "insect", False),  # sizes
        ("crack", "spot", False),  # shapes
        ("smoke", "steam", True),
    ],
)
def test_words_are_alike_by_colour_and_all_ranges(one: str, other: str, alike: bool) -> None:
    assert is_alike(LEXICON[one], LEXICON[other]) == alike
    assert (other in look_alikes().get(one, [])) == alike


@pytest.mark.parametrize(
    "word",
    [
        "crack",
        "scratch",
        "hole",
        "spot",
        "break",
        "stain",
        "smoke",
        "plume",
        "haze",
        "steam",
        "cracks",
        "holes",
    ],
)
def test_words_of_inspection_and_smoke_are_known(word: str) -> None:
    from teacher.saa.attributes.lexicon import look_up

    found = look_up(word)
    assert found is not None
    assert found.kind == "noun"


def test_the_script_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert teacher.soft_label_generation.main(["--words"]) == 0
    assert capsys.readouterr().out == "".join(f"{line}\n" for line in explain_words())
