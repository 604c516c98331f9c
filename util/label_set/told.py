"""What records tell of the images of a label set, without a look at their maps."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from util.label_set.records import Record
from util.settings import settings_hash


@dataclass(frozen=True)
class Told:
    """What is known of the images of a label set.

    Attributes:
        ids: Of those that have not failed, sorted.
        failed: Why each of the others has, by id.
        empty: Those in which nothing was found.
        weighted: Those whose pixels have weights.
        num_masks: How many masks of things an image has, by id, where they were looked for.
    """

    ids: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    weighted: set[str] = field(default_factory=set)
    num_masks: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Note what a record tells; ids are shared between label sets."""
        image_id = sys.intern(record["id"])
        if record["status"] == "failed":
            self.failed[image_id] = record["reason"]
        else:
            self.ids.append(image_id)
        if record["status"] == "empty":
            self.empty.add(image_id)
        if "weights" in record:
            self.weighted.add(image_id)
        if "masks" in record:
            self.num_masks[image_id] = record["masks"]


def hash_maps(image_ids: Iterable[str], hashes: Mapping[str, str]) -> str:
    """Hash maps together, in the order of their images, by the hashes of those that there are."""
    return settings_hash({"maps": [[image_id, hashes.get(image_id)] for image_id in image_ids]})
