"""Pictures of what a student has predicted."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from util.disk.walking import note_pictures
from util.images.files import read_image, write_image
from util.images.ids import id_to_path
from util.images.splits import spread
from util.label_set import LabelSet
from util.visualization import draw_overlay


def draw_pictures(
    folder: Path,
    predicted: LabelSet,
    image_paths: Mapping[str, Path],
    predictions: pd.DataFrame,
    num_pictures: int,
    truths: pd.DataFrame | None = None,
) -> None:
    """Draw some of the images that were predicted, with their boxes, beside the student's maps.

    Args:
        folder: Where the pictures go, named by the ids of their images.
        predicted: The student's label set.
        image_paths: Path of each image by its id.
        predictions: Table of its boxes.
        num_pictures: At most; they are spread over all images.
        truths: Table of the true boxes; None where nobody knows them.
    """
    chosen = spread(predicted.ids, num_pictures)
    paths = {image_id: id_to_path(folder, image_id) for image_id in chosen}
    note_pictures(paths.values())
    for image_id, path in paths.items():
        picture = draw_overlay(
            read_image(image_paths[image_id]),
            predicted.read(image_id),
            predictions[predictions["image"] == image_id],
            None if truths is None else truths[truths["image"] == image_id],
        )
        write_image(path, picture)
