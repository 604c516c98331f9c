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
    write_boxes_anew,
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
    with pytest.raises(UserError, match=r"2 maps of .*: made/a, made/d\. .*csv_from_soft_labels"):
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


def test_of_joined_label_sets_the_map_that_counts_is_looked_at(made: LabelSet) -> None:
    shutil.copytree(made.folder, made.folder.with_name("other"))
    change(made, "b/c")
    refuse_changed_maps(open_label_set(made.folder.parent, "other+made"), IDS)
    with pytest.raises(UserError, match=r"1 map of .*made\+other changed .*: made/b/c\. "):
        refuse_changed_maps(open_label_set(made.folder.parent, "made+other"), IDS)


def test_more_images_do_not_hide_that_a_map_was_changed(made: LabelSet) -> None:
    change(made, "a")
    before = (made.folder / MANIFEST).read_bytes()
    with (
        LabelSetWriter(made.folder, {"producer": "test"}) as writer,
        pytest.raises(UserError, match="made/a"),
    ):
        writer.add("e", Content(np.eye(5, 7)), "1", 0)
    assert (made.folder / MANIFEST).read_bytes() == before


def test_changed_maps_are_part_of_the_set_once_their_boxes_are_found_anew(made: LabelSet) -> None:
    write_boxes_anew(made, BoxSettings())
    same = LabelSet(made.folder)
    assert (same.fingerprint(), same.content) == (made.fingerprint(), made.content)
    write_soft_label(made.path("a"), np.zeros((5, 7)))
    seem_newer(made, "a")
    write_boxes_anew(made, BoxSettings())
    mended = LabelSet(made.folder)
    seem_newer(mended, "a")
    refuse_changed_maps(mended, IDS)
    assert mended.is_empty("a")
    assert made.fingerprint() != mended.fingerprint()
    assert made.content != mended.content
    with LabelSetWriter(made.folder, {"producer": "test"}) as writer:
        assert writer.pending(dict.fromkeys(IDS, "1")) == []  # what was mended stays


def test_maps_that_were_deleted_after_a_change_are_made_anew(made: LabelSet) -> None:
    change(made, "a")
    made.path("a").unlink()
    with LabelSetWriter(made.folder, {"producer": "test"}) as writer:
        assert writer.pending(dict.fromkeys(IDS, "1")) == ["a"]
        writer.add("a", Content(np.eye(5, 7)), "1", 0)
        refuse_changed_maps(writer.finish(BoxSettings()), IDS)
