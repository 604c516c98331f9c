"""Prompts: what a teacher is asked for, and the lists of the thesis."""

from collections.abc import Mapping, Sequence

from util.errors import UserError, listed
from util.label_set import prompt_to_folder

PROMPTED = ("saa", "sam3", "clip")
"""Teachers that answer prompts; all others give the label sets that they give."""

MAX_NAME_BYTES = 255
"""What file systems let the name of a folder have."""

SHOWN = 60
"""How many letters of a long prompt are shown."""

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
        UserError: No prompt, an empty or too long one, an unknown list, or two that give one
            folder name.
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
    """Refuse prompts that cannot be told apart, or not be named, as folders; all together."""
    if not prompts:
        raise UserError("no prompt is given; name at least one, for example teacher.prompts=bird")
    names = {prompt: prompt_to_folder(prompt) for prompt in prompts}
    faults = []
    if nameless := [prompt for prompt, name in names.items() if not name]:
        faults.append(f"no letter or digit is in the prompt {quoted(nameless)}; write words")
    if long := [prompt for prompt, name in names.items() if len(name.encode()) > MAX_NAME_BYTES]:
        faults.append(
            f"the folder of a label set is named by its prompt, whose words may have "
            f"{MAX_NAME_BYTES} bytes in UTF-8 together; shorten the prompt {quoted(long)}"
        )
    seen: dict[str, str] = {}
    for prompt in prompts:
        name = names[prompt]
        if name in seen and seen[name] == prompt:
            faults.append(f"the prompt {quoted([prompt])} is there twice; drop one")
        elif name in seen:
            twins = f"the prompts {seen[name]!r} and {prompt!r} give one folder name, {name!r}"
            faults.append(f"{twins}; drop one")
        elif name:
            seen[name] = prompt
    if faults:
        raise UserError("\n".join(faults))


def quoted(prompts: Sequence[str]) -> str:
    """Name prompts, the first few of many, and of long ones the beginning."""
    return listed([repr(p if len(p) <= SHOWN else f"{p[:SHOWN]}...") for p in prompts])


def prompt_to_phrases(prompt: str) -> list[str]:
    """Split a prompt at `|` into the phrases whose boxes are pooled ("bird | gull"), each once."""
    phrases = (part.strip().lower() for part in prompt.split("|"))
    return list(dict.fromkeys(phrase for phrase in phrases if phrase))
