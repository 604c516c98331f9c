"""Small detectors, made once a module."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from transformers import PreTrainedTokenizerBase

from teacher.saa.detectors import grounding_dino
from teacher.saa.detectors.captions import load_tokenizer
from teacher.saa.detectors.grounding_dino import original
from tests.teacher.saa.detectors.small_detectors import (
    DINOS,
    KINDS,
    LONG_SIDE_PX,
    SHORT_SIDE_PX,
    small_model,
    vocabulary_lines,
    write_dino,
    write_owl,
)


@pytest.fixture(scope="module")
def small_images() -> Iterator[None]:
    """Let the package resize as the small detectors of transformers do."""
    with (
        patch.object(grounding_dino, "SHORT_SIDE_PX", SHORT_SIDE_PX),
        patch.object(grounding_dino, "LONG_SIDE_PX", LONG_SIDE_PX),
    ):
        yield


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small vocabulary."""
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "vocab.txt").write_text("\n".join(vocabulary_lines()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tokenizer(vocabulary: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(vocabulary)


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerBase) -> original.GroundingDINO:
    """Of the package."""
    return small_model(tokenizer)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model's folder of each kind that transformers has."""
    root = tmp_path_factory.mktemp("models")
    for kind in DINOS:
        write_dino(kind, root / kind)
    write_owl(root / "owlv2")
    return {kind: root / kind for kind in KINDS}
