"""Fuse the label sets of several teachers or prompts into one.

    python util/multi_teacher/combination_strategies.py --combination.strategy majority

Reads paths.label_sets/NAME for every name in combination.label_sets; to calibrate them, also
data.masks of combination.calibration_split. Writes paths.label_sets/OUTPUT. Memory does not grow
with their number (median, agreement and pixel weights: one image of each). Under `torchrun` or
Slurm the processes share the images.
Next: python student/train.py
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from util.config import BOX_RULE, CombinationSection, Config, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.images.files import find_images, fingerprint
from util.images.masks import open_masks
from util.images.splits import read_split
from util.label_set import (
    Content,
    LabelSet,
    LabelSetWriter,
    check_same_images,
    common_box_settings,
    describe_equal,
    find_pending,
    make_maps,
    map_cost,
    prompt_to_folder,
)
from util.multi_teacher.agreement import learn_weights, vote_entropy, vote_fraction
from util.multi_teacher.calibration import CalibratedLabelSet, calibrate, find_slice
from util.multi_teacher.staple import staple
from util.running.progress import track
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.settings import settings_hash

OTHER_VALUES = frozenset({"staple", "vote_fraction", "vote_entropy"})
"""Strategies whose maps have other values than those that are combined."""
READS = keys_of("combination") | BOX_RULE

Combination = Callable[[Iterable[np.ndarray]], np.ndarray]
"""Fuses (H, W) float32 maps in [0, 1], one or more, taken one at a time, into one like them."""


def combine_mean(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Pixel mean over the teachers."""
    total, count = _sum(maps)
    return total / count


def combine_maximum(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Largest value over the teachers: one of them is enough."""
    maps = iter(maps)
    largest = next(maps).copy()
    for soft_label in maps:
        np.maximum(largest, soft_label, out=largest)
    return largest


def combine_median(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Pixel median over the teachers; the mean of the middle two of an even number."""
    return np.median(np.stack(list(maps)), axis=0, overwrite_input=True)


def combine_noisy_or(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Chance that one teacher or more is right if they err independently: 1 - prod(1 - p)."""
    maps = iter(maps)
    some = next(maps).copy()
    for soft_label in maps:
        # Adding to what is there keeps small values exact and never exceeds 1.
        some += soft_label * (1 - some)
    return some


def combine_staple(maps: Iterable[np.ndarray]) -> np.ndarray:
    """STAPLE's probability of truth; a teacher decides for a pixel where it is above 0."""
    return staple(maps).truth.astype(np.float32)


def combine_weighted_mean(maps: Iterable[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Pixel mean with one weight a teacher, at least one of them above 0."""
    shares = np.asarray(weights, np.float64) / max(weights)
    shares /= shares.sum()
    weighted = (np.float32(share) * m for share, m in zip(shares, maps, strict=True))
    total, _ = _sum(weighted)
    return np.minimum(total, 1)  # the shares may add up to a rounding more than 1


def combine_majority(maps: Iterable[np.ndarray], min_votes: int) -> np.ndarray:
    """Keep a pixel where at least `min_votes` teachers are above 0 (thesis, majority vote).

    Returns:
        (H, W) float32: the mean of the values above 0 where there are enough of them, else 0.
    """
    maps = iter(maps)
    total = next(maps).copy()
    votes = (total > 0).astype(np.uint16)
    for soft_label in maps:
        total += soft_label
        votes += soft_label > 0
    # Where nobody votes the total is 0 already, and 1 avoids dividing by 0.
    total /= np.maximum(votes, 1)
    total[votes < min_votes] = 0
    return total


def _sum(maps: Iterable[np.ndarray]) -> tuple[np.ndarray, int]:
    """Sum of the maps and their number."""
    maps = iter(maps)
    total, count = next(maps).copy(), 1
    for soft_label in maps:
        total += soft_label
        count += 1
    return total, count


def build_combination(settings: CombinationSection, num_label_sets: int) -> Combination:
    """Make the combination that the config names.

    Args:
        settings: Of the combination; for `agreement`, with the weights that were learned.
        num_label_sets: How many are combined.

    Raises:
        UserError: Weights or votes do not fit the number of label sets.
    """
    if settings.strategy == "majority":
        if settings.min_votes > num_label_sets:
            raise UserError(
                f"combination.min_votes is {settings.min_votes}, but only {num_label_sets} label "
                "sets are combined: no pixel could be kept"
            )
        return lambda maps: combine_majority(maps, settings.min_votes)
    if settings.strategy in ("weighted_mean", "agreement"):
        if len(settings.weights) != num_label_sets or not any(settings.weights):
            raise UserError(
                f"combination.weights is {settings.weights}; expected one weight for each of the "
                f"{num_label_sets} label sets, not all 0"
            )
        return lambda maps: combine_weighted_mean(maps, settings.weights)
    plain: dict[str, Combination] = {
        "mean": combine_mean,
        "median": combine_median,
        "maximum": combine_maximum,
        "noisy_or": combine_noisy_or,
        "staple": combine_staple,
        "vote_fraction": vote_fraction,
        "vote_entropy": vote_entropy,
    }
    return plain[settings.strategy]


def combine_label_sets(
    members: Sequence[LabelSet],
    combination: Combination,
    writer: LabelSetWriter,
    pixel_weights: bool = False,
) -> dict[str, str]:
    """Write the fused soft labels that are still missing.

    Images that failed in all members, and those whose maps cannot be read or differ in size, are
    recorded as failed.

    Args:
        members: What is combined.
        combination: Fuses the maps of an image.
        writer: Of the combined set.
        pixel_weights: Write weights too: 1 less the vote entropy of the pixel.

    Returns:
        Why maps could not be fused, by image id.

    Raises:
        UserError: The members have different images.
    """
    image_ids = check_same_images(members)
    sources = {i: fingerprint(member.path(i) for member in members) for i in image_ids}
    pending = find_pending(writer, sources, members[0].failed)

    def combine(image_id: str) -> Content:
        maps = _same_size(members, image_id)
        if not pixel_weights:
            return Content(combination(maps))
        kept = list(maps)  # they are needed twice
        return Content(combination(kept), weights=1 - vote_entropy(kept))

    def cost_bytes(image_id: str) -> int:
        return map_cost(members[0].path(image_id)) * len(members)

    return make_maps(writer, sources, pending, combine, "combination", cost_bytes)


def _same_size(members: Sequence[LabelSet], image_id: str) -> Iterable[np.ndarray]:
    """Read the maps of an image one after another, making sure that their sizes agree."""
    first = None
    for member in members:
        soft_label = member.read(image_id)
        first = first or soft_label.shape
        if soft_label.shape != first:
            raise UserError(
                f"{image_id} is {first} in {members[0].name}, but {soft_label.shape} in "
                f"{member.name} (height, width); sizes must agree"
            )
        yield soft_label


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    settings = config.combination
    if settings.output in {*settings.label_sets, *map(prompt_to_folder, settings.label_sets)}:
        raise UserError(
            f"combination.output is {settings.output!r}, one of the label sets that are combined"
        )
    folders = find_members(config.paths.label_sets, settings.label_sets)
    members: Sequence[LabelSet] = [LabelSet(folder) for folder in folders]
    if equal := describe_equal({member.name: member for member in members}):
        print(f"{equal}; each counts in the combination as if it were another opinion")
    boxes = config.evaluation.box_settings(usual_boxes(members, settings))
    made_by = {
        "producer": "combination",
        "members": [[member.name, member.manifest.get("settings_hash")] for member in members],
    }
    if settings.calibration != "none":
        made_by["calibrated_on"], members = calibrate_members(members, config)
    if settings.strategy == "agreement":
        settings = settings.model_copy(update={"weights": learn_member_weights(members)})
    made_by |= settings.model_dump(include=_settings_that_matter(settings))
    combination = build_combination(settings, len(members))
    output = config.paths.label_sets / settings.output
    share = read_share()
    with LabelSetWriter(output, made_by, options.overwrite, share, boxes) as writer:
        problems = combine_label_sets(members, combination, writer, settings.pixel_weights)
        combined = writer.finish_share(boxes)
    if combined is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    counts = combined.manifest["counts"]
    print(
        f"{combined.folder}: {settings.strategy} of {len(members)} label sets, "
        f"{counts['labelled']} labelled, {counts['empty']} empty, {counts['failed']} failed"
    )
    if problems:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in problems.items()])
        print(f"{len(problems)} images failed, the rest is done: {reasons}", file=sys.stderr)
    more = ["--student.pixel_weights", "label_set"] if settings.pixel_weights else []
    print_next(["student/train.py", "--student.label_set", settings.output, *more], argv, BOX_RULE)
    return 1 if problems else 0


def find_members(label_sets: Path, names: Sequence[str]) -> list[Path]:
    """Find the folders of label sets by their prompts or folder names.

    Raises:
        UserError: A name names no folder, or a label set is named twice.
    """
    paths = [path for path in label_sets.glob("*") if path.is_dir()]
    there = {unicodedata.normalize("NFC", path.name): path for path in paths}
    composed = [unicodedata.normalize("NFC", name) for name in names]
    folders = [name if name in there else prompt_to_folder(name) for name in composed]
    if missing := [
        name for name, folder in zip(names, folders, strict=True) if folder not in there
    ]:
        raise UserError(
            f"{label_sets} has no label set {listed(missing)}; there are: "
            f"{', '.join(sorted(there)) or 'none'}. Label with these prompts first"
        )
    if len(set(folders)) < len(folders):
        raise UserError(f"combination.label_sets names a label set twice: {listed(names, 20)}")
    return [there[folder] for folder in folders]


def usual_boxes(members: Sequence[LabelSet], settings: CombinationSection) -> BoxSettings:
    """Say how boxes are found in the combined maps: as in the members, if values mean the same."""
    common = common_box_settings(members, settings.output)
    if settings.calibration == "none" and settings.strategy not in OTHER_VALUES:
        return common
    return BoxSettings(object_class=common.object_class)


def calibrate_members(
    members: Sequence[LabelSet], config: Config
) -> tuple[str, list[CalibratedLabelSet]]:
    """Calibrate each member on the split that the config names; prints how much that mends.

    Returns:
        A fingerprint of the masks and maps of the split, and the members, calibrated.
    """
    data, settings = config.data, config.combination
    image_paths = find_images(data.images)
    ids = read_split(data.splits, settings.calibration_split, image_paths)
    masks = find_slice(members, ids, open_masks(data, image_paths))
    calibrated = [calibrate(member, masks, settings.calibration) for member in members]
    errors = [f"{each.name} {each.error_before:.4f} -> {each.error:.4f}" for each in calibrated]
    print(f"Calibrated on {len(masks.paths)} images, calibration error there: {', '.join(errors)}")
    maps = fingerprint(member.path(image_id) for member in members for image_id in masks.paths)
    return settings_hash({"masks": masks.fingerprint(), "maps": maps}), calibrated


def learn_member_weights(members: Sequence[LabelSet]) -> list[float]:
    """Learn the weights of the members from how they agree on all images; prints them."""
    image_ids = track(check_same_images(members), "agreement", transient=True)
    learned = learn_weights(_same_size(members, image_id) for image_id in image_ids)
    # Rounded, so that the last digits of another machine are no other settings.
    weights: list[float] = learned.round(6).tolist()
    shown = zip(members, weights, strict=True)
    print(f"Weights: {', '.join(f'{member.name} {weight:.3f}' for member, weight in shown)}")
    return weights


def _settings_that_matter(settings: CombinationSection) -> set[str]:
    """Keys that decide the maps of the strategy chosen, so that no other change remakes them."""
    used = {"majority": {"min_votes"}, "weighted_mean": {"weights"}, "agreement": {"weights"}}
    keys = {"strategy"} | used.get(settings.strategy, set())
    if settings.calibration != "none":
        keys.add("calibration")
    return keys | ({"pixel_weights"} if settings.pixel_weights else set())


if __name__ == "__main__":
    raise SystemExit(run_script(main))
