"""Libraries of real teachers: which backend needs which, and which are installed."""

import importlib.metadata
import importlib.util
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from util.errors import UserError

INSTALL = "python -m pip install --no-deps -r requirements-teacher.txt"
"""Command that installs the libraries of real teachers, all pinned."""

BACKENDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("detector", "attributes"): (),
    ("detector", "yolox"): (),
    ("detector", "groundingdino"): ("torch", "torchvision", "transformers", "groundingdino-py"),
    ("detector", "transformers"): ("torch", "torchvision", "transformers"),
    ("boxes", "yolox"): (),
    ("boxes", "transformers"): ("torch", "torchvision", "transformers"),
    ("proposals", "u2net"): (),
    ("map", "u2net"): (),
    ("segmenter", "grabcut"): (),
    ("segmenter", "u2net"): (),
    ("segmenter", "sam"): ("torch", "torchvision", "segment-anything"),
    ("segmenter", "transformers"): ("torch", "torchvision", "transformers"),
    ("saliency", "colour_gradient"): (),
    ("saliency", "wide_resnet50_2"): ("torch", "torchvision", "timm"),
    ("teacher", "sam3"): ("torch", "torchvision", "transformers"),
    ("teacher", "clip"): ("torch", "torchvision", "transformers"),
}
"""What each part and backend needs beside the libraries that everything needs."""


_MODULES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "segment-anything": "segment_anything",
    "groundingdino-py": "groundingdino",
    "timm": "timm",
}
"""What is imported of each of them."""


@contextmanager
def installed(what: str) -> Iterator[None]:
    """Say in a sentence which library is missing where it is imported.

    Args:
        what: Needs it.

    Raises:
        UserError: A library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"{what} needs {error.name}, which is not installed; run {INSTALL}"
        ) from None


def installed_version(library: str) -> str | None:
    """Give the version of a library, None where it is not installed."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_libraries() -> list[str]:
    """Name the libraries that cannot be found, however they were installed; imports none."""
    return [name for name, module in _MODULES.items() if importlib.util.find_spec(module) is None]


def lacking_libraries(
    backends: Mapping[str, str], others: Collection[str], unusable: Collection[str]
) -> Iterator[str]:
    """Say which libraries the parts of a teacher lack, each with the command that installs them.

    Args:
        backends: Backend of each part that needs some.
        others: Libraries that the teacher needs beside those.
        unusable: Libraries that cannot be used.
    """
    needs = {
        f"{part} {backend}": BACKENDS.get((part, backend), ()) for part, backend in backends.items()
    }
    for who, needed in [*needs.items(), ("the teacher", others)]:
        if lacking := [name for name in needed if name in unusable]:
            yield f"{who} needs {', '.join(lacking)}: {INSTALL}"
