# PYTHON_ARGCOMPLETE_OK
"""Draw heat maps: the maps of label sets beside and over the photos of a split.

    python analysis/heatmaps.py --evaluation.predictions bird --evaluation.heatmaps 20

Reads evaluation.predictions (by default every label set and tested run) and draws
evaluation.heatmaps images that all of them have, spread over the test split, into
paths.runs/heatmaps/SPLIT: index.html, a page of all pictures; sheet_1.png and so on, a row an image
with its photo, its truth and each label set's map; and for each label set its maps, and overlays on
the photos, as PNG. The truth comes from data.masks, if that is set. All maps of a label set have
one colour scale, from the lowest to the highest value in those that are drawn, which sheets and
page name. Images larger than 1600 pixels are reduced. Earlier pictures of the split are replaced
when all new ones are there.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config.command_line import load_config
from util.errors import UserError, listed
from util.images.files import find_images, image_size_hw
from util.images.masks import open_masks
from util.images.splits import read_split, spread
from util.running.run import run_script

READS = {"evaluation.predictions", "evaluation.heatmaps"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    # statistics and plots take a second to import, which --help should not
    from analysis.evaluation.found_label_sets import Shelves, find_label_sets, on_common_images
    from analysis.evaluation.pixels import open_maps
    from analysis.pictures.drawing import Column, Material, name_folder
    from analysis.pictures.making import make_pictures
    from analysis.pictures.placing import refuse_others
    from analysis.pictures.scale import find_scale

    split, num_images = config.data.test_split, config.evaluation.heatmaps
    place = config.paths.runs / "heatmaps" / split
    refuse_others(place)
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, split, image_paths)
    masks = None if config.data.masks is None else open_masks(config.data, image_paths)
    shelves = Shelves(config.paths.label_sets, config.paths.runs, split)
    named = config.evaluation.predictions
    opened = find_label_sets(shelves, named).checked().map(open_maps)
    found, common = on_common_images(opened, test_ids, split, bool(named))
    chosen = {image_id: image_paths[image_id] for image_id in spread(common, num_images)}
    sizes_hw, unreadable = read_sizes(chosen)
    scales = found.map(lambda one: find_scale(one, sizes_hw)).checked()
    columns = [
        Column(name, found.sets[name], scale, name_folder(number, name))
        for number, (name, scale) in enumerate(scales.sets.items(), start=1)
    ]
    material = Material({i: chosen[i] for i in sizes_hw}, masks, columns)
    if masks is None:
        print("data.masks is not set, so the truth is left out")
    title = f"Heat maps of {len(sizes_hw)} of {len(test_ids)} {split} images"
    failed = unreadable | make_pictures(material, place, title)
    for image_id, reason in failed.items():
        print(f"{image_id} is left out: {reason}", file=sys.stderr)
    print(f"Wrote {place / 'index.html'} and {place / 'sheet_1.png'}")
    return max(scales.report(), int(bool(failed)))


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
