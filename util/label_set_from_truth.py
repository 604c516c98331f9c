"""Make a label set of the ground truth, for students that learn from it, wholly or in part.

    python util/label_set_from_truth.py --split Train --name truth

Reads data.masks, or data.ground_truth where that is null. Masks give exact maps, and weight 0
(student.pixel_weights) to pixels that are to be ignored. A box of any other format gives the
ellipse in it, and its corners, of which nobody knows what they are, get weight 0, as do regions
that are to be ignored. Writes paths.label_sets/NAME.
Next: python student/train.py --student.label_set truth, or NAME+OTHER, which learns from OTHER what
the ground truth does not have.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from util.bbox_csv import COORDINATES, split_ignored
from util.config import Config, DataSection, load_config
from util.errors import UserError, listed
from util.ground_truth import read_truths
from util.image_files import find_images, fingerprint, image_size_hw
from util.label_set import (
    LabelSet,
    LabelSetWriter,
    Pixels,
    find_pending,
    make_maps,
    map_cost,
    prompt_to_folder,
)
from util.mask_values import to_settings
from util.masks import TrueMasks, open_folder, open_masks
from util.pixel_metrics import IGNORED
from util.run import print_next, run_script
from util.sea_scenes import make_demo_if_asked
from util.settings import settings_hash
from util.shares import Share, read_share
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
    share = read_share()
    label_set, problems = write_truth(config, image_paths, options.name, options.overwrite, share)
    if label_set is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    counts = label_set.manifest["counts"]
    print(f"{label_set.folder}: {counts['labelled']} with objects, {counts['empty']} without")
    if problems:
        reasons = listed(list(problems.values()))
        print(f"{len(problems)} images have no truth, the rest is done: {reasons}", file=sys.stderr)
    if not counts["labelled"]:
        print("No object at all: alone, it teaches a student nothing")
    more = ["--student.pixel_weights", "label_set"] if label_set.has_weights else []
    print_next(["student/train.py", "--student.label_set", options.name, *more], argv)
    return 1 if problems else 0


def write_truth(
    config: Config, image_paths: Mapping[str, Path], name: str, overwrite: bool, share: Share
) -> tuple[LabelSet | None, dict[str, str]]:
    """Write this process's share of the label set, as far as it is missing.

    Returns:
        The label set, None where other processes are still at work; and why images have no truth.
    """
    settings: dict[str, Any] = {"producer": "ground truth"}
    data = config.data
    if masks := find_masks(data):
        sources, draw = _use_masks(masks, image_paths)
        settings |= {"format": "masks", "mask_values": to_settings(masks.meaning)}
    else:
        sources, draw = _find_boxes(data, image_paths)
        settings |= {"format": data.ground_truth_format, "classes": data.ground_truth_classes}
    folder, boxes = config.paths.label_sets / name, config.evaluation.box_settings()

    def make(image_id: str) -> Pixels:
        truth, is_known = draw(image_id)
        return Pixels(truth, None if is_known.all() else is_known)

    def cost_bytes(image_id: str) -> int:
        return map_cost(image_paths[image_id])

    with LabelSetWriter(folder, settings, overwrite, share, boxes) as writer:
        pending = find_pending(writer, sources, {})
        problems = make_maps(writer, sources, pending, make, "truth", cost_bytes)
        return writer.finish_share(boxes), problems


def find_masks(data: DataSection) -> TrueMasks | None:
    """Find the true masks of all images, be they data.masks or data.ground_truth; None: boxes."""
    image_ids = find_images(data.images)
    if data.masks is not None:
        return open_masks(data, image_ids)
    if data.ground_truth_format == "masks" and data.ground_truth is not None:
        classes = data.ground_truth_classes
        masks = open_folder(data.ground_truth, image_ids, classes, data.mask_values)
        masks.check_anomalous()
        return masks
    return None


Found = tuple[dict[str, str], Callable[[str], Truth]]
"""Fingerprint of each image's truth by its id, and how it becomes a map."""


def _use_masks(masks: TrueMasks, image_paths: Mapping[str, Path]) -> Found:
    """Take the masks of images that have one.

    Raises:
        UserError: When drawn, one cannot be read, or has another size than its image.
    """
    paths = {image_id: path for image_id, path in masks.paths.items() if image_id in image_paths}

    def draw(image_id: str) -> Truth:
        mask = masks.read(image_id, image_size_hw(image_paths[image_id]))
        return (mask == 1).astype(np.float32), mask != IGNORED

    return {image_id: fingerprint([path]) for image_id, path in paths.items()}, draw


def _find_boxes(data: DataSection, image_paths: Mapping[str, Path]) -> Found:
    """Find the boxes of all images."""
    boxes, regions = (
        {
            image_id: rows[COORDINATES].to_numpy(float)
            for image_id, rows in table.groupby("image", sort=False)
        }
        for table in split_ignored(read_truths(data, image_paths, list(image_paths)))
    )
    nothing = np.zeros((0, 4))

    def draw(image_id: str) -> Truth:
        return draw_ellipses(
            boxes.get(image_id, nothing),
            image_size_hw(image_paths[image_id]),
            regions.get(image_id, nothing),
        )

    sources = {
        image_id: settings_hash(
            {
                "boxes": boxes.get(image_id, nothing).tolist(),
                "regions": regions.get(image_id, nothing).tolist(),
                "size_hw": image_size_hw(path),
            }
        )
        for image_id, path in image_paths.items()
    }
    return sources, draw


def draw_ellipses(
    boxes: np.ndarray, size_hw: tuple[int, int], regions: np.ndarray | None = None
) -> Truth:
    """Draw the ellipse that touches the sides of each box; an object seldom fills its corners.

    Args:
        boxes: (N, 4) float xmin, ymin, xmax, ymax, relative to the image.
        size_hw: Height and width of the image in pixels.
        regions: (R, 4) float, regions of which nothing is known; None = none.

    Returns:
        The map, in which each box has one pixel at least, and which pixels are known: all but those
        of regions and of corners of boxes that no ellipse covers.
    """
    height, width = size_hw
    truth, is_known = np.zeros(size_hw, np.float32), np.ones(size_hw, bool)
    for region in np.zeros((0, 4)) if regions is None else regions:
        is_known[_pixels_of(region, size_hw)] = False
    for box in boxes:
        rows, columns = _pixels_of(box, size_hw)
        x0, y0, x1, y1 = box * [width, height, width, height]
        centres_y = np.arange(rows.start, rows.stop) + 0.5
        centres_x = np.arange(columns.start, columns.stop) + 0.5
        down = (2 * centres_y - y0 - y1) / max(y1 - y0, 1)
        across = (2 * centres_x - x0 - x1) / max(x1 - x0, 1)
        is_inside = down[:, None] ** 2 + across**2 <= 1
        is_inside[(rows.stop - rows.start) // 2, (columns.stop - columns.start) // 2] = True
        truth[rows, columns] = np.maximum(truth[rows, columns], is_inside)
        is_known[rows, columns] = False
    return truth, is_known | (truth > 0)


def _pixels_of(box: np.ndarray, size_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns that a relative box touches, one of each at least."""
    height, width = size_hw
    x0, y0, x1, y1 = box * [width, height, width, height]
    # Files keep six decimals of a side, so an edge between pixels may be a little beyond it.
    top, left = (int(np.floor(edge + SLACK_PX)) for edge in (y0, x0))
    top, left = min(top, height - 1), min(left, width - 1)
    bottom, right = (int(np.ceil(edge - SLACK_PX)) for edge in (y1, x1))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


if __name__ == "__main__":
    raise SystemExit(run_script(main))
