"""Which queries of a network know the ground, and which see anomalies: `queries.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from util.disk.whole_files import read_json, write_json
from util.errors import UserError, listed
from util.images.identity import ImageIdentity, parse_images


@dataclass(frozen=True)
class Queries:
    """Queries of one network; for another they are numbers without a meaning.

    Attributes:
        num_queries: Q of the network.
        num_classes: K of the network, its known classes.
        ground_queries: Whose masks are no anomaly, however sure the network is of them.
        outlier_queries: Whose masks are anomalies.
        dominant_classes: What a chosen query shows most often, by its index: name of a class.
        images: That chose the outlier queries: on these, scores are in sample.
        weights_sha256: Of the network, which tells networks of equal Q and K apart; '' = unknown.
    """

    num_queries: int
    num_classes: int
    ground_queries: tuple[int, ...] = ()
    outlier_queries: tuple[int, ...] = ()
    dominant_classes: Mapping[int, str] = field(default_factory=dict)
    images: frozenset[ImageIdentity] = frozenset()
    weights_sha256: str = ""

    def __post_init__(self) -> None:
        """Make sure that the queries are there.

        Raises:
            UserError: An index is out of range or given twice.
        """
        for name in ("ground_queries", "outlier_queries", "dominant_classes"):
            given = tuple(getattr(self, name))
            bad = [query for query in given if not 0 <= query < self.num_queries]
            bad += [query for query in sorted(set(given)) if given.count(query) > 1]
            if bad:
                raise UserError(
                    f"{name} has {listed(bad)}; expected indices from 0 to {self.num_queries - 1}, "
                    "each once"
                )

    def check_network(self, num_queries: int, num_classes: int, weights_sha256: str = "") -> None:
        """Refuse another network than the queries were chosen for.

        Args:
            num_queries: Q of the network at hand.
            num_classes: K of it.
            weights_sha256: Of it; '' = not asked.

        Raises:
            UserError: It is another.
        """
        chosen_for = f"{self.num_queries} queries and {self.num_classes} classes"
        given = f"{num_queries} and {num_classes}"
        if (num_queries, num_classes) == (self.num_queries, self.num_classes):
            if self.weights_sha256 == weights_sha256 or not (
                self.weights_sha256 and weights_sha256
            ):
                return
            chosen_for = f"the weights {self.weights_sha256}"
            given = weights_sha256
        raise UserError(
            f"the queries were chosen for a network of {chosen_for}, this one has {given}; choose "
            "queries for it, or give the network that they belong to"
        )


PUBLISHED_QUERIES = Queries(100, 19, (19, 24), (49, 31, 83, 32))
"""Of the published code; right for one network alone, Mask2Former with Swin-L of its model zoo,
trained for semantic segmentation of Cityscapes (model_final_17c1ee.pkl)."""


def write_queries(path: Path, queries: Queries) -> None:
    """Write `queries.json`.

    Raises:
        OSError: The folder cannot be written.
    """
    write_json(path, asdict(queries) | {"images": sorted(queries.images)})


def read_queries(path: Path) -> Queries:
    """Read `queries.json`; whether it is of a network, `Queries.check_network` says.

    Lists that the file lacks are empty, so that it can be written by hand.

    Raises:
        UserError: The file is missing or damaged, has unknown keys, values of another type or
            indices that are none.
    """
    content = read_json(path, "choose the queries anew")
    if not content:
        raise UserError(f"{path}, which names the queries, is missing or empty; choose queries")
    try:
        return _parse(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _parse(content: Mapping[str, Any]) -> Queries:
    """Turn the content of a file into queries."""
    names = [each.name for each in fields(Queries)]
    if unknown := [name for name in content if name not in names]:
        raise UserError(f"unknown keys {listed(unknown)}; expected {', '.join(names)}")
    classes = content.get("dominant_classes", {})
    if not isinstance(classes, dict):
        raise UserError(f"dominant_classes is {classes!r}; expected an object")
    try:
        images = parse_images(content.get("images", []))
    except ValueError as error:
        raise UserError(f"images: {error}") from None
    return Queries(
        _number(content, "num_queries"),
        _number(content, "num_classes"),
        tuple(_indices(content, "ground_queries")),
        tuple(_indices(content, "outlier_queries")),
        {_index(query): str(name) for query, name in classes.items()},
        images,
        str(content.get("weights_sha256", "")),
    )


def _number(content: Mapping[str, Any], key: str) -> int:
    value = content.get(key)
    if type(value) is not int or value < 1:
        raise UserError(f"{key} is {value!r}; expected a whole number above 0")
    return value


def _indices(content: Mapping[str, Any], key: str) -> Sequence[int]:
    values = content.get(key, [])
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise UserError(f"{key} is {values!r}; expected a list of whole numbers")
    return values


def _index(text: str) -> int:
    if not text.isdecimal():
        raise UserError(f"dominant_classes has {text!r}; expected indices of queries")
    return int(text)
