"""What the ground truth, the masks and the labels of a config say of its images."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES, split_ignored
from util.checking.findings import Findings
from util.checking.images import Seen
from util.config import DataSection
from util.errors import UserError, listed
from util.ground_truth.annotated import find_with_boxes, join_truths
from util.ground_truth.coco import list_coco_images
from util.ground_truth.image_labels import read_image_labels
from util.ground_truth.reading import read_truths
from util.images.files import image_size_hw
from util.images.mask_files import find_mask_files
from util.images.mask_values import IGNORED
from util.images.masks import TrueMasks, open_folder, open_masks
from util.images.splits import sample
from util.running.ahead import map_ahead
from util.running.progress import track
from util.words import count_of

MASKS_READ = 200
"""So many masks, drawn by chance, tell how much of images is anomalous."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of images.

    Attributes:
        boxes: Table of `util.bbox_csv`; None = there are none, or they cannot be read.
        masks: None likewise.
        labels: Labels of whole images, by id; {} likewise.
    """

    boxes: pd.DataFrame | None
    masks: TrueMasks | None
    labels: Mapping[str, frozenset[str]]


def read_truth(
    data: DataSection,
    image_paths: Mapping[str, Path],
    asked: Sequence[str],
    judged: Collection[str],
    seen: Mapping[str, Seen],
    findings: Findings,
) -> Truth:
    """Read what is known, and say what is odd about it.

    Args:
        data: Names it.
        image_paths: Of all images, by id.
        asked: Images whose truth is looked at.
        judged: Those of them that must have one; none where there are no lists of them yet.
        seen: What was seen of the images that can be read.
        findings: Gets what was found.
    """
    known = boxes = masks = None
    readable = [image_id for image_id in asked if image_id in seen]
    if data.ground_truth is not None:
        known = findings.attempt(lambda: find_with_boxes(data, image_paths))
        if known is not None:
            _check_listed(data, image_paths, findings)
            wanted = [i for i in readable if i in known or i in judged]
            boxes = findings.attempt(lambda: read_truths(data, image_paths, wanted))
        if boxes is not None:
            _say_boxes_of_masks(data, image_paths, findings)
            _check_boxes(boxes, wanted, seen, findings)
            if left := len(readable) - len(wanted):
                findings.facts["true boxes"] += (
                    f"; {count_of(left, 'other is', 'others are')} not annotated, nor judged"
                )
    if data.masks is not None:
        masks = findings.attempt(lambda: open_masks(data, image_paths))
        if masks is not None:
            _check_masks(masks, readable, seen, findings)
            if known is not None and not judged:  # lists are to be made, of images with both
                findings.attempt(lambda: join_truths(data, known, masks.paths))
    labels = _read_labels(data.image_labels, image_paths, findings)
    if data.ground_truth is None and data.masks is None:
        findings.facts["truth"] = "none, so labels can be made and learnt, but nothing is judged"
    return Truth(boxes, masks, labels)


def _read_labels(
    path: Path | None, image_ids: Collection[str], findings: Findings
) -> Mapping[str, frozenset[str]]:
    """Read the labels of whole images, and say how many there are; {} where there are none."""
    if path is None:
        return {}
    labels = findings.attempt(lambda: read_image_labels(path, image_ids)) or {}
    if labels:
        counts = Counter(name for names in labels.values() for name in names or {"none"})
        told = [f"{name} {count}" for name, count in counts.most_common()]
        findings.facts["labels"] = f"of {count_of(len(labels), 'image')}: {listed(told, 6)}"
    return labels


def _check_listed(data: DataSection, image_ids: Collection[str], findings: Findings) -> None:
    """Say which images a COCO file lists that are not there, be it by mistake in their names."""
    path = data.ground_truth
    if path is None or data.ground_truth_format != "coco":
        return
    if strangers := sorted(list_coco_images(path, image_ids).difference(image_ids)):
        findings.warnings.append(
            f"{path.name} lists {count_of(len(strangers), 'image')} that data.images has not: "
            f"{listed(strangers, 3)}; an image of another name than there counts as not annotated"
        )


def _say_boxes_of_masks(data: DataSection, image_ids: Collection[str], findings: Findings) -> None:
    """Say what masks that are the ground truth are taken for, unless that is said of data.masks."""
    path, classes = data.ground_truth, data.ground_truth_classes
    if path is None or data.ground_truth_format != "masks" or path == data.masks:
        return
    masks = findings.attempt(
        lambda: open_folder(path, image_ids, classes, data.mask_values, data.mask_names)
    )
    if masks is not None:
        findings.facts["boxes of masks"] = _say_taken(masks)


def _check_boxes(
    table: pd.DataFrame, asked: Sequence[str], seen: Mapping[str, Seen], findings: Findings
) -> None:
    """Say what boxes there are, and which are odd."""
    objects, regions = split_ignored(table)
    counts = objects["obj_class"].value_counts()
    having = set(objects["image"])
    without = [image_id for image_id in asked if image_id not in having]
    told = [f"{name} {count}" for name, count in counts.items()]
    ignored = count_of(len(regions), "region is", "regions are")
    findings.facts["true boxes"] = (
        f"{len(objects)} in {len(having)} of {count_of(len(asked), 'image')}"
        f" ({listed(told, 6) or 'none'}); {count_of(len(without), 'has none', 'have none')}"
        + (f": {listed(without, 3)}" if without else "")
        + (f"; {ignored} ignored" if len(regions) else "")
    )
    if objects.empty:
        findings.warnings.append("the ground truth has no box in these images: all F1 will be 0")
        return
    sizes_wh = np.array([seen[image_id].size_hw[::-1] for image_id in objects["image"]])
    edges = objects[COORDINATES].to_numpy(float)
    sides_px = ((edges[:, 2:] - edges[:, :2]) * sizes_wh).min(axis=1)
    if (tiny := sides_px < 2).any():
        findings.warnings.append(
            f"{tiny.sum()} of {count_of(len(objects), 'true box', 'true boxes')} "
            f"{'is' if tiny.sum() == 1 else 'are'} thinner than 2 pixels: "
            f"{listed(sorted(set(objects['image'][tiny])), 3)}"
        )
    areas = np.prod(edges[:, 2:] - edges[:, :2], axis=1)
    if (whole := areas > 0.95).any():
        findings.warnings.append(
            f"{count_of(whole.sum(), 'true box holds', 'true boxes hold')} nearly the whole image: "
            f"{listed(sorted(set(objects['image'][whole])), 3)}"
        )


def _check_masks(
    masks: TrueMasks, asked: Sequence[str], seen: Mapping[str, Seen], findings: Findings
) -> None:
    """Say what masks are taken for, and which are lacking or do not fit their image."""
    findings.facts["masks"] = _say_taken(masks)
    having = [image_id for image_id in asked if image_id in masks.paths]
    if lacking := [image_id for image_id in asked if image_id not in masks.paths]:
        findings.warnings.append(
            f"{len(lacking)} of {count_of(len(asked), 'image')} "
            f"{'has' if len(lacking) == 1 else 'have'} no mask: {listed(lacking)}; the pixels of a "
            "split are judged where all of its images have one"
        )
    if other := _find_other_sizes(masks, having, seen):
        findings.errors.append(
            f"{count_of(len(other), 'mask has', 'masks have')} another size than the image: "
            f"{listed(other, 3)}"
        )
    _check_shares(masks, sample(having, MASKS_READ), findings)


def _say_taken(masks: TrueMasks) -> str:
    """Say how many masks there are, and what their values are taken for."""
    of_no_image = len(find_mask_files(masks.folder)) - len(masks.paths)
    lost = f"; {count_of(of_no_image, 'belongs', 'belong')} to no image" if of_no_image else ""
    return f"{len(masks.paths)}, read as {masks.described}{lost}"


def _check_shares(masks: TrueMasks, image_ids: Sequence[str], findings: Findings) -> None:
    """Say how much of images their masks mark, and which masks cannot be read."""
    read = map_ahead(lambda image_id: _read_share(masks, image_id), image_ids)
    found = list(track(read, "masks", len(image_ids), transient=True))
    shares = [share for share in found if not isinstance(share, str)]
    bad = [reason for reason in found if isinstance(reason, str)]
    if bad:
        findings.errors.append(f"{count_of(len(bad), 'mask')} cannot be read: {listed(bad, 2)}")
    values = np.array([share for share in shares if not math.isnan(share)])
    if num_ignored := len(shares) - len(values):
        findings.warnings.append(
            f"{count_of(num_ignored, 'mask ignores', 'masks ignore')} all pixels, of "
            f"{len(shares)} looked at; is that what data.mask_values should say?"
        )
    if len(values):
        findings.facts["marked"] = (
            f"{np.median(values):.2%} of an image (median), {values.max():.1%} at most; "
            f"{(values == 0).sum()} of {len(values)} masks looked at mark nothing"
        )
        if np.median(values) > 0.5:
            findings.warnings.append(
                f"masks mark {np.median(values):.0%} of an image: are normal and anomalous swapped "
                "(data.mask_values)?"
            )


def _find_other_sizes(
    masks: TrueMasks, having: Sequence[str], seen: Mapping[str, Seen]
) -> list[str]:
    """Say which masks are not of the size of their image; those that cannot be read are passed."""

    def look(image_id: str) -> str | None:
        try:
            height, width = image_size_hw(masks.paths[image_id])
        except UserError:
            return None
        expected = seen[image_id].size_hw
        if (height, width) == expected:
            return None
        return f"{image_id} ({width} x {height} for {expected[1]} x {expected[0]})"

    return [told for told in map_ahead(look, having) if told is not None]


def _read_share(masks: TrueMasks, image_id: str) -> float | str:
    """Share of what a mask does not ignore that is anomalous; nan of nothing, or why it fails."""
    try:
        known = masks.read(image_id)
        known = known[known != IGNORED]
        return float((known == 1).mean()) if known.size else math.nan
    except UserError as error:
        return str(error)
