"""What can be said of prompts before any image is seen: which words the teacher does not know.

The embedded detector has a lexicon, YOLOX the classes of COCO; all others read any word, and know
what they were taught.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from teacher.saa.attributes.lexicon import LEXICON, look_up, says_nothing
from teacher.saa.detectors.coco_words import CLASS_OF, Name, read_phrase
from util.config import SaaSection
from util.errors import listed
from util.prompts import prompt_to_phrases, quoted
from util.words import did_you_mean, split_words

_NEAR = 0.75
"""Least similarity, of 1, of a word that may be meant: two letters of four may be swapped."""


def describe_prompt(saa: SaaSection, prompt: str) -> dict[str, Any]:
    """Facts about a prompt, for the label set that answers it.

    Returns:
        For teachers with a lexicon `unknown_words`, those of the prompt that it lacks, in order,
        and `is_any_object`: whether it knows none, so that any salient object is an answer. For
        those that know the classes of COCO `unknown_words`, too, and `taken_as`, the class that
        each other name is taken for. {} for other teachers.
    """
    if saa.detector == "yolox":
        names = _names(prompt)
        unknown = dict.fromkeys(name.text for name in names if name.means is None)
        return {
            "unknown_words": list(unknown),
            "taken_as": {name.text: name.means for name in names if name.means},
        }
    if saa.detector != "attributes":
        return {}
    return {"unknown_words": unknown_words(prompt), "is_any_object": is_any_object(prompt)}


def answered_instead(facts: Mapping[str, Any]) -> str:
    """Say what answers a prompt of which the teacher knows no word.

    Args:
        facts: Of its label set, those of `describe_prompt` among them.

    Returns:
        `any salient object` or `nothing`; '' where a word is known, or nobody knows.
    """
    if not facts.get("unknown_words"):
        return ""
    if facts.get("is_any_object"):
        return "any salient object"
    return "" if facts.get("taken_as", True) else "nothing"


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
    if saa.detector == "yolox":
        remarks = _remarks_of_coco(prompts)
    elif saa.detector == "attributes":
        remarks = _remarks_of_lexicon(saa.object_prompt, prompts)
    else:
        return ""
    return f"the detector {saa.detector!r} {'; '.join(remarks)}" if remarks else ""


def _remarks_of_lexicon(object_prompt: str, prompts: Sequence[str]) -> list[str]:
    remarks = []
    vague = [prompt for prompt in prompts if is_any_object(prompt)]
    asked = [prompt for prompt in (*prompts, object_prompt) if not is_any_object(prompt)]
    if unknown := list(dict.fromkeys(word for p in asked for word in unknown_words(p))):
        remarks.append(
            f"does not know {_propose(unknown, LEXICON, unknown_words)}, which it passes over"
        )
    if vague:
        alike = ", so that their label sets are equal" * (len(vague) > 1)
        looks = "looks" if len(vague) == 1 else "look"
        remarks.append(
            f"does not know how {_propose(vague, LEXICON, unknown_words)} {looks}, and answers "
            f"with any salient object{alike}"
        )
    if is_any_object(object_prompt):
        named = _propose([object_prompt], LEXICON, unknown_words)
        remarks.append(f"does not know how the object {named} looks, and finds none")
    return remarks


def _remarks_of_coco(prompts: Sequence[str]) -> list[str]:
    empty = [p for p in prompts if not any(name.means for name in _names(p))]
    asked = [prompt for prompt in prompts if prompt not in empty]
    names = list(dict.fromkeys(name for prompt in asked for name in _names(prompt)))
    known = list(map(" ".join, CLASS_OF))
    remarks = []
    if unknown := [name.text for name in names if name.means is None]:
        remarks.append(
            f"does not know {_propose(unknown, known, _unknown_names)}, which it passes over"
        )
    if taken := [f"{n.text!r} as {n.means!r}" for n in names if n.means not in (None, n.text)]:
        remarks.append(f"takes {listed(taken)}")
    if empty:
        remarks.append(
            f"does not know {_propose(empty, known, _unknown_names)}, for which it finds nothing"
        )
    return remarks


def _propose(
    texts: Sequence[str], known: Iterable[str], unknown_in: Callable[[str], Sequence[str]]
) -> str:
    """Name words or prompts that are not known, and which known words each may mean."""
    there, told = list(known), []
    for text in texts:
        hints = {word: did_you_mean(word, there, _NEAR) for word in unknown_in(text)}
        behind = "".join(hints.values())
        if behind and len(hints) > 1:  # which is meant by which
            near = (f"{word!r}{hint}" for word, hint in hints.items() if hint)
            behind = f", in it {' and '.join(near)},"
        told.append(f"{quoted([text])}{behind}")
    return listed(told)


def _unknown_names(prompt: str) -> list[str]:
    """What a prompt names that is no class of COCO."""
    return [name.text for name in _names(prompt) if name.means is None]


def _names(prompt: str) -> list[Name]:
    """What the phrases of a prompt name among the classes of COCO."""
    return [name for phrase in prompt_to_phrases(prompt) for name in read_phrase(phrase)]
