"""Maps that somebody has mended by hand, which the records of their label set know nothing of."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import write_soft_label
from util.label_set import (
    MANIFEST,
    Content,
    LabelSet,
    LabelSetWriter,
    open_label_set,
    refuse_changed_maps,
)

IDS = ["a", "b/c", "d"]


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator) -> LabelSet:
    """A label set of noise."""
    with LabelSetWriter(tmp_path / "made", {"producer": "test"}) as writer:
        for image_id in IDS:
            writer.add(image_id, Content(rng.random((5, 7))), "1", 0)
        return writer.finish(BoxSettings())


def change(label_set: LabelSet, image_id: str) -> None:
    """Mend a map by hand, a second after the set was made."""
    write_soft_label(label_set.path(image_id), np.eye(5, 7))
    seem_newer(label_set, image_id)


def seem_newer(label_set: LabelSet, image_id: str) -> None:
    """Give a map the time of a second after its label set's."""
    later_ns = (label_set.folder / MANIFEST).stat().st_mtime_ns + 10**9
    os.utime(label_set.path(image_id), ns=(later_ns, later_ns))


def test_maps_that_were_changed_are_named_together(made: LabelSet) -> None:
    refuse_changed_maps(made, IDS)
    change(made, "a")
    change(made, "d")
    with pytest.raises(UserError, match=r"2 maps of .*made changed after .*: a, d\. .*copy"):
        refuse_changed_maps(made, IDS)
    refuse_changed_maps(made, ["b/c", "unknown"])


def test_maps_that_were_merely_copied_later_are_the_same(made: LabelSet) -> None:
    seem_newer(made, "a")
    refuse_changed_maps(made, IDS)


def test_a_damaged_map_is_left_to_who_reads_it(made: LabelSet) -> None:
    made.path("a").write_bytes(b"no map")
    seem_newer(made, "a")
    refuse_changed_maps(made, IDS)


def test_all_maps_of_a_bare_folder_count_as_they_are(made: LabelSet) -> None:
    change(made, "a")
    bare = shutil.copytree(made.folder, made.folder.with_name("bare"))
    for path in (bare / MANIFEST, bare / "records.jsonl", bare / "prediction.csv"):
        path.unlink()
    refuse_changed_maps(LabelSet(bare), IDS)


def test_of_joined_label_sets_each_is_looked_at(made: LabelSet) -> None:
    shutil.copytree(made.folder, made.folder.with_name("other"))
    change(made, "b/c")
    joined = open_label_set(made.folder.parent, "other+made")
    with pytest.raises(UserError, match=r"1 map of .*made changed .*: b/c"):
        refuse_changed_maps(joined, IDS)
