"""Maps that were changed by hand after their label set was made: its records know nothing of it."""

from collections.abc import Collection
from contextlib import suppress

from util.errors import UserError, listed
from util.label_set.joining import AnyLabelSet, JoinedLabelSet
from util.label_set.reading import LabelSet
from util.label_set.records import MANIFEST, hash_map, read_records, record_files
from util.words import count_of


def refuse_changed_maps(label_set: AnyLabelSet, image_ids: Collection[str]) -> None:
    """Make sure that maps are those that were made, so that boxes and students are of them.

    Maps that cannot be read are passed over, as who needs them says so; in a bare folder all maps
    count as they are.

    Args:
        label_set: Has the maps.
        image_ids: Of the maps that are needed; others it need not have.

    Raises:
        UserError: Some are not; all are counted, the first ones named.
    """
    for part in label_set.parts if isinstance(label_set, JoinedLabelSet) else [label_set]:
        if changed := _find_changed(part, image_ids):
            raise UserError(
                f"{count_of(len(changed), 'map')} of {part.folder} changed after the label set was "
                f"made: {listed(changed)}. Boxes and students would still be of the old ones: "
                f"copy maps that you mended to a folder of their own, without {MANIFEST}, and name "
                "that; or delete them here, and run what made them"
            )


def _find_changed(label_set: LabelSet, image_ids: Collection[str]) -> list[str]:
    """Find maps with other values than their records say; reads those that are newer than these."""
    if not label_set.manifest:
        return []
    finished_ns = (label_set.folder / MANIFEST).stat().st_mtime_ns
    newer = set()
    for image_id in image_ids:
        with suppress(OSError):
            if label_set.path(image_id).stat().st_mtime_ns > finished_ns:
                newer.add(image_id)
    changed = []
    for record, _ in read_records(record_files(label_set.folder)) if newer else ():
        if record["id"] in newer and "map" in record:
            with suppress(UserError):
                if hash_map(label_set.read(record["id"])) != record["map"]:
                    changed.append(record["id"])
    return changed
