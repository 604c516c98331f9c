import shutil
from pathlib import Path

import pytest

from teacher.saa.detectors.captions import load_tokenizer
from tests.teacher.saa.detectors.small_detectors import WORDS
from util.errors import UserError
from util.weights.finding import locate


def test_a_vocabulary_in_the_cache_of_the_hub_is_found_by_name(
    vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--google-bert--bert-base-uncased"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0a1b", encoding="utf-8")
    shutil.copytree(vocabulary, kept / "snapshots" / "0a1b")
    folder = locate(None, "text encoder", "groundingdino", tmp_path / "weights")
    tokenizer = load_tokenizer(folder)
    assert tokenizer("a bird")["input_ids"] == [101, 500, 501, 102]


def test_a_missing_vocabulary_is_fetched_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(UserError, match=r"saa\.text_encoder.*--fetch google-bert/bert-base"):
        locate(None, "text encoder", "groundingdino", tmp_path / "weights")
    with pytest.raises(UserError, match=r"has no vocab\.txt; give a .* or fetch google-bert"):
        load_tokenizer(tmp_path)


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    words = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *WORDS])
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    with pytest.raises(UserError, match=r"vocab\.txt is not the vocabulary of bert-base-uncased"):
        load_tokenizer(tmp_path)
