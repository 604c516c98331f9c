"""What is said of label sets that were made."""

import sys
from collections.abc import Sequence

from util.errors import listed
from util.label_set.reading import LabelSet


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
    if failed:
        reasons = listed([f"{image_id}: {reason}" for image_id, reason in failed.items()])
        print(f"{len(failed)} images failed, the rest is done: {reasons}", file=sys.stderr)
    return 1 if failed else 0
