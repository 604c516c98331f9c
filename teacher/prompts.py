"""Prompts: what a teacher is asked for, and the lists of the thesis."""

from collections.abc import Mapping, Sequence

from util.errors import UserError
from util.label_set import prompt_to_folder

PROMPT_LISTS: Mapping[str, tuple[str, ...]] = {
    "birds": (
        "bird",
        "gull",
        "tern",
        "shearwater",
        "pelican",
        "albatross",
        "penguin",
        "oceanic bird",
        "marine bird",
        "coastal bird",
    ),
    "off_target": (
        "fighter jet",
        "airplane",
        "balloon",
        "dolphin",
        "insect",
        "whale",
        "car",
        "cat",
        "human",
        "white crest",
    ),
}
"""The 20 prompts of the thesis: words for what is sought, and words for something else."""


def resolve_prompts(names: Sequence[str]) -> list[str]:
    """Replace every `list:NAME` by the prompts of that list and check that files can be named.

    Args:
        names: Prompts, or `list:birds`, `list:off_target`, `list:all` (the 20 of the thesis).

    Returns:
        The prompts, stripped, in the order given.

    Raises:
        UserError: No prompt, an empty one, an unknown list, or two that give one folder name.
    """
    lists = {**PROMPT_LISTS, "all": tuple(p for group in PROMPT_LISTS.values() for p in group)}
    prompts: list[str] = []
    for name in names:
        if not name.startswith("list:"):
            prompts.append(name.strip())
        elif (key := name.removeprefix("list:")) in lists:
            prompts.extend(lists[key])
        else:
            raise UserError(
                f"unknown prompt list {name!r}; there are: list:{', list:'.join(lists)}"
            )
    _check_file_names(prompts)
    return prompts


def _check_file_names(prompts: Sequence[str]) -> None:
    """Refuse prompts that cannot be told apart, or not be named, as folders."""
    if not prompts:
        raise UserError("no prompt is given; name at least one, for example teacher.prompts=bird")
    seen: dict[str, str] = {}
    for prompt in prompts:
        name = prompt_to_folder(prompt)
        if not name:
            raise UserError(f"the prompt {prompt!r} has no letter or digit; write words")
        if name in seen:
            raise UserError(
                f"the prompts {seen[name]!r} and {prompt!r} give one folder name, {name!r}; "
                "drop one"
            )
        seen[name] = prompt


def prompt_to_phrases(prompt: str) -> list[str]:
    """Split a prompt at `|` into the phrases whose boxes are pooled ("bird | gull")."""
    return [phrase for part in prompt.split("|") if (phrase := part.strip().lower())]
