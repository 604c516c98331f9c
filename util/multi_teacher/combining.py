"""Combines several label sets into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from util.config import (
    Calibration,
    CombinationSection,
    DataSection,
    EvaluationSection,
    PathsSection,
)
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.disk.places import name_in
from util.errors import UserError, listed
from util.images.identity import ImageIdentity
from util.images.masks import TrueMasks
from util.label_set import (
    Content,
    LabelSet,
    Made,
    Recipe,
    check_output,
    check_same_images,
    common_box_settings,
    describe_equal,
    find_label_set,
    list_label_sets,
    make_label_set,
    map_cost,
    name_label_set,
)
from util.label_set.finding import say_there
from util.multi_teacher.agreement import vote_entropy
from util.multi_teacher.calibration import CalibratedLabelSet, calibrate
from util.multi_teacher.member_weights import (
    check_tuning,
    learn_member_weights,
    read_maps,
    tune_member_weights,
)
from util.multi_teacher.slices import hash_slice, open_slice
from util.multi_teacher.strategies import (
    LEARNS_FROM_ALL_IMAGES,
    Combination,
    build_combination,
)
from util.running.shares import Share

OTHER_VALUES = frozenset({"staple", "vote_fraction", "vote_entropy"})
"""Strategies whose maps have other values than those that are combined."""


def combine(
    settings: CombinationSection,
    data: DataSection,
    evaluation: EvaluationSection,
    paths: PathsSection,
    overwrite: bool,
    share: Share,
) -> Made:
    """Combine this process's share of the images.

    Args:
        settings: What is combined, and how.
        data: Names the images with true masks to calibrate or tune weights on.
        evaluation: How boxes are found in the combined maps.
        paths: Where label sets, the combined one among them, and runs are.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: A label set is missing, or they cannot be combined so; nothing is touched.
    """
    check_tuning(settings)
    output = paths.label_sets / settings.output
    members = _open_members(settings, paths, data.test_split)
    check_output(output, members, "combination.output")
    boxes = evaluation.box_settings(usual_boxes(members, settings))
    calibrated, by_calibration = _calibrate(settings, data, members)
    weighted, by_tuning = _find_weights(settings, data, calibrated)
    combination = build_combination(weighted, len(members))
    recipe = Recipe(
        {
            "producer": "combination",
            "strategy": settings.strategy,
            "members": [member.identity for member in members],
            **by_calibration.made_by,
            **by_tuning.made_by,
            **weighted.decides(),
        },
        boxes,
        partial(fingerprint_maps, calibrated),
        lambda: partial(fuse_maps, calibrated, combination, settings.pixel_weights),
        lambda image_id: map_cost(members[0].path(image_id)) * len(members),
        "combination",
        members[0].failed,
        {**by_tuning.facts, "config": {"combination": weighted.model_dump(mode="json")}},
        by_calibration.images.union(by_tuning.images, *(each.chosen_on for each in members)),
    )
    return make_label_set(recipe, output, overwrite, share)


def _open_members(settings: CombinationSection, paths: PathsSection, split: str) -> list[LabelSet]:
    """Open what is combined; prints which of them are equal."""
    folders = find_members(settings.label_sets, paths, split)
    where = paths.label_sets, paths.runs
    members = [LabelSet(folder, name=name_label_set(folder, *where)) for folder in folders]
    if equal := describe_equal({member.name: member for member in members}):
        print(f"{equal}; each counts in the combination as if it were another opinion")
    return members


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a combination has of true masks.

    Attributes:
        made_by: Tells it from what it would have of others.
        facts: What is worth knowing of it.
        images: Those of the masks.
    """

    made_by: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    images: frozenset[ImageIdentity] = frozenset()


def _calibrate(
    settings: CombinationSection, data: DataSection, members: Sequence[LabelSet]
) -> tuple[Sequence[LabelSet], Learnt]:
    """Calibrate the members, if that is asked for."""
    if settings.calibration == "none":
        return members, Learnt()
    split, key = settings.calibration_split, "combination.calibration_split"
    masks, images = open_slice(members, data, split, key)
    learnt = Learnt({"calibrated_on": hash_slice(members, masks)}, images=images)
    return calibrate_members(members, masks, settings.calibration), learnt


def _find_weights(
    settings: CombinationSection, data: DataSection, members: Sequence[LabelSet]
) -> tuple[CombinationSection, Learnt]:
    """Find the weights of the members, where these are not given: settings that have them."""
    if settings.strategy in LEARNS_FROM_ALL_IMAGES:
        weights = learn_member_weights(settings.strategy, members)
        return settings.model_copy(update={"weights": weights}), Learnt()
    if not settings.tune_weights:
        return settings, Learnt()
    split, key = settings.tuning_split, "combination.tuning_split"
    masks, images = open_slice(members, data, split, key)
    tuned_on = hash_slice(members, masks)
    tuned = tune_member_weights(members, masks, split)
    facts = {"average_precision": tuned.as_facts([member.name for member in members])}
    weighted = settings.model_copy(update={"weights": list(tuned.weights)})
    return weighted, Learnt({"tuned_on": tuned_on}, facts, images)


def find_members(
    places: Sequence[str],
    paths: PathsSection,
    split: str,
    key: str = "combination.label_sets",
) -> list[Path]:
    """Find the folders of label sets.

    Args:
        places: See `find_label_set`.
        paths: Where label sets and runs are.
        split: Of the runs that are named alone.
        key: Of the config that names them, for the error.

    Raises:
        UserError: There is nothing of a name, or a label set is named twice.
    """
    folders, missing = [], []
    for place in places:
        try:
            folders.append(find_label_set(place, paths.label_sets, paths.runs, split))
        except UserError:
            missing.append(name_in(place))
    if missing:
        there = list_label_sets(paths.label_sets, paths.runs, split)
        otherwise = f", or set {key} to what there is" if there else ""
        raise UserError(
            f"there is no label set {listed(missing)}; {say_there(there)}. Label with these "
            f"prompts first{otherwise}"
        )
    if len(set(folders)) < len(folders):
        raise UserError(f"{key} names a label set twice: {listed([*map(name_in, places)], 20)}")
    return folders


def usual_boxes(members: Sequence[LabelSet], settings: CombinationSection) -> BoxSettings:
    """Say how boxes are found in the combined maps: as in the members, if values mean the same."""
    common = common_box_settings(members, settings.output)
    if settings.calibration == "none" and settings.strategy not in OTHER_VALUES:
        return common
    return BoxSettings(object_class=common.object_class)


def fingerprint_maps(members: Sequence[LabelSet]) -> dict[str, str]:
    """Fingerprint the maps that are fused, by image id; images that failed in all are left out.

    Raises:
        UserError: The members have different images.
    """
    image_ids = check_same_images(members)
    return {i: fingerprint(member.path(i) for member in members) for i in image_ids}


def fuse_maps(
    members: Sequence[LabelSet], combination: Combination, pixel_weights: bool, image_id: str
) -> Content:
    """Fuse the maps of an image.

    Args:
        members: What is combined.
        combination: Fuses maps.
        pixel_weights: Whether there are weights too: 1 less the vote entropy of the pixel.
        image_id: Of the image.

    Raises:
        UserError: Maps cannot be read, or differ in size.
    """
    maps = read_maps(members, image_id)
    if not pixel_weights:
        return Content(combination(maps))
    kept = list(maps)  # they are needed twice
    return Content(combination(kept), weights=1 - vote_entropy(kept))


def calibrate_members(
    members: Sequence[LabelSet], masks: TrueMasks, method: Calibration
) -> list[CalibratedLabelSet]:
    """Calibrate each member on a slice; prints how much that mends."""
    calibrated = [calibrate(member, masks, method) for member in members]
    errors = [f"{each.name} {each.error_before:.4f} -> {each.error:.4f}" for each in calibrated]
    print(f"Calibrated on {len(masks.paths)} images, calibration error there: {', '.join(errors)}")
    return calibrated
