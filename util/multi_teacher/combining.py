"""Combines several label sets into one."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from util.config import Calibration, CombinationSection, DataSection, EvaluationSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
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
    make_label_set,
    map_cost,
    prompt_to_folder,
)
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
    label_sets: Path,
    overwrite: bool,
    share: Share,
) -> Made:
    """Combine this process's share of the images.

    Args:
        settings: What is combined, and how.
        data: Names the images with true masks to calibrate or tune weights on.
        evaluation: How boxes are found in the combined maps.
        label_sets: Folder of the label sets, the combined one among them.
        overwrite: Whether one that was made with other settings may be replaced.
        share: This process's.

    Raises:
        UserError: A label set is missing, or they cannot be combined so; nothing is touched.
    """
    check_tuning(settings)
    output = label_sets / settings.output
    members = [LabelSet(folder) for folder in find_members(label_sets, settings.label_sets)]
    check_output(output, members, "combination.output")
    if equal := describe_equal({member.name: member for member in members}):
        print(f"{equal}; each counts in the combination as if it were another opinion")
    calibrated, by_calibration = _calibrate(settings, data, members)
    weighted, by_tuning = _find_weights(settings, data, calibrated)
    combination = build_combination(weighted, len(members))
    recipe = Recipe(
        settings={
            "producer": "combination",
            "strategy": settings.strategy,
            "members": [member.identity for member in members],
            **by_calibration.made_by,
            **by_tuning.made_by,
            **weighted.decides(),
        },
        boxes=evaluation.box_settings(usual_boxes(members, settings)),
        fingerprint=partial(fingerprint_maps, calibrated),
        load=lambda: partial(fuse_maps, calibrated, combination, settings.pixel_weights),
        cost_bytes=lambda image_id: map_cost(members[0].path(image_id)) * len(members),
        label="combination",
        failed=members[0].failed,
        facts={**by_tuning.facts, "config": {"combination": weighted.model_dump(mode="json")}},
        chosen_on=by_calibration.images.union(by_tuning.images, *(m.chosen_on for m in members)),
    )
    return make_label_set(recipe, output, overwrite, share)


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
    label_sets: Path, names: Sequence[str], key: str = "combination.label_sets"
) -> list[Path]:
    """Find the folders of label sets by their prompts or folder names.

    Args:
        label_sets: Folder of all.
        names: Of those that are wanted.
        key: Of the config that names them, for the error.

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
        otherwise = f", or set {key} to what there is" if there else ""
        raise UserError(
            f"{label_sets} has no label set {listed(missing)}; there are: "
            f"{', '.join(sorted(there)) or 'none'}. Label with these prompts first{otherwise}"
        )
    if len(set(folders)) < len(folders):
        raise UserError(f"{key} names a label set twice: {listed(names, 20)}")
    return [there[folder] for folder in folders]


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
