"""A label set in the making: stopped, gone on with, replaced, finished."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

import util.label_set.writing.folding
from tests.util.label_set.example_sets import BOXES, SETTINGS, full_disk, make, spot
from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import read_soft_label, write_soft_label
from util.label_set import Content, LabelSet, LabelSetWriter, write_boxes_anew
from util.label_set.writing.progress import ProgressFile
from util.running.locks import BusyError


def test_a_label_set_has_maps_boxes_and_the_status_of_every_image(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("b/ä", Content(spot()), source="1", seconds=0.25)
        writer.add("a", Content(np.zeros((3, 4))), source="1", seconds=0.25)
        writer.fail("c", "it is truncated")
        label_set = writer.finish(BOXES)
    assert label_set.ids == ["a", "b/ä"]
    assert label_set.failed == {"c": "it is truncated"}
    assert label_set.manifest["settings"] == SETTINGS
    assert label_set.manifest["counts"] == {"labelled": 1, "empty": 1, "failed": 1}
    assert label_set.manifest["seconds"] == 0.5
    assert "numpy" in label_set.manifest["versions"]
    np.testing.assert_allclose(label_set.read("b/ä"), spot(), atol=1e-5)
    boxes = read_bbox_csv(tmp_path / "set" / "prediction.csv")
    assert boxes[["image", "xmin", "ymin", "xmax", "ymax"]].to_numpy().tolist() == [
        ["b/ä", 0.25, 0.2, 0.45, 0.4]
    ]
    assert boxes["confidence"].tolist() == pytest.approx([0.8], abs=1e-4)


def test_finished_images_are_kept_and_failed_or_lost_or_changed_ones_are_pending(
    tmp_path: Path,
) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        for name in ("kept", "lost", "changed"):
            writer.add(name, Content(spot()), source="1", seconds=0)
        writer.fail("failed", "no reason")
        writer.finish(BOXES)
    (tmp_path / "set" / "lost.png").unlink()
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        sources = {"kept": "1", "lost": "1", "changed": "2", "failed": "1", "new": "1"}
        assert writer.pending(sources) == ["lost", "changed", "failed", "new"]


def test_a_stopped_run_goes_on_even_after_half_a_line(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
        writer.add("b", Content(spot()), source="1", seconds=0)
    progress = tmp_path / "set" / "progress.jsonl"
    progress.write_text(progress.read_text()[:-20])  # killed while it wrote
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path / "set")
    with LabelSetWriter(tmp_path / "set", SETTINGS) as again:
        assert again.pending({"a": "1", "b": "1"}) == ["b"]
        again.add("b", Content(spot()), source="1", seconds=0)
        assert again.finish(BOXES).ids == ["a", "b"]
    assert not progress.exists()


def test_half_a_line_may_end_inside_an_umlaut(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
    with (tmp_path / "set" / "progress.jsonl").open("ab") as progress:
        progress.write('{"id": "mö'.encode()[:-1])
    with LabelSetWriter(tmp_path / "set", SETTINGS) as again:
        assert again.pending({"a": "1"}) == []


def test_images_that_are_gone_leave_the_set_and_come_back_unmade(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.pending({"a": "1", "b": "1", "broken": "1"})
        for name in ("a", "b"):
            writer.add(name, Content(spot()), source="1", seconds=0)
        writer.fail("broken", "truncated")
        writer.finish(BOXES)
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1"}) == []
        label_set = writer.finish(BOXES)
    assert label_set.ids == ["a"]
    assert label_set.failed == {}
    assert read_bbox_csv(tmp_path / "set" / "prediction.csv")["image"].tolist() == ["a"]
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == []  # nothing that was made is lost
        assert writer.finish(BOXES).ids == ["a", "b"]


def test_a_start_that_fails_touches_nothing(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a", "b"])
    before = contents(tmp_path / "set")
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        assert writer.pending({"a": "1"}) == ["a"]  # and then the teacher cannot be built
    assert contents(tmp_path / "set") == before
    with LabelSetWriter(tmp_path / "new", SETTINGS) as writer:
        writer.pending({"a": "1"})
    assert not (tmp_path / "new").exists()


def test_a_set_of_which_nothing_was_made_yet_can_be_begun_with_other_settings(
    tmp_path: Path,
) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.pending({"a": "1"})
        writer.fail("a", "the wrong threshold")
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}) as writer:
        assert writer.pending({"a": "1"}) == ["a"]
        writer.add("a", Content(spot()), source="1", seconds=0)
        assert writer.finish(BOXES).manifest["settings"] == {"producer": "other"}


def test_an_old_map_goes_when_its_successor_is_written(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a", "b", "c"])
    old = (tmp_path / "set" / "a.png").read_bytes()
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["a", "b"]
        writer.begin()
        assert (tmp_path / "set" / "a.png").read_bytes() == old
        writer.add("a", Content(spot(0.3)), source="1", seconds=0)
        writer.fail("b", "truncated")
        assert (tmp_path / "set" / "a.png").read_bytes() != old
        assert (tmp_path / "set" / "c.png").exists()
        label_set = writer.finish(BOXES)
    assert label_set.ids == ["a"]
    assert [path.name for path in tmp_path.glob("set/*.png")] == ["a.png"]


def test_maps_of_a_set_that_is_replaced_are_never_taken_for_new_ones(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a", "b"])
    other = {"producer": "other"}
    with LabelSetWriter(tmp_path / "set", other, overwrite=True) as writer:
        writer.pending({"a": "1", "b": "1"})
        writer.begin()  # and then it is killed
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path / "set")
    with LabelSetWriter(tmp_path / "set", other) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["a", "b"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("at", range(1, 8))
def test_a_stop_at_any_write_while_a_set_is_replaced_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    make(tmp_path / "set", ["a", "b"])
    other = {**SETTINGS, "threshold": 0.2}
    plain_replace, left = Path.replace, at

    def replace(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return plain_replace(self, target)

    def remake() -> LabelSet:
        with LabelSetWriter(tmp_path / "set", other, overwrite=True) as writer:
            for image_id in writer.pending({"a": "1", "c": "1"}):
                writer.add(image_id, Content(spot(0.9)), source="1", seconds=0)
            return writer.finish(BOXES)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with contextlib.suppress(KeyboardInterrupt):
            remake()
    label_set = remake()
    assert label_set.ids == ["a", "c"]
    assert {path.name for path in tmp_path.glob("set/*.png")} == {"a.png", "c.png"}
    assert label_set.read("a").max() == pytest.approx(0.9, abs=1e-4)
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(read_bbox_csv(tmp_path / "set" / "prediction.csv")) == 2


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "null", '{"settings": 1}', '{"settings": {}, "counts": {"a": 1}}', "[" * 9999),
        *('{"settings": {}, "facts": []}', '{"settings": {}, "facts": {"chosen_on": [1]}}'),
        '{"settings": {}, "facts": {"chosen_on": "a"}}',
    ],
)
def test_a_manifest_of_another_shape_is_named_and_can_be_replaced(
    tmp_path: Path, content: str
) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "label_set.json").write_text(content)
    with pytest.raises(UserError, match=r"label_set\.json.*--overwrite"):
        LabelSet(tmp_path / "set")
    with LabelSetWriter(tmp_path / "set", SETTINGS, overwrite=True) as writer:
        assert writer.pending({"a": "1"}) == []  # its records say how it was made
        assert writer.finish(BOXES).ids == ["a"]


@pytest.mark.parametrize("is_recorded", [False, True])
def test_who_goes_back_to_earlier_settings_makes_all_maps_anew(
    tmp_path: Path, is_recorded: bool
) -> None:
    make(tmp_path / "set", ["a", "b"])
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        writer.pending({"a": "1", "b": "1"})
        writer.begin()
        kept = writer.write("a", Content(spot(0.2)))  # and is killed
        if is_recorded:
            writer.record("a", kept, "1", 0)
    with LabelSetWriter(tmp_path / "set", SETTINGS, overwrite=True) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["a", "b"]


def test_half_a_line_spoils_neither_the_head_nor_the_record_after_it(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
    progress = tmp_path / "set" / "progress.jsonl"
    progress.write_bytes(progress.read_bytes()[:-20])
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.pending({"b": "1", "c": "1"})
        writer.add("b", Content(spot()), source="1", seconds=0)
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"b": "1", "c": "1"}) == ["c"]


def test_a_lost_csv_is_made_again(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "prediction.csv").unlink()
    LabelSetWriter(tmp_path / "set", SETTINGS).finish(BOXES)
    assert len(read_bbox_csv(tmp_path / "set" / "prediction.csv")) == 1


def test_a_run_stopped_before_its_first_image_goes_on(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.begin()
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path / "set")
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


def test_nothing_is_written_where_nothing_has_changed(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").iterdir()}
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1"}) == []
        writer.finish(BOXES)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "set").iterdir()} == before


def test_a_finished_set_learns_what_chose_its_settings_and_keeps_its_maps(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    assert not make(folder, ["a"]).chosen_on
    before = (folder / "a.png").stat().st_mtime_ns
    ids_alone, whole = ["a", "b"], [["a", "5f"], ["b", "77"]]
    for told, known in ((ids_alone, ("", "")), (whole, ("5f", "77")), (whole, ("5f", "77"))):
        with LabelSetWriter(folder, SETTINGS, facts={"chosen_on": told}) as writer:
            assert writer.pending({"a": "1"}) == []
            assert writer.finish(BOXES).chosen_on == set(zip("ab", known, strict=True))
    write_boxes_anew(LabelSet(folder), BoxSettings())
    assert LabelSet(folder).chosen_on == {("a", "5f"), ("b", "77")}
    assert (folder / "a.png").stat().st_mtime_ns == before


def test_other_box_settings_remake_the_boxes_alone(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1"}) == []
        writer.finish(BoxSettings(threshold=0.9))
    assert read_bbox_csv(tmp_path / "set" / "prediction.csv").empty


def test_other_settings_are_refused_by_name_and_redone_with_overwrite(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a", "b"])
    other = {**SETTINGS, "threshold": 0.2}
    with pytest.raises(UserError, match=r"threshold: 0\.1 -> 0\.2.*--overwrite"):
        LabelSetWriter(tmp_path / "set", other)
    assert LabelSet(tmp_path / "set").ids == ["a", "b"]
    with LabelSetWriter(tmp_path / "set", other, overwrite=True) as writer:
        assert writer.pending({"a": "1"}) == ["a"]
        writer.add("a", Content(spot()), source="1", seconds=0)
        assert writer.finish(BOXES).ids == ["a"]
    assert not (tmp_path / "set" / "b.png").exists()


@pytest.mark.parametrize(
    ("producer", "told"),
    [
        ("teacher", "another paths.label_sets"),
        ("combination", "another combination.output"),
        ("student", "choose another folder"),
    ],
)
def test_a_refusal_says_which_option_names_another_folder(
    tmp_path: Path, producer: str, told: str
) -> None:
    make(tmp_path / "set", ["a"])
    with pytest.raises(UserError, match=f"give --overwrite to make it anew, or {told}$"):
        LabelSetWriter(tmp_path / "set", {**SETTINGS, "producer": producer})


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("do not lose me")
    with pytest.raises(UserError, match="holds other files"):
        LabelSetWriter(tmp_path, SETTINGS)


def test_boxes_can_be_found_anew_in_maps_that_somebody_has_mended(tmp_path: Path) -> None:
    label_set = make(tmp_path / "set", ["a"])
    write_soft_label(label_set.path("a"), np.zeros((10, 20)))
    versions = label_set.manifest["versions"]
    write_boxes_anew(label_set, BOXES)
    assert read_bbox_csv(tmp_path / "set" / "prediction.csv").empty
    assert LabelSet(tmp_path / "set").manifest["versions"] == versions


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_soft_label(tmp_path / "x.png", np.full((2, 2), 0.5))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_soft_label(tmp_path / "x.png", np.full((2, 2), 0.9))
    assert read_soft_label(tmp_path / "x.png")[0, 0] == pytest.approx(0.5, abs=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_boxes_of_fewer_images_are_not_taken_for_those_of_all_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, ["a"])
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        writer.pending({"a": "1", "b": "1"})
        writer.add("b", Content(spot()), source="1", seconds=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(util.label_set.writing.folding, "write_bbox_csv", full_disk)
            with pytest.raises(OSError, match="No space"):
                writer.finish(BOXES)
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path)
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == []
        writer.finish(BOXES)
    assert read_bbox_csv(tmp_path / "prediction.csv")["image"].tolist() == ["a", "b"]


def test_a_map_that_cannot_be_read_for_its_boxes_is_that_of_a_failed_image(tmp_path: Path) -> None:
    make(tmp_path, ["a", "b"])
    (tmp_path / "a.png").write_bytes(b"no image")
    write_boxes_anew(LabelSet(tmp_path), BoxSettings())
    label_set = LabelSet(tmp_path)
    assert label_set.ids == ["b"]
    assert "a.png cannot be read" in label_set.failed["a"]
    assert label_set.read_boxes()["image"].tolist() == ["b"]


def test_a_failure_on_a_full_disk_is_known_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LabelSetWriter(tmp_path, {"producer": "test"}) as writer:
        writer.pending({"a": "1", "b": "1"})
        with monkeypatch.context() as patch:
            patch.setattr(ProgressFile, "append", full_disk)
            writer.fail("a", "the disk was full")
        writer.add("b", Content(np.zeros((2, 2))), "1", 0.0)
        label_set = writer.finish(BoxSettings())
    assert label_set.ids == ["b"]
    assert label_set.failed == {"a": "the disk was full"}


def test_boxes_that_are_found_meanwhile_are_those_that_are_read_at_the_end(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    maps = {name: rng.random((20, 30)) ** 4 for name in ("a", "b", "c")}
    settings = BoxSettings(dilation_iterations=0)
    written = {}
    for folder, known in (("one", settings), ("two", None), ("three", BoxSettings())):
        path = tmp_path / folder
        for part in (["a"], ["a", "b", "c"]):  # the second run finds the first map in its file
            with LabelSetWriter(path, {"producer": "test"}, box_settings=known) as writer:
                for name in writer.pending(dict.fromkeys(part, "1")):
                    writer.add(name, Content(maps[name]), "1", 0)
                writer.finish(settings)
        written[folder] = (path / "prediction.csv").read_bytes()
    assert written["one"].count(b"\n") > 20
    assert written["one"] == written["two"] == written["three"]


def test_what_another_process_has_finished_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Both have looked at the folder before the one began."""
    late = LabelSetWriter(tmp_path / "set", {"prompt": "gull"})
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
        made = writer.finish(BOXES)
    with late, pytest.raises(BusyError, match=r"has made .*set with other settings mean"):
        late.add("a", Content(spot()), source="1", seconds=0)
    assert LabelSet(made.folder).manifest == made.manifest
    assert LabelSet(made.folder).ids == ["a"]
    with LabelSetWriter(tmp_path / "set", SETTINGS) as again:  # nobody is at work any more
        again.begin()
