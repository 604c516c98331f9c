import json
from pathlib import Path
from typing import Any

import pytest

from teacher.maskomaly.querying.queries import (
    PUBLISHED_QUERIES,
    Queries,
    read_queries,
    write_queries,
)
from util.errors import UserError
from util.images.identity import ImageIdentity

IMAGES = frozenset({ImageIdentity("validation/0", "5f0c"), ImageIdentity("café", "")})
QUERIES = Queries(30, 11, (4,), (7, 2), {7: "car", 2: "void"}, IMAGES, weights_sha256="abc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queries.json"


def write(path: Path, **changes: Any) -> None:
    write_queries(path, QUERIES)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_written_is_read(path: Path) -> None:
    write_queries(path, QUERIES)
    assert read_queries(path) == QUERIES
    read_queries(path).check_network(30, 11)
    read_queries(path).check_network(30, 11, "abc")


def test_lists_may_be_left_out_by_hand(path: Path) -> None:
    path.write_text('{"num_queries": 30, "num_classes": 11, "outlier_queries": [3]}')
    assert read_queries(path) == Queries(30, 11, outlier_queries=(3,))
    read_queries(path).check_network(30, 11, "abc")


def test_images_of_older_files_are_their_ids_alone(path: Path) -> None:
    write(path, images=["validation/0", "café"])
    assert read_queries(path).images == {("validation/0", ""), ("café", "")}


def test_the_published_queries_are_those_of_a_hundred_and_nineteen_classes(path: Path) -> None:
    PUBLISHED_QUERIES.check_network(100, 19)
    write_queries(path, PUBLISHED_QUERIES)
    assert read_queries(path) == PUBLISHED_QUERIES


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ((100, 11), "30 queries and 11 classes, this one has 100 and 11"),
        ((30, 19), "30 queries and 11 classes, this one has 30 and 19"),
        ((30, 11, "def"), "the weights abc, this one has def"),
    ],
)
def test_queries_of_another_network_are_refused_in_one_sentence(
    path: Path, network: tuple[Any, ...], message: str
) -> None:
    write_queries(path, QUERIES)
    with pytest.raises(UserError, match=message) as caught:
        read_queries(path).check_network(*network)
    text = str(caught.value)
    assert text.startswith("the queries were chosen for a network of ")
    assert text.endswith("; choose queries for it, or give the network that they belong to")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outliers": [1]}, "unknown keys outliers; expected num_queries, "),
        ({"outlier_queries": [3, 30, -1]}, "outlier_queries has 30, -1; expected .* from 0 to 29"),
        ({"ground_queries": [3, 4, 3]}, "ground_queries has 3; expected .* each once"),
        ({"outlier_queries": 3}, "outlier_queries is 3; expected a list of whole numbers"),
        ({"outlier_queries": [True]}, "expected a list of whole numbers"),
        ({"outlier_queries": [1.0]}, "expected a list of whole numbers"),
        ({"images": [1]}, "images: expected the id of an image, .* not 1"),
        ({"dominant_classes": {"30": "car"}}, "dominant_classes has 30"),
        ({"dominant_classes": {"car": "1"}}, "has 'car'; expected indices"),
        ({"dominant_classes": ["car"]}, "expected an object"),
        ({"num_queries": "30"}, "num_queries is '30'; expected a whole number"),
        ({"num_classes": 0}, "num_classes is 0"),
    ],
)
def test_each_mistake_is_named_with_the_file(
    path: Path, changes: dict[str, Any], message: str
) -> None:
    write(path, **changes)
    with pytest.raises(UserError, match=message) as caught:
        read_queries(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", [None, "{}", "[1]", "{"])
def test_a_file_that_is_missing_empty_or_damaged_is_named(path: Path, text: str | None) -> None:
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=r"queries\.json.*choose"):
        read_queries(path)
