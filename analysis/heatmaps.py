# PYTHON_ARGCOMPLETE_OK
"""Draw heat maps: the maps and boxes of label sets beside and over the photos of a split.

    python analysis/heatmaps.py --evaluation.predictions bird --evaluation.heatmaps 20
    python analysis/heatmaps.py --data.test_split Train+Validation --evaluation.heatmaps 100000

Reads evaluation.predictions (by default every label set and tested run) and draws
evaluation.heatmaps images that all of them have, spread over the split data.test_split (with
data.splits null over all images; name label sets then, since runs have maps of test images alone),
into paths.runs/heatmaps/SPLIT: index.html, pages of all pictures to browse; sheet_1.png and so on,
a row an image with its photo, its truth and each label set's map with boxes; and for each label set
its maps, and overlays on the photos with boxes, as PNG. The truth comes from data.masks and
data.ground_truth, if they are set; of the boxes those that count (evaluation.min_confidence) are
drawn. All maps of a label set have one colour scale, from the lowest to the highest value in those
that were chosen, which sheets and page name. Images larger than 1600 pixels are reduced. Earlier
pictures of the split are replaced when all new ones are there.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from analysis.evaluation.reading_order import ORDER_KEYS, name_in_order
from util.config import Config
from util.config.command_line import load_config
from util.errors import UserError, listed
from util.images.files import find_images, image_size_hw
from util.images.masks import open_masks
from util.images.splits import read_split, spread
from util.label_set import LabelSet
from util.running.run import run_script

if TYPE_CHECKING:  # statistics take a second to import, which --help should not
    from analysis.evaluation.found_label_sets import Found

READS = {"evaluation.predictions", "evaluation.heatmaps", "evaluation.min_confidence"} | ORDER_KEYS

ALL = "all"
"""Folder of the pictures where there are no splits."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    # statistics and plots take a second to import, which --help should not
    from analysis.pictures.boxes import read_found, read_true
    from analysis.pictures.drawing import Column, Material, name_folder
    from analysis.pictures.making import make_pictures
    from analysis.pictures.placing import refuse_others
    from analysis.pictures.scale import find_scale

    split = ALL if config.data.splits is None else config.data.test_split
    place = config.paths.runs / "heatmaps" / split
    refuse_others(place)
    image_paths = find_images(config.data.images)
    image_ids = list(image_paths)
    if config.data.splits is not None:
        image_ids = read_split(config.data.splits, split, image_paths)
    found, chosen = find_maps(config, image_ids, split)
    sizes_hw, unreadable = read_sizes({image_id: image_paths[image_id] for image_id in chosen})
    kept, least = list(sizes_hw), config.evaluation.min_confidence
    drawn = found.map(lambda one: (find_scale(one, sizes_hw), read_found(one, kept, least)))
    columns = [
        Column(name, found.sets[name], scale, name_folder(number, name), boxes)
        for number, (name, (scale, boxes)) in enumerate(drawn.checked().sets.items(), start=1)
    ]
    masks = None if config.data.masks is None else open_masks(config.data, image_paths)
    true_boxes = read_true(config.data, image_paths, kept)
    material = Material({i: image_paths[i] for i in kept}, masks, true_boxes, columns)
    if not material.is_judged:
        print("neither data.masks nor data.ground_truth is set, so the truth is left out")
    where = "images" if config.data.splits is None else f"{split} images"
    title = f"Heat maps of {len(kept)} of {len(image_ids)} {where}"
    failed = unreadable | make_pictures(material, place, title)
    for image_id, reason in failed.items():
        print(f"{image_id} is left out: {reason}", file=sys.stderr)
    print(f"Wrote {place / 'index.html'} and {place / 'sheet_1.png'}")
    return max(drawn.report(), int(bool(failed)))


def find_maps(
    config: Config, image_ids: Sequence[str], split: str
) -> "tuple[Found[LabelSet], list[str]]":
    """Open the label sets, and choose some images that all of them have.

    Raises:
        UserError: Nothing is left to draw.
    """
    from analysis.evaluation.common_images import on_common_images
    from analysis.evaluation.found_label_sets import find_label_sets
    from analysis.evaluation.pixels import open_maps
    from analysis.evaluation.shelves import Shelves

    paths, order = config.paths, name_in_order(config.teacher, config.combination, config.student)
    shelves = Shelves(paths.label_sets, paths.runs, config.data.test_split, order, need_maps=True)
    named = config.evaluation.predictions
    opened = find_label_sets(shelves, named).checked().map(lambda path: open_maps(path, image_ids))
    found, common = on_common_images(opened, image_ids, split, bool(named))
    return found, spread(common, config.evaluation.heatmaps)


def read_sizes(
    image_paths: Mapping[str, Path],
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Read the heights and widths of images, and why others cannot be read, by id.

    Raises:
        UserError: None can be read.
    """
    sizes_hw, reasons = {}, {}
    for image_id, path in image_paths.items():
        try:
            sizes_hw[image_id] = image_size_hw(path)
        except UserError as error:
            reasons[image_id] = str(error)
    if not sizes_hw:
        raise UserError(f"there is no image to draw: {listed([*reasons.values()])}")
    return sizes_hw, reasons


if __name__ == "__main__":
    raise SystemExit(run_script(main))
