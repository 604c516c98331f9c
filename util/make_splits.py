# PYTHON_ARGCOMPLETE_OK
"""Make split lists of all images: by share, by class, never apart what belongs together.

    python util/make_splits.py --data.images photos --data.splits splits --splits.classes folder

Reads data.images and, if asked for, labels or ground truth (splits.classes). Writes NAME.txt for
each name of splits.shares into data.splits, one image id a line, and splits.json, which says how
they were made. Images of one photograph, flight or camera look alike: apart, they make a student
look better than it is, so say what belongs together (data.groups, splits.together,
splits.tie_near_duplicates). Images without truth, where others have one (a COCO file that does not
list them, no mask), go to data.train_split, which needs none. Lists that are there are replaced
only with --overwrite.
Next: python util/check_data.py
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import numpy as np

from util.config import keys_of
from util.config.command_line import load_config
from util.errors import UserError, listed
from util.ground_truth.annotated import find_annotated
from util.images.files import find_images
from util.images.likeness import find_alike, read_hash
from util.running.ahead import map_ahead
from util.running.progress import track
from util.running.run import print_next, run_script
from util.running.shares import refuse_several
from util.splitting.classes import name_classes
from util.splitting.dealing import deal_annotated
from util.splitting.lists import check_place, describe_lacking, write_lists
from util.splitting.tying import name_ties, number_ties
from util.words import count_of

OPTIONS = {"overwrite": {"action": "store_true", "help": "replace lists that are there"}}

READS = keys_of("splits")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    config, options = load_config(__doc__ or "", argv, OPTIONS, READS)
    refuse_several("util/make_splits.py")
    told, data = config.splits, config.data
    folder = check_place(data.splits, list(told.shares), options.overwrite)
    image_paths = find_images(data.images)
    ids = list(image_paths)
    names = name_ties(told.together, ids, data.groups)
    pairs = find_pairs(image_paths, told.near_duplicate_bits) if told.tie_near_duplicates else ()
    ties = number_ties(names, pairs)
    annotated = find_annotated(data, ids)
    classes = [*name_classes(told.classes, data, image_paths, annotated).values()]
    has_truth = np.array([image_id in annotated for image_id in ids])
    learnt = data.train_split.split("+")[0]
    numbers = deal_annotated(told.shares, classes, ties, told.seed, has_truth, learnt)
    write_lists(folder, ids, numbers, told, data.groups)
    print_table(told.shares, numbers, ties, classes)
    if len(np.unique(ties)) == len(ids):
        print(
            "Each image is a group of its own: frames of one camera, video or flight, if there are "
            "some, are in several lists (splits.together, data.groups and "
            "splits.tie_near_duplicates keep them together)"
        )
    if not has_truth.all():
        print(describe_unjudged(learnt, learnt in told.shares, numbers[~has_truth]))
    for sentence in describe_lacking(data, folder):
        print(sentence)
    print(f"Wrote {folder}")
    print_next(["util/check_data.py"], argv)
    return 0


def find_pairs(
    image_paths: Mapping[str, Path], most_bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find which images look alike, by their places; says how many pairs there are.

    Those that cannot be read look like none, and are named.
    """

    def look(path: Path) -> np.uint64 | None:
        try:
            return read_hash(path)
        except UserError:
            return None

    bar = track(map_ahead(look, image_paths.values()), "looks", len(image_paths))
    hashes = {place: found for place, found in enumerate(bar) if found is not None}
    places, num_pairs = np.array(list(hashes), int), 0
    unread = [image_id for place, image_id in enumerate(image_paths) if place not in hashes]
    for one, other in find_alike([*hashes.values()], most_bits):
        num_pairs += len(one)
        yield places[one], places[other]
    print(f"{count_of(num_pairs, 'pair')} of images that look alike stay together")
    if unread:
        print(
            f"{count_of(len(unread), 'image')} cannot be read: {listed(unread)}; lists hold what "
            "cannot be read like all else, and it is left out where images are used"
        )


def describe_unjudged(learnt: str, is_made: bool, numbers: np.ndarray) -> str:
    """Say where the images went that have no truth, by the numbers of their splits."""
    if not is_made:
        return (
            f"{count_of(len(numbers), 'image')} without truth are in no list: splits.shares has no "
            f"{learnt} (data.train_split), where they could be learnt from"
        )
    left_out = int((numbers == -1).sum())
    told = f"{count_of(len(numbers), 'image')} without truth cannot be judged"
    places = [f"{len(numbers) - left_out} in {learnt}, which needs none"]
    if left_out:
        places.append(f"{left_out} in no list, being tied to images that are judged")
    return f"{told}: {', '.join(places)}"


def print_table(
    shares: Mapping[str, float], numbers: np.ndarray, ties: np.ndarray, classes: Sequence[str]
) -> None:
    """Print how many images, groups and images of each class splits have.

    A share that is not what was asked for, but for rounding, says so.
    """
    every = sorted(set(classes))
    labels = np.array(classes, object)
    width = max(map(len, shares))
    for number, (name, wanted) in enumerate(shares.items()):
        chosen = numbers == number
        asked = wanted / sum(shares.values())
        is_other = abs(chosen.sum() - asked * len(numbers)) >= 1
        share = f"{chosen.mean():.1%}" + (f", asked for {asked:.1%}" if is_other else "")
        counts = [f"{each} {(labels[chosen] == each).sum()}" for each in every]
        of_classes = f": {listed(counts, 12)}" if len(every) > 1 else ""
        groups = count_of(len(np.unique(ties[chosen])), "group")
        print(f"{name:{width}} {chosen.sum():6} images ({share}) in {groups}{of_classes}")


if __name__ == "__main__":
    raise SystemExit(run_script(main))
