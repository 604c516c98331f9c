"""Combines several label sets into one."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from util.config import Calibration, CombinationSection, DataSection, EvaluationSection
from util.data_classes import BoxSettings
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.identity import ImageIdentity
from util.images.masks import TrueMasks
from util.label_set import (
    CHOSEN_ON,
    Content,
    LabelSet,
    LabelSetWriter,
    Made,
    check_same_images,
    common_box_settings,
    describe_equal,
    find_pending,
    make_maps,
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
    _refuse_own_input(settings)
    members = _open_members(label_sets, settings)
    boxes = evaluation.box_settings(usual_boxes(members, settings))
    calibrated, by_calibration = _calibrate(settings, data, members)
    weighted, by_tuning = _find_weights(settings, data, calibrated)
    made_by = {
        "producer": "combination",
        "strategy": settings.strategy,
        "members": [[member.name, member.manifest.get("settings_hash")] for member in members],
        **by_calibration.made_by,
        **by_tuning.made_by,
        **weighted.decides(),
    }
    facts = {**by_tuning.facts, "config": {"combination": weighted.model_dump(mode="json")}}
    chosen_on = by_calibration.images.union(by_tuning.images, *(each.chosen_on for each in members))
    if chosen_on:
        facts[CHOSEN_ON] = sorted(chosen_on)
    combination = build_combination(weighted, len(members))
    output = label_sets / settings.output
    with LabelSetWriter(output, made_by, overwrite, share, boxes, facts) as writer:
        problems = combine_label_sets(calibrated, combination, writer, settings.pixel_weights)
        return Made(writer.finish_share(boxes), problems)


def _refuse_own_input(settings: CombinationSection) -> None:
    """Refuse to write a combination over one of the label sets that it is made of."""
    if settings.output in {*settings.label_sets, *map(prompt_to_folder, settings.label_sets)}:
        raise UserError(
            f"combination.output is {settings.output!r}, one of the label sets that are combined"
        )


def _open_members(label_sets: Path, settings: CombinationSection) -> list[LabelSet]:
    """Open what is combined; prints which of them are equal."""
    members = [LabelSet(folder) for folder in find_members(label_sets, settings.label_sets)]
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
        maps = read_maps(members, image_id)
        if not pixel_weights:
            return Content(combination(maps))
        kept = list(maps)  # they are needed twice
        return Content(combination(kept), weights=1 - vote_entropy(kept))

    def cost_bytes(image_id: str) -> int:
        return map_cost(members[0].path(image_id)) * len(members)

    return make_maps(writer, sources, pending, combine, "combination", cost_bytes)


def calibrate_members(
    members: Sequence[LabelSet], masks: TrueMasks, method: Calibration
) -> list[CalibratedLabelSet]:
    """Calibrate each member on a slice; prints how much that mends."""
    calibrated = [calibrate(member, masks, method) for member in members]
    errors = [f"{each.name} {each.error_before:.4f} -> {each.error:.4f}" for each in calibrated]
    print(f"Calibrated on {len(masks.paths)} images, calibration error there: {', '.join(errors)}")
    return calibrated
