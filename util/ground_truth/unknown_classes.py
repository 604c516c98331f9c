"""What is said of classes that a config chooses and the ground truth does not have."""

from collections.abc import Collection, Sequence
from pathlib import Path

from util.errors import listed
from util.ground_truth.coco_content import read_content
from util.ground_truth.formats import GroundTruthFormat
from util.ground_truth.yolo_classes import read_class_names
from util.words import did_you_mean


def describe_unknown(
    path: Path, file_format: GroundTruthFormat, unknown: Sequence[str], there: Collection[str]
) -> str:
    """List classes that are not there, with the names that may be meant.

    Args:
        path: Of the ground truth.
        file_format: Of it; the numbers of classes that have names are told as such.
        unknown: The classes that are not there.
        there: Those that are.
    """
    numbers = {}
    if file_format == "coco":
        numbers = {str(each.id): each.name.strip() for each in read_content(path).categories}
    elif file_format == "yolo":
        numbers = read_class_names(path)
    return listed(
        [
            f"{name} (the number of {numbers[name]!r}: choose by name)"
            if numbers.get(name) in there
            else f"{name}{did_you_mean(name, there)}"
            for name in unknown
        ]
    )
