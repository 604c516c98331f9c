"""What phrases become before a GroundingDINO reads them: captions, and their tokens."""

from collections.abc import Sequence
from pathlib import Path

from transformers import BertTokenizer, PreTrainedTokenizerBase

from util.errors import PromptError, UserError, listed
from util.prompts import quoted

BETWEEN_WORDS = ("[CLS]", "[SEP]", ".", "?")
"""Tokens at which GroundingDINO cuts a caption into phrases."""

_NUMBERS = [101, 102, 1012, 1029]  # of these, in bert-base-uncased


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of bert-base-uncased, of which vocab.txt is enough.

    Raises:
        UserError: The folder has no vocabulary, or another one.
    """
    vocabulary = folder / "vocab.txt"
    if not vocabulary.is_file():
        raise UserError(
            f"saa.text_encoder: {folder} has no vocab.txt; give a folder with that of"
            " bert-base-uncased, or fetch google-bert/bert-base-uncased"
        )
    tokenizer = BertTokenizer(str(vocabulary), do_lower_case=True)
    if tokenizer.convert_tokens_to_ids(list(BETWEEN_WORDS)) != _NUMBERS:
        raise UserError(
            f"saa.text_encoder: {vocabulary} is not the vocabulary of bert-base-uncased, with"
            " which GroundingDINO was trained"
        )
    return tokenizer


def to_caption(phrase: str) -> str:
    """Write a phrase as GroundingDINO was trained on: lower case, with a full stop at the end."""
    caption = phrase.lower().strip()
    return caption if caption.endswith(".") else caption + "."


def name_tokens(tokenizer: PreTrainedTokenizerBase, caption: str) -> tuple[str, ...]:
    """Name the tokens of a caption, first to last; '' for those between words."""
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(caption)["input_ids"])
    return tuple("" if token in BETWEEN_WORDS else token for token in tokens)


def check_lengths(
    tokenizer: PreTrainedTokenizerBase, phrases: Sequence[str], limit: int, reader: str
) -> None:
    """Refuse phrases of more tokens than the model can read.

    Args:
        tokenizer: The model's own.
        phrases: What it shall read.
        limit: How many tokens of a phrase it reads.
        reader: The model, for the error.

    Raises:
        PromptError: There are such phrases; all of them are named.
    """
    # Not verbose: the tokenizer has a warning of its own for what is refused here.
    counts = {p: len(tokenizer(p, verbose=False)["input_ids"]) for p in phrases}
    if long := [f"{quoted([p])} has {count}" for p, count in counts.items() if count > limit]:
        raise PromptError(
            f"the prompt {listed(long)} tokens and {reader} reads {limit} at most; shorten it"
        )
