import random
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from util.errors import UserError
from util.label_set import prompt_to_folder
from util.multi_teacher.group_sampling import sample_groups
from util.prompts import PROMPT_LISTS, prompt_to_phrases, resolve_prompts

THESIS_GROUPS = [
    ["shearwater", "bird", "marine bird", "oceanic bird", "car"],
    ["pelican", "shearwater", "cat", "tern", "dolphin"],
    ["gull", "bird", "tern", "penguin", "oceanic bird"],
]


def test_the_lists_are_the_20_prompts_of_the_thesis() -> None:
    prompts = resolve_prompts(["list:all"])
    assert len(prompts) == 20
    assert prompts == [*resolve_prompts(["list:birds"]), *resolve_prompts(["list:off_target"])]
    assert all(len(group) == 10 for group in PROMPT_LISTS.values())


def test_prompts_keep_their_order_and_lose_outer_blanks() -> None:
    assert resolve_prompts([" white crest ", "bird"]) == ["white crest", "bird"]


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["list:fish"], "unknown prompt list 'list:fish'; there are: list:birds"),
        (["Bird", "bird"], "one folder name, 'bird'"),
        (["sea bird", "sea-bird"], "one folder name"),
        (["bird", "list:birds"], "'bird' is there twice"),
        ([], "no prompt"),
        (["!?"], "no letter or digit is in the prompt '!\\?'"),
        (["bird " * 60], "255 bytes .*shorten the prompt 'bird bird .*\\.\\.\\.'"),
        (["क" * 86], "255 bytes"),  # three bytes each
    ],
)
def test_prompts_that_cannot_be_told_apart_are_refused(prompts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_prompts(prompts)


def test_all_prompts_that_cannot_name_a_folder_are_told_together() -> None:
    with pytest.raises(UserError) as error:
        resolve_prompts(["!", "bird", "a" * 256, "Bird", "?"])
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "'!', '?'" in lines[0]
    assert "'aaa" in lines[1]
    assert "'bird' and 'Bird'" in lines[2]


def test_the_longest_folder_names_are_taken(tmp_path: Path) -> None:
    for prompt in ("a" * 255, "क" * 85):
        assert resolve_prompts([prompt]) == [prompt]
        (tmp_path / prompt_to_folder(prompt)).mkdir()


def test_folder_names_are_plain() -> None:
    assert prompt_to_folder("../White  Crest; möwe") == "white_crest_möwe"


def test_folder_names_keep_the_vowel_signs_of_hindi() -> None:
    assert prompt_to_folder("पक्षी, पानी") == "पक्षी_पानी"
    assert resolve_prompts(["पानी", "पीना"]) == ["पानी", "पीना"]


def test_phrases_are_split_and_lower_case() -> None:
    assert prompt_to_phrases("Bird | white  gull|") == ["bird", "white  gull"]


def test_a_phrase_that_a_prompt_has_twice_is_asked_once() -> None:
    assert prompt_to_phrases("bird | gull | Bird") == ["bird", "gull"]


def test_the_groups_of_seed_42_are_those_of_the_thesis() -> None:
    assert sample_groups(resolve_prompts(["list:all"]), 3, 5, seed=42) == THESIS_GROUPS


def test_sampling_leaves_the_global_generator_alone() -> None:
    random.seed(1)
    before = random.getstate()
    sample_groups(["a", "b"], 1, 1, seed=3)
    assert random.getstate() == before


@pytest.mark.parametrize("size", [0, 3])
def test_impossible_group_sizes_are_refused(size: int) -> None:
    with pytest.raises(UserError, match="from 1 to 2"):
        sample_groups(["a", "b"], 1, size, seed=0)


def test_the_notebook_runs_and_shows_the_groups() -> None:
    path = ROOT / "util" / "multi_teacher" / "group_sampling.ipynb"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}})
    client.execute()
    shown = "".join(
        str(output.get("text", "")) for cell in notebook.cells for output in cell.get("outputs", [])
    )
    for group in THESIS_GROUPS:
        assert ", ".join(group) in shown
