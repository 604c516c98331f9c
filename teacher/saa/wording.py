"""What can be said of prompts before any image is seen: which words the teacher does not know.

Only the embedded detector has a lexicon; all others read any word, and know what they were taught.
"""

from collections.abc import Sequence
from typing import Any

from teacher.prompts import prompt_to_phrases, quoted
from teacher.saa.attributes.lexicon import look_up, says_nothing
from util.config import SaaSection
from util.words import split_words


def describe_prompt(saa: SaaSection, prompt: str) -> dict[str, Any]:
    """Facts about a prompt, for the label set that answers it.

    Returns:
        For teachers with a lexicon `unknown_words`, those of the prompt that it lacks, in order,
        and `is_any_object`: whether it knows none, so that any salient object is an answer; {} for
        other teachers.
    """
    if not has_lexicon(saa):
        return {}
    return {"unknown_words": unknown_words(prompt), "is_any_object": is_any_object(prompt)}


def has_lexicon(saa: SaaSection) -> bool:
    """Tell whether a teacher knows only the words of a list."""
    return saa.detector == "attributes"


def unknown_words(prompt: str) -> list[str]:
    """The words of a prompt that the lexicon lacks, in order, each once."""
    words = (word for phrase in prompt_to_phrases(prompt) for word in split_words(phrase))
    return list(dict.fromkeys(word for word in words if look_up(word) is None))


def is_any_object(prompt: str) -> bool:
    """Tell whether the lexicon knows no word of a prompt that says how something looks."""
    phrases = map(split_words, prompt_to_phrases(prompt))
    return all(says_nothing([look_up(word) for word in phrase]) for phrase in phrases)


def remark_on_words(saa: SaaSection, prompts: Sequence[str]) -> str:
    """Say in a sentence what a teacher makes of words that it does not know; '' if it knows all.

    Args:
        saa: Of the teacher.
        prompts: What it shall look for.
    """
    if not has_lexicon(saa):
        return ""
    remarks = []
    asked = [*prompts, saa.object_prompt]
    if unknown := list(dict.fromkeys(word for p in asked for word in unknown_words(p))):
        remarks.append(f"does not know {quoted(unknown)}, which it passes over")
    if vague := [prompt for prompt in prompts if is_any_object(prompt)]:
        alike = ", so that their label sets are equal" * (len(vague) > 1)
        remarks.append(f"answers {quoted(vague)} with any salient object{alike}")
    if is_any_object(saa.object_prompt):
        remarks.append(f"finds no object {saa.object_prompt!r}")
    return f"the detector 'attributes' {'; '.join(remarks)}" if remarks else ""
