# PYTHON_ARGCOMPLETE_OK
"""Make a label set of the ground truth, for students that learn from it, wholly or in part.

    python util/label_set_from_truth.py --split Train --name truth

Reads data.masks, or data.ground_truth where that is null. Masks give exact maps, and weight 0
(student.pixel_weights) to pixels that are to be ignored. A box of any other format gives the
ellipse in it, and its corners, of which nobody knows what they are, get weight 0, as do regions
that are to be ignored. Ellipses that touch or overlap are one object in a map, and one box of the
label set; how many of both there are is printed. Boxes of a detector give ellipses, too, all of
them, where data.ground_truth is its label set's prediction.csv. Writes paths.label_sets/NAME.
Next: python student/train.py --student.label_set truth, or NAME+OTHER, which learns from OTHER what
the ground truth does not have.
"""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import numpy as np

from util.bbox_csv import COORDINATES, read_bbox_csv, split_ignored
from util.config import BOX_RULE, DataSection, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.data_classes import BoxSettings
from util.demo.making import make_demo_if_asked
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.ground_truth.reading import read_truths
from util.images.files import find_images, image_size_hw
from util.images.masks import TrueMasks, open_folder, open_masks
from util.images.splits import read_split
from util.label_set import (
    PREDICTION,
    Content,
    LabelSet,
    Recipe,
    make_label_set,
    map_cost,
    prompt_to_folder,
)
from util.metrics.pixelwise.pixels import IGNORED
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.settings import settings_hash
from util.words import count_of

Drawn = tuple[np.ndarray, np.ndarray]
"""(H, W) float32 map, 1 = anomalous, and (H, W) bool, which pixels are known."""

SLACK_PX = 0.01

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OVERWRITE,
    "split": {
        "metavar": "NAME",
        "help": "images that the label set shall have, A+B joins two (default: all that have a"
        " truth; without masks: all)",
    },
    "name": {"metavar": "NAME", "default": "truth", "help": "the label set's name: truth"},
}

READS = BOX_RULE | keys_of("demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    if not options.name or options.name != prompt_to_folder(options.name):
        raise UserError(
            f"--name is {options.name!r}; expected letters, digits and _, such as "
            f"{prompt_to_folder(options.name) or 'truth'}"
        )
    make_demo_if_asked(config.data.images, config.paths.demo, config.demo)
    image_paths = find_images(config.data.images)
    ids = list(image_paths)
    if options.split is not None:
        ids = read_split(config.data.splits, options.split, image_paths)
    truth = find_truth(config.data, image_paths, ids)
    folder = config.paths.label_sets / options.name
    about = "|".join(config.data.ground_truth_classes) or options.name
    # What is true is whole: there are no pieces to join, and neighbours are apart.
    usual = BoxSettings(dilation_iterations=0, object_class=about)
    boxes = config.evaluation.box_settings(usual)
    share = read_share()
    made = make_label_set(plan_truth(truth, image_paths, boxes), folder, options.overwrite, share)
    label_set, problems = made.label_set, truth.failed | made.problems
    if label_set is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    report(label_set, len(ids) - len(truth.sources) - len(truth.failed), problems)
    if truth.num_boxes is not None:
        drawn = [n for image_id, n in truth.num_boxes.items() if image_id not in problems]
        report_boxes(sum(drawn), len(read_bbox_csv(label_set.folder / PREDICTION)))
    more = ["--student.pixel_weights", "label_set"] if label_set.has_weights else []
    print_next(["student/train.py", "--student.label_set", options.name, *more], argv, BOX_RULE)
    return 1 if problems else 0


def report(label_set: LabelSet, num_left_out: int, problems: Mapping[str, str]) -> None:
    """Print what a truth has, and what it does not."""
    counts = label_set.manifest["counts"]
    print(f"{label_set.folder}: {counts['labelled']} with objects, {counts['empty']} without")
    if num_left_out:
        print(f"Left out: {count_of(num_left_out, 'image')} without a mask")
    if not counts["labelled"]:
        print("No object at all: alone, it teaches a student nothing")
    if problems:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in problems.items()])
        print(
            f"{count_of(len(problems), 'image has', 'images have')} no truth, the rest is done: "
            f"{reasons}",
            file=sys.stderr,
        )


def report_boxes(num_true: int, num_found: int) -> None:
    """Print how many true boxes there were, and how many are found in the maps of them."""
    told = f"{count_of(num_true, 'true box', 'true boxes')}, {num_found} in the maps"
    if (num_lost := num_true - num_found) > 0:
        told += (
            f": {num_lost} grew together with others, as their ellipses touch or overlap, which "
            "is one object in a map"
        )
    print(told)


@dataclass(frozen=True)
class Truth:
    """The truth about images.

    Attributes:
        settings: What decides the maps, as JSON values.
        sources: Fingerprint of each image's truth by its id.
        failed: Why other images have none, by id.
        draw: Makes the map of an image, 1 = anomalous, and which pixels are known.
        num_boxes: Of each image by its id, where the maps are drawn of boxes.
    """

    settings: dict[str, Any]
    sources: dict[str, str]
    failed: dict[str, str]
    draw: Callable[[str], Drawn]
    num_boxes: Mapping[str, int] | None = None


def plan_truth(truth: Truth, image_paths: Mapping[str, Path], boxes: BoxSettings) -> Recipe:
    """Say how the maps of a truth are drawn, and how boxes are found in them."""

    def make(image_id: str) -> Content:
        soft_label, is_known = truth.draw(image_id)
        return Content(soft_label, weights=None if is_known.all() else is_known)

    return Recipe(
        settings=truth.settings,
        boxes=boxes,
        fingerprint=lambda: truth.sources,
        load=lambda: make,
        cost_bytes=lambda image_id: map_cost(image_paths[image_id]),
        label="truth",
        failed=truth.failed,
    )


def find_truth(
    data: DataSection, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> Truth:
    """Find the truth that a config names.

    Args:
        data: Names it.
        image_paths: Of all images, by id.
        image_ids: Those that are asked about.
    """
    masks = find_masks(data, image_paths)
    if masks is None:
        return _find_boxes(data, image_paths, image_ids)
    return _use_masks(masks, image_paths, image_ids)


def find_masks(data: DataSection, image_ids: Collection[str]) -> TrueMasks | None:
    """Find the true masks of all images, be they data.masks or data.ground_truth; None: boxes."""
    if data.masks is not None:
        return open_masks(data, image_ids)
    if data.ground_truth_format == "masks" and data.ground_truth is not None:
        classes, values = data.ground_truth_classes, data.mask_values
        masks = open_folder(data.ground_truth, image_ids, classes, values, data.mask_names)
        masks.check_anomalous()
        return masks
    return None


def _use_masks(
    masks: TrueMasks, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> Truth:
    """Take the masks of images that have one."""

    def draw(image_id: str) -> Drawn:
        mask = masks.read(image_id, image_size_hw(image_paths[image_id]))
        return (mask == 1).astype(np.float32), mask != IGNORED

    settings = {"format": "masks", "mask_values": masks.read_as}
    having = [image_id for image_id in image_ids if image_id in masks.paths]
    sources = {image_id: fingerprint([masks.paths[image_id]]) for image_id in having}
    return Truth({"producer": "ground truth", **settings}, sources, {}, draw)


def _find_boxes(
    data: DataSection, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> Truth:
    """Find the boxes of images."""
    boxes, regions = (
        {
            image_id: rows[COORDINATES].to_numpy(float)
            for image_id, rows in table.groupby("image", sort=False)
        }
        for table in split_ignored(read_truths(data, image_paths, image_ids))
    )
    nothing = np.zeros((0, 4))
    content, sources, failed = {}, {}, {}
    for image_id in image_ids:
        try:
            size_hw = image_size_hw(image_paths[image_id])
        except UserError as error:
            failed[image_id] = str(error)
            continue
        found, ignored = boxes.get(image_id, nothing), regions.get(image_id, nothing)
        content[image_id] = found, size_hw, ignored
        facts = {"boxes": found.tolist(), "size_hw": size_hw}
        sources[image_id] = settings_hash(facts | {"regions": ignored.tolist()})
    settings = {"format": data.ground_truth_format, "classes": data.ground_truth_classes}

    def draw(image_id: str) -> Drawn:
        return draw_ellipses(*content[image_id])

    num_boxes = {image_id: len(drawn) for image_id, (drawn, *_) in content.items()}
    return Truth({"producer": "ground truth", **settings}, sources, failed, draw, num_boxes)


def draw_ellipses(
    boxes: np.ndarray, size_hw: tuple[int, int], regions: np.ndarray | None = None
) -> Drawn:
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
