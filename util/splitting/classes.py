"""The class of each image, of which every split gets its share."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from util.config import DataSection
from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels
from util.ground_truth.reading import read_truths

ClassesFrom = Literal["none", "image_labels", "folder", "ground_truth"]

NOTHING = "(none)"
"""Class of images that show nothing of any class."""

NOT_LOOKED_AT = "(not labelled)"
"""Class of images of which nobody has said what they show."""


def name_classes(
    kind: ClassesFrom,
    data: DataSection,
    image_paths: Mapping[str, Path],
    annotated: Collection[str],
) -> dict[str, str]:
    """Name the class of each image by its id; of several, all are named: `gull + boat`.

    Args:
        kind: As splits.classes.
        data: Names labels and ground truth.
        image_paths: Of all images, by id.
        annotated: Those whose truth is known; others have nothing of any class.

    Raises:
        UserError: Labels or ground truth are missing or cannot be read.
    """
    ids = list(image_paths)
    if kind == "folder":
        return {i: i.rpartition("/")[0].rpartition("/")[2] or NOTHING for i in ids}
    if kind == "image_labels":
        if data.image_labels is None:
            raise UserError("splits.classes is image_labels, but data.image_labels is not set")
        labels = read_image_labels(data.image_labels, ids)
        return {i: _join(labels[i]) if i in labels else NOT_LOOKED_AT for i in ids}
    if kind == "ground_truth":
        table = read_truths(data, image_paths, [i for i in ids if i in annotated])
        of_image = table.groupby("image", sort=False)["obj_class"].unique()
        return {i: _join(of_image.get(i, [])) for i in ids}
    return dict.fromkeys(ids, "all")


def _join(names: object) -> str:
    return " + ".join(sorted(names)) or NOTHING  # type: ignore[call-overload]
