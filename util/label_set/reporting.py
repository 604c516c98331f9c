"""What is said of label sets that were made."""

import sys
from collections.abc import Mapping, Sequence

from util.errors import listed
from util.label_set.making import Made
from util.label_set.reading import LabelSet
from util.running.shares import Share
from util.words import count_of


def report(label_sets: Sequence[LabelSet]) -> int:
    """Say what was written; exit status 1 where images have failed, else 0."""
    failed: dict[str, str] = {}
    for label_set in label_sets:
        counts = label_set.manifest["counts"]
        print(
            f"{label_set.folder}: {counts['labelled']} labelled, {counts['empty']} empty "
            f"(nothing found), {counts['failed']} failed"
        )
        failed |= label_set.failed
    return report_failed(failed)


def report_made(made: Made, words: str, share: Share) -> int:
    """Say what one label set was made of others; see `report`.

    Args:
        made: What has come of it, in this process.
        words: Of what, and how.
        share: This process's.
    """
    if made.label_set is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    counts = made.label_set.manifest["counts"]
    print(
        f"{made.label_set.folder}: {words}, {counts['labelled']} labelled, "
        f"{counts['empty']} empty, {counts['failed']} failed"
    )
    return report_failed(made.problems)


def report_failed(failed: Mapping[str, str]) -> int:
    """Say which images have failed, and why, by id; exit status 1 where there are some, else 0."""
    if failed:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()])
        print(
            f"{count_of(len(failed), 'image')} failed, the rest is done: {reasons}", file=sys.stderr
        )
    return 1 if failed else 0
