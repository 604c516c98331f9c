"""Maps that were changed by hand after their label set was made: its records know nothing of it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from util.errors import UserError, listed
from util.label_set.joining import AnyLabelSet, JoinedLabelSet
from util.label_set.reading import LabelSet, map_cost
from util.label_set.records import MANIFEST, hash_map
from util.running.ahead import map_ahead
from util.running.progress import track
from util.words import count_of


def refuse_changed_maps(label_set: AnyLabelSet, image_ids: Iterable[str]) -> None:
    """Make sure that maps are those that were made, so that boxes and students are of them.

    Maps that cannot be read are passed over, as who needs them says so; in a bare folder all maps
    count as they are.

    Args:
        label_set: Has the maps.
        image_ids: Of the maps that are needed; others it need not have.

    Raises:
        UserError: Some are not; all are counted, the first ones named.
    """
    if isinstance(label_set, JoinedLabelSet):
        ids_of = label_set.sort_by_part(image_ids)
    else:
        ids_of = {label_set: [*image_ids]}
    changed = [
        f"{part.name}/{image_id}"
        for part, ids in ids_of.items()
        for image_id in _find_changed(part, ids)
    ]
    if changed:
        raise UserError(
            f"{count_of(len(changed), 'map')} of {label_set.folder} changed after it was made: "
            f"{listed(changed)}. Its boxes, and students of it, are of the old ones: make these "
            "part of it by util/csv_from_soft_labels.py, or delete them and run what made them"
        )


def _find_changed(label_set: LabelSet, image_ids: Iterable[str]) -> list[str]:
    """Find maps with other values than their records say; reads those that are newer than these."""
    if not label_set.manifest:
        return []
    newer = set(_find_newer(label_set, image_ids))
    if not newer:
        return []
    hashes = label_set.map_hashes(newer)

    def is_changed(image_id: str) -> bool:
        with suppress(UserError):
            return hash_map(label_set.read(image_id)) != hashes[image_id]
        return False

    looked_at = map_ahead(is_changed, hashes, cost_bytes=lambda i: map_cost(label_set.path(i)))
    bar = track(looked_at, f"newer maps of {label_set.name}", len(hashes), transient=True)
    return [image_id for image_id, changed in zip(hashes, bar, strict=True) if changed]


def _find_newer(label_set: LabelSet, image_ids: Iterable[str]) -> Iterator[str]:
    """Find maps that are newer than the manifest, which is written last."""
    finished_ns = (label_set.folder / MANIFEST).stat().st_mtime_ns
    for image_id in image_ids:
        with suppress(OSError):
            if label_set.path(image_id).stat().st_mtime_ns > finished_ns:
                yield image_id
