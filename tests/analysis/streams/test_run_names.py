"""Names of trainings: those of the original are read, and what is written is read as it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.streams.run_names import RunName, name_strategy, parse_run_name, without_seed
from util.config import StreamsSection
from util.errors import UserError

NAME = "WALT-cam1o2-week1o5_yolov8n_yolov8x6_thresholded-top-confidence-max_stream-based_256"


def test_a_name_says_what_was_learnt_from() -> None:
    run = parse_run_name(f"3kq9zx1a.{NAME}")
    assert run == RunName(
        dataset="WALT",
        cameras=("1", "2"),
        weeks=("1", "5"),
        student="yolov8n",
        teacher="yolov8x6",
        strategy="thresholded-top-confidence-max",
        setting="stream-based",
        samples=256,
        run_id="3kq9zx1a",
    )
    assert (run.source_domain, run.source_period) == ("cam1o2", "week1o5")
    assert str(run) == f"3kq9zx1a.{NAME}"
    assert parse_run_name(NAME).run_id is None


@pytest.mark.parametrize(
    ("rest", "strategy", "setting"),
    [
        (
            "bernoulliTopconfidenceStreambased_max_stream-based_64",
            "bernoulliTopconfidenceStreambased_max",
            "stream-based",
        ),
        ("movement_64", "movement", None),
        ("frequency_pool-based_64", "frequency", "pool-based"),
        ("random-42_pool-based_64", "random-42", "pool-based"),
        ("AlphaAdjusted-uniform-random-0_stream-based_64", None, "stream-based"),
    ],
)
def test_names_that_the_original_cannot_read_are_read(
    rest: str, strategy: str | None, setting: str | None
) -> None:
    run = parse_run_name(f"AI-city-camS05c017-week12345_yolov8n_yolov8x6_{rest}")
    assert (run.dataset, run.cameras, run.weeks) == ("AI-city", ("S05c017",), ("12345",))
    assert run.strategy == (strategy or "AlphaAdjusted-uniform-random-0")
    assert (run.setting, run.samples) == (setting, 64)


WORD = st.text("aAzo0-", min_size=1, max_size=8)
NUMBER = st.text("0129aZ", min_size=1, max_size=4)
PAIRS = st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=4)


@given(
    dataset=WORD | st.just("a-cam1-week1"),
    pairs=PAIRS,
    student=WORD | st.just("yolo11n.v2"),
    teacher=WORD | st.just("a.b-cam1-week2"),
    strategy=WORD | st.sampled_from(["b_max", "_", "a_pool-based", "x_7"]),
    setting=st.sampled_from(["stream-based", "pool-based", None]),
    samples=st.integers(0, 10**6),
    run_id=st.none() | WORD,
)
def test_what_is_written_is_read_as_it_was_or_refused(pairs: Any, **parts: Any) -> None:
    cameras, weeks = (tuple(each) for each in zip(*pairs, strict=True))
    hides_setting = parts["setting"] is None and parts["strategy"] == "a_pool-based"
    if hides_setting:  # would be read as another run
        with pytest.raises(UserError, match="cannot be the name"):
            RunName(cameras=cameras, weeks=weeks, **parts)
        return
    run = RunName(cameras=cameras, weeks=weeks, **parts)
    assert parse_run_name(str(run)) == run


@pytest.mark.parametrize(
    "name",
    [
        "",
        "student",
        NAME.removesuffix("_256"),
        NAME.replace("256", "many"),
        NAME.replace("-week1o5", ""),
        NAME.replace("week1o5", "week1"),
        NAME.replace("cam1o2", "cam1oo2"),
        f"{NAME}\n",
        f"../{NAME}",
        f"a/b.{NAME}",
        f"{NAME}.pt",
    ],
)
def test_what_is_no_such_name_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match=r"expected \[ID.\]DATASET-camAoB-weekXoY_STUDENT") as error:
        parse_run_name(name)
    assert "\n" not in str(error.value).replace(repr(name), "")


@pytest.mark.parametrize(
    "changed",
    [
        {"student": "yolo_n"},
        {"teacher": "../x"},
        {"dataset": "WALT.2"},
        {"cameras": ("north", "2")},
        {"cameras": ("1",)},
        {"cameras": (), "weeks": ()},
        {"samples": -1},
    ],
)
def test_parts_that_would_be_read_as_others_are_refused(changed: dict[str, Any]) -> None:
    parts = {
        "dataset": "WALT",
        "cameras": ("1", "2"),
        "weeks": ("1", "2"),
        "student": "a",
        "teacher": "b",
        "strategy": "n-first",
        "setting": "stream-based",
        "samples": 9,
    }
    assert str(RunName(**parts)) == "WALT-cam1o2-week1o2_a_b_n-first_stream-based_9"  # type: ignore[arg-type]
    with pytest.raises(UserError, match="cannot be the name of a run"):
        RunName(**{**parts, **changed})


@pytest.mark.parametrize(
    ("told", "name", "setting", "unseeded"),
    [
        ({"strategy": "n-first"}, "n-first", "stream-based", None),
        ({}, "thresholded-top-confidence-max", "stream-based", None),
        (
            {"strategy": "thresh-least-confidence", "confidence": "mean"},
            "thresholded-least-confidence-mean",
            "stream-based",
            None,
        ),
        (
            {"strategy": "uniform-random", "seed": 3},
            "uniform-random-3",
            "stream-based",
            "uniform-random",
        ),
        ({"strategy": "random", "seed": 42}, "random-42", "pool-based", "random"),
        ({"strategy": "top-confidence"}, "top-confidence-max", "pool-based", None),
        ({"strategy": "thresh-object-count"}, "thresholded-object-count", "stream-based", None),
        ({"strategy": "online-top-confidence"}, "online-top-confidence-max", "stream-based", None),
        (
            {"strategy": "bernoulli-least-confidence", "confidence": "mean", "seed": 5},
            "bernoulli-least-confidence-mean-5",
            "stream-based",
            "bernoulli-least-confidence-mean",
        ),
        ({"strategy": "frequency"}, "frequency", "pool-based", None),
        ({"strategy": "movement"}, "movement", "stream-based", None),
        ({"strategy": "disagreement"}, "disagreement", "pool-based", None),
        ({"strategy": "interval-sampling"}, "interval-sampling", "pool-based", None),
        (
            {"strategy": "random", "second_stage": "kmeans-cosine", "frames": 128, "seed": 1},
            "random-1-128+kmeans-cosine-1",
            "pool-based",
            "random-128+kmeans-cosine",
        ),
        (
            {"second_stage": "farthest-first"},
            "thresholded-top-confidence-max-256+farthest-first",
            "stream-based",
            None,
        ),
    ],
)
def test_strategies_have_the_names_of_the_original(
    told: dict[str, Any], name: str, setting: str, unseeded: str | None
) -> None:
    assert name_strategy(StreamsSection(**told)) == (name, setting)
    assert without_seed(name) == (unseeded or name)
