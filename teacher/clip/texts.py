"""What CLIP is asked of an image: phrases, and the words that they are told apart from."""

from collections.abc import Sequence

from util.prompts import prompt_to_phrases


def choose_texts(prompt: str, background_words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Choose what is told apart for a prompt.

    Args:
        prompt: Phrases, split at `|`.
        background_words: What else images show.

    Returns:
        Its phrases, and those of the words that are none of them; each once, in lower case.
    """
    phrases = prompt_to_phrases(prompt)
    words = dict.fromkeys(word.strip().lower() for word in background_words)
    return phrases, [word for word in words if word not in phrases]
