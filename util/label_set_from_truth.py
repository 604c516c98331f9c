"""Make a label set of the ground truth, for students that learn from it, wholly or in part.

    python util/label_set_from_truth.py --split Train --name truth

Reads data.masks, or data.ground_truth where that is null. Masks give exact maps, and weight 0
(student.pixel_weights) to pixels that are to be ignored: 255, unless data.ground_truth_classes has
it. A box of any other format gives the ellipse in it, and its corners, of which nobody knows what
they are, get weight 0. Writes paths.label_sets/NAME.
Next: python student/train.py --student.label_set truth, or NAME+OTHER, which learns from OTHER what
the ground truth does not have.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from util.bbox_csv import COORDINATES
from util.config import Config, DataSection, load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.ground_truth import (
    check_size,
    is_object,
    mask_values,
    present_masks,
    read_mask,
    read_truth,
    read_truths,
)
from util.image_files import find_images, fingerprint, image_size_hw
from util.label_set import LabelSet, LabelSetWriter, prompt_to_folder
from util.pixel_metrics import IGNORED
from util.progress import track
from util.run import print_next, run_script
from util.sea_scenes import make_demo_if_asked
from util.settings import settings_hash
from util.splits import read_split

Truth = tuple[np.ndarray, np.ndarray]
"""(H, W) float32 map, 1 = anomalous, and (H, W) bool, which pixels are known."""

SLACK_PX = 0.01

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "split": {
        "metavar": "NAME",
        "help": "images that the label set shall have, A+B joins two (default: all that have a"
        " truth; without masks: all)",
    },
    "name": {"metavar": "NAME", "default": "truth", "help": "the label set's name: truth"},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS)
    if not options.name or options.name != prompt_to_folder(options.name):
        raise UserError(
            f"--name is {options.name!r}; expected letters, digits and _, such as "
            f"{prompt_to_folder(options.name) or 'truth'}"
        )
    make_demo_if_asked(config.paths, config.data)
    image_paths = find_images(config.data.images)
    if options.split is not None:
        ids = read_split(config.data.splits, options.split, image_paths)
        image_paths = {image_id: image_paths[image_id] for image_id in ids}
    label_set = write_truth(config, image_paths, options.name, options.overwrite)
    counts = label_set.manifest["counts"]
    print(f"{label_set.folder}: {counts['labelled']} with objects, {counts['empty']} without")
    more = ["--student.pixel_weights", "label_set"] if label_set.has_weights else []
    print_next(["student/train.py", "--student.label_set", options.name, *more], argv)
    return 0


def write_truth(
    config: Config, image_paths: Mapping[str, Path], name: str, overwrite: bool
) -> LabelSet:
    """Write the label set, as far as it is missing."""
    settings: dict[str, Any] = {"producer": "ground truth"}
    data = config.data
    if data.masks is not None:
        sources, draw = _find_masks(data.masks, read_truth, image_paths)
        settings |= {"format": "masks"}
    else:
        find = _find_object_masks if data.ground_truth_format == "masks" else _find_boxes
        sources, draw = find(data, image_paths)
        settings |= {"format": data.ground_truth_format, "classes": data.ground_truth_classes}
    with LabelSetWriter(config.paths.label_sets / name, settings, overwrite) as writer:
        for image_id in track(writer.pending(sources), "truth"):
            start = time.perf_counter()
            truth, is_known = draw(image_id)
            weights = None if is_known.all() else is_known
            writer.add(image_id, truth, sources[image_id], time.perf_counter() - start, weights)
        object_class = "|".join(data.ground_truth_classes) or name
        return writer.finish(config.evaluation.box_settings(BoxSettings(object_class=object_class)))


Found = tuple[dict[str, str], Callable[[str], Truth]]
"""Fingerprint of each image's truth by its id, and how it becomes a map."""


def _find_masks(
    folder: Path | None, read: Callable[[Path], np.ndarray], image_paths: Mapping[str, Path]
) -> Found:
    """Find the masks that there are; `read` gives 0 normal, 1 anomalous, 255 ignored.

    Raises:
        UserError: There is no folder, or none in it; or, when drawn, one has another size than its
            image.
    """
    paths = present_masks(folder, image_paths)
    if not paths:
        raise UserError(f"{folder} has no mask of any image: <image id>.png is expected")

    def draw(image_id: str) -> Truth:
        mask = read(paths[image_id])
        check_size(paths[image_id], mask, image_size_hw(image_paths[image_id]))
        return (mask == 1).astype(np.float32), mask != IGNORED

    return {image_id: fingerprint([path]) for image_id, path in paths.items()}, draw


def _find_object_masks(data: DataSection, image_paths: Mapping[str, Path]) -> Found:
    """Find the masks whose values are classes."""
    values = mask_values(data.ground_truth_classes)

    def read(path: Path) -> np.ndarray:
        mask = read_mask(path)
        ignored = np.where(mask == IGNORED, IGNORED, 0)
        return np.where(is_object(mask, values), 1, ignored)

    return _find_masks(data.ground_truth, read, image_paths)


def _find_boxes(data: DataSection, image_paths: Mapping[str, Path]) -> Found:
    """Find the boxes of all images."""
    table = read_truths(data, image_paths, list(image_paths))
    boxes = {
        image_id: rows[COORDINATES].to_numpy(float)
        for image_id, rows in table.groupby("image", sort=False)
    }
    nothing = np.zeros((0, 4))

    def draw(image_id: str) -> Truth:
        return draw_ellipses(boxes.get(image_id, nothing), image_size_hw(image_paths[image_id]))

    sources = {
        image_id: settings_hash(
            {"boxes": boxes.get(image_id, nothing).tolist(), "size_hw": image_size_hw(path)}
        )
        for image_id, path in image_paths.items()
    }
    return sources, draw


def draw_ellipses(boxes: np.ndarray, size_hw: tuple[int, int]) -> Truth:
    """Draw the ellipse that touches the sides of each box; an object seldom fills its corners.

    Args:
        boxes: (N, 4) float xmin, ymin, xmax, ymax, relative to the image.
        size_hw: Height and width of the image in pixels.

    Returns:
        The map, in which each box has one pixel at least, and which pixels are known: all but
        corners of boxes that no ellipse covers.
    """
    height, width = size_hw
    truth, is_known = np.zeros(size_hw, np.float32), np.ones(size_hw, bool)
    for x0, y0, x1, y1 in boxes * [width, height, width, height]:
        # Files keep six decimals of a side, so an edge between pixels may be a little beyond it.
        top, left = (int(np.floor(edge + SLACK_PX)) for edge in (y0, x0))
        top, left = min(top, height - 1), min(left, width - 1)
        bottom, right = (int(np.ceil(edge - SLACK_PX)) for edge in (y1, x1))
        bottom, right = max(bottom, top + 1), max(right, left + 1)
        rows, columns = np.arange(top, bottom) + 0.5, np.arange(left, right) + 0.5
        down = (2 * rows - y0 - y1) / max(y1 - y0, 1)
        across = (2 * columns - x0 - x1) / max(x1 - x0, 1)
        is_inside = down[:, None] ** 2 + across**2 <= 1
        is_inside[(bottom - top) // 2, (right - left) // 2] = True
        place = (slice(top, bottom), slice(left, right))
        truth[place] = np.maximum(truth[place], is_inside)
        is_known[place] = False
    return truth, is_known | (truth > 0)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
