"""The label set that comes of marks: what is wrong has weight 0."""

from pathlib import Path

import numpy as np

from analysis.reviewing.marks import RIGHT, WRONG, Marks
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import count_pixels
from util.label_set import (
    Content,
    LabelSet,
    Made,
    Recipe,
    check_output,
    make_label_set,
)
from util.label_set.records import read_manifest, read_records, record_files

_MARKED_WRONG = "-wrong"
"""What the source of a map whose image is marked as wrong ends with."""

BYTES_A_PIXEL = 24
"""Memory that a map, its weights and logits, and the boxes in it take."""


def check_earlier_marks(
    label_set: LabelSet, marks: Marks, output: Path, right_list: Path, overwrite: bool
) -> None:
    """Make sure that no image loses the mark by which an earlier run made what is there.

    One that is marked otherwise now is no loss: somebody has changed their mind.

    Args:
        label_set: What was marked.
        marks: Of the images.
        output: Folder of the label set that comes of them; it need not be there, and one of another
            label set is passed over, since it is refused anyway.
        right_list: The list of what is right; it need not be there.
        overwrite: Whether what was made of earlier marks may go.

    Raises:
        UserError: Some images have no mark any more; they are counted and the first ones named.
    """
    made_by = read_manifest(output).get("settings", {})
    if overwrite or made_by.get("label_set", label_set.identity) != label_set.identity:
        return
    was_wrong = [
        record["id"]
        for record, _ in read_records(record_files(output))
        if record.get("source", "").endswith(_MARKED_WRONG)
    ]
    was_right = []
    if right_list.is_file():
        text = right_list.read_text(encoding="utf-8", errors="surrogateescape")
        was_right = text.removesuffix("\n").split("\n")
    lost = {
        mark: [image_id for image_id in ids if image_id not in marks.of_image]
        for mark, ids in ((WRONG, was_wrong), (RIGHT, was_right))
    }
    if told := [f"{len(ids)} as {mark} ({listed(ids)})" for mark, ids in lost.items() if ids]:
        raise UserError(
            f"{output} and {right_list} were made of marks of images that have none now: "
            f"{' and '.join(told)}. Give marks of all of them, --overwrite to go by these marks "
            "alone, or another review.output and review.name"
        )


def weigh(label_set: LabelSet, marks: Marks, output: Path, overwrite: bool) -> Made:
    """Make a label set in which the pixels of images that are wrong have weight 0.

    All else is as it was, weights of other images included. Other marks make anew only the images
    that are marked otherwise.

    Args:
        label_set: What was marked.
        marks: Of the images; those of others change nothing.
        output: Folder of the new label set.
        overwrite: Whether one that was made of another label set may be replaced.

    Raises:
        UserError: The label set is the output, or that was made of another one.
    """
    check_output(output, [label_set], "review.output")
    wrong = frozenset(marks.of(WRONG))

    def make(image_id: str) -> Content:
        soft_label = label_set.read(image_id)
        weights = label_set.read_weights(image_id) if label_set.is_weighted(image_id) else None
        if image_id in wrong:
            weights = np.zeros(soft_label.shape, np.float32)
        has_logits = label_set.logits_path(image_id).exists()
        logits = label_set.read_logits(image_id) if has_logits else None
        return Content(soft_label, weights=weights, logits=logits)

    def source(image_id: str) -> str:
        beside = [label_set.weights_path(image_id), label_set.logits_path(image_id)]
        files = fingerprint([label_set.path(image_id), *beside])
        return f"{files}{_MARKED_WRONG}" if image_id in wrong else files

    recipe = Recipe(
        settings={"producer": "review", "label_set": label_set.identity},
        boxes=label_set.box_settings,
        fingerprint=lambda: {image_id: source(image_id) for image_id in label_set.ids},
        load=lambda: make,
        cost_bytes=lambda image_id: count_pixels(label_set.path(image_id)) * BYTES_A_PIXEL,
        label="weights",
        failed=label_set.failed,
        facts={"marked_wrong": len(wrong.intersection(label_set.ids))},
        chosen_on=label_set.chosen_on,
    )
    return make_label_set(recipe, output, overwrite)
