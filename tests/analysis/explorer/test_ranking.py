"""Prompts ranked on the page: as the stage ranks them, whatever images and prompts there are."""

from pathlib import Path

import pandas as pd
import pytest

from analysis import prompt_ranking
from analysis.explorer.exploring import Explorer
from analysis.explorer.ranking import PromptRanking
from tests.analysis.explorer.choices import choose
from tests.stages import label
from util.config import Config
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import read_split

PROMPTS = ["bird", "gull", "boat", "whale"]


def rank(ranking: PromptRanking, config: Config, prompts: list[str]) -> dict[str, object]:
    ranking.begin(choose(config, prompts=prompts))
    assert ranking._thread is not None
    ranking._thread.join()
    return ranking.state()


def test_the_page_ranks_as_the_stage_does(
    project: Path, config: Config, explorer: Explorer
) -> None:
    prompts = ["borogove", *PROMPTS]  # no word, so that it comes last
    options = ["--config", str(project), *(f"--teacher.prompts={each}" for each in prompts)]
    assert label(options) == 0
    assert prompt_ranking.main(options) == 0
    table = pd.read_csv(config.paths.runs / "ranking" / "prompt_ranking.csv")
    of_prompts = table[table["kind"] == "prompt"]
    image_paths = find_images(config.data.images)
    ids = read_split(config.data.splits, config.data.test_split, image_paths)
    state = rank(PromptRanking(explorer, ids, config.data.groups), config, prompts)
    assert state["error"] is None
    assert (state["done"], state["total"]) == (len(ids), len(ids))
    expected = [
        f"{name} {score:.2f} [{low:.2f}, {high:.2f}]"
        for name, score, low, high in of_prompts[
            ["label_set", "score", "score_low", "score_high"]
        ].itertuples(index=False)
    ]
    assert state["ranked"] == expected
    assert expected[-2].startswith("whale 0.00")  # it finds nothing
    assert expected[-1].startswith("borogove ")
    assert state["said"][0].startswith(f"Without labels, use {of_prompts['label_set'].iloc[0]}")  # type: ignore[index]


def test_prompts_that_say_the_same_count_once_and_images_that_fail_are_told(
    config: Config, explorer: Explorer
) -> None:
    ids = list(find_images(config.data.images))
    find_images(config.data.images)[ids[0]].write_bytes(b"none")
    ranking = PromptRanking(explorer, ids, None)
    state = rank(ranking, config, [*PROMPTS, "seagull"])
    said = state["said"]
    assert isinstance(said, list)
    assert said[1] == "seagull has the maps of gull, and is left out."
    assert said[2].startswith(f"1 image could not be labelled: {ids[0]}: ")
    assert f"{ids[0]}.png cannot be read" in said[2]
    assert len(said) == 3
    assert len(state["ranked"]) == len(PROMPTS)  # type: ignore[arg-type]
    state = rank(ranking, config, ["gull", "seagull", "boat"])
    assert "only 2 prompts have maps of their own in 11 images" in str(state["error"])
    assert state["ranked"] is None


def test_where_no_image_can_be_labelled_the_ranking_says_why(
    config: Config, explorer: Explorer
) -> None:
    ids = list(find_images(config.data.images))[:2]
    for image_id in ids:
        find_images(config.data.images)[image_id].write_bytes(b"none")
    error = rank(PromptRanking(explorer, ids, None), config, PROMPTS)["error"]
    assert str(error).startswith(f"2 images could not be labelled: {ids[0]}: ")


def test_words_that_the_teacher_does_not_know_come_last_and_the_page_says_why(
    config: Config, explorer: Explorer
) -> None:
    ranking = PromptRanking(explorer, list(find_images(config.data.images)), None)
    state = rank(ranking, config, ["borogove", "frabjous bird", *PROMPTS[1:]])
    shown, said = state["ranked"], state["said"]
    assert isinstance(shown, list)
    assert isinstance(said, list)
    scores = [float(text.split(" [")[0].rsplit(" ")[-1]) for text in shown]
    assert shown[-1].startswith("borogove ")
    assert scores[-1] > scores[-2]  # it would have come earlier
    assert said[0].endswith(
        "Last, whatever their scores, are prompts of which the teacher knows no word, with what it "
        "has marked for them: borogove (any salient object)."
    )


def test_too_few_prompts_are_refused(config: Config, explorer: Explorer) -> None:
    ranking = PromptRanking(explorer, list(find_images(config.data.images)), None)
    with pytest.raises(UserError, match="2 prompts cannot be ranked"):
        ranking.begin(choose(config))


def test_a_ranking_that_is_given_up_tells_nothing(config: Config, explorer: Explorer) -> None:
    ranking = PromptRanking(explorer, list(find_images(config.data.images)) * 50, None)
    ranking.begin(choose(config, prompts=["bird", "gull", "whale"]))
    ranking.end()
    assert ranking.state()["ranked"] is None
