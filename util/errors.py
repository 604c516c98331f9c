"""The one exception that means "the user can mend this", and how to word lists of bad items."""

from collections.abc import Sequence


class UserError(ValueError):
    """Bad input: the message says what was given, where, what was expected and what to do.

    Scripts print it without a traceback and exit with status 2. Anything else is a bug of ours and
    keeps its traceback.
    """


class PromptError(UserError):
    """A prompt that a model cannot take, whatever the image: no image can be labelled for it."""


def listed(items: Sequence[object], shown: int = 5) -> str:
    """Name the first few of many items: `a, b, c and 4 more`. Empty input gives ''."""
    text = ", ".join(str(item) for item in items[:shown])
    return text if len(items) <= shown else f"{text} and {len(items) - shown} more"
