"""The files of one image in a label set, and what its record says of them."""

import os
from collections.abc import Collection, Container, Mapping
from pathlib import Path

from util.data_classes import BoxSettings
from util.images.files import write_soft_label
from util.images.ids import id_to_path
from util.label_set.boxes import boxes_to_rows, find_boxes
from util.label_set.contents import Content
from util.label_set.pixel_files import (
    logits_path,
    mask_id,
    mask_path,
    weights_path,
    write_logits,
    write_masks,
    write_weights,
)
from util.label_set.records import Record, hash_map


def keep(folder: Path, image_id: str, content: Content, box_settings: BoxSettings | None) -> Record:
    """Write what is kept of an image; older files that have no successor are removed.

    But for masks of things, whose number only earlier records tell (`remove_masks`).

    Args:
        folder: Of the label set.
        image_id: Names the files.
        content: Its map, its boxes or both, with weights, logits and proposals if there are any.
        box_settings: How boxes are found in the map; None = they are not found yet.

    Returns:
        What its record says of the map and the boxes (see `util.label_set.records`).

    Raises:
        ValueError: Values are outside their range.
        OSError: Something cannot be written.
    """
    record = _keep_map(folder, image_id, content, box_settings) | _keep_boxes(content)
    for name, pixels, path, write in (
        ("weights", content.weights, weights_path(folder, image_id), write_weights),
        ("logits", content.logits, logits_path(folder, image_id), write_logits),
    ):
        if pixels is None:
            path.unlink(missing_ok=True)
        else:
            write(path, pixels)
            record[name] = True
    if content.proposals is not None:
        record["masks"] = write_masks(folder, image_id, content.proposals)
    return record


def _keep_map(
    folder: Path, image_id: str, content: Content, box_settings: BoxSettings | None
) -> Record:
    """Write the map of an image, if it has one."""
    path = id_to_path(folder, image_id)
    if content.soft_label is None:
        path.unlink(missing_ok=True)
        return {}
    levels = write_soft_label(path, content.soft_label)
    kept: Record = {
        "status": "labelled" if levels.any() else "empty",
        "map": hash_map(levels),
        "size_hw": list(levels.shape),
    }
    if box_settings is not None and content.boxes is None:
        kept["boxes"] = boxes_to_rows(find_boxes(image_id, levels, box_settings).boxes)
    return kept


def _keep_boxes(content: Content) -> Record:
    """What the record of an image says of a detector's own boxes, if it has any."""
    if content.boxes is None:
        return {}
    rows = boxes_to_rows(content.boxes)
    kept: Record = {"detected": rows}
    if content.soft_label is None:
        kept |= {"status": "labelled" if rows else "empty", "size_hw": content.size_hw}
    return kept


def is_kept(folder: Path, record: Record, source: str) -> bool:
    """Tell whether an image need not be made again: nothing that its record tells of is lost.

    Args:
        folder: Of the label set.
        record: Of the image.
        source: Fingerprint of what it would be made from today.
    """
    if record["status"] == "failed" or record["source"] != source:
        return False
    image_id = record["id"]
    return (
        # Five times as quick as a Path.
        ("map" not in record or os.path.exists(f"{folder}/{image_id}.png"))  # noqa: PTH110
        and ("weights" not in record or weights_path(folder, image_id).exists())
        and ("logits" not in record or logits_path(folder, image_id).exists())
        and all(mask_path(folder, image_id, n).exists() for n in range(record.get("masks", 0)))
    )


def remove_maps(folder: Path, image_ids: Collection[str]) -> None:
    """Remove older maps, weights and logits that have no successor."""
    for image_id in image_ids:
        id_to_path(folder, image_id).unlink(missing_ok=True)
        weights_path(folder, image_id).unlink(missing_ok=True)
        logits_path(folder, image_id).unlink(missing_ok=True)


def remove_masks(folder: Path, lost: Mapping[str, range], image_ids: Container[str]) -> None:
    """Remove older masks of things that have no successor.

    Args:
        folder: Of the label set.
        lost: Their numbers, by the id of their image.
        image_ids: What has records: a map of them may lie where a mask was.
    """
    for image_id, numbers in lost.items():
        for number in numbers:
            if mask_id(image_id, number) not in image_ids:
                mask_path(folder, image_id, number).unlink(missing_ok=True)
