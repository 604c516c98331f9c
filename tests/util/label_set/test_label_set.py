import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import util.label_set.writing.folding
from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import read_soft_label, write_image, write_soft_label
from util.label_set import Content, LabelSet, LabelSetWriter, check_same_images, write_boxes_anew
from util.label_set.writing.progress import ProgressFile
from util.running.shares import Share

SETTINGS = {"producer": "test", "threshold": 0.1}
BOXES = BoxSettings(dilation_iterations=0)


def spot(value: float = 0.8) -> np.ndarray:
    soft_label = np.zeros((10, 20), np.float32)
    soft_label[2:4, 5:9] = value
    return soft_label


def make(folder: Path, names: list[str]) -> LabelSet:
    with LabelSetWriter(folder, SETTINGS) as writer:
        for name in names:
            writer.add(name, Content(spot()), source="1", seconds=0.5)
        return writer.finish(BOXES)


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


RECORD = {"status": "labelled", "source": "1", "seconds": 0, "map": "1", "size_hw": [1, 1]}


@pytest.mark.parametrize("file", ["records.jsonl", "progress.jsonl"])
def test_ids_in_records_never_leave_the_folder(tmp_path: Path, file: str) -> None:
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"precious")
    make(tmp_path / "set", ["a"])
    line = json.dumps({"id": "../victim", **RECORD})
    with (tmp_path / "set" / file).open("a") as records:
        records.write(line + "\n")
    with pytest.raises(UserError, match=r"victim|unfinished"):
        LabelSet(tmp_path / "set").ids  # noqa: B018
    with pytest.raises(UserError, match=r"victim.*--overwrite"):
        LabelSetWriter(tmp_path / "set", SETTINGS).pending({"a": "1"})
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        assert writer.pending({"a": "1"}) == ["a"]
        writer.add("a", Content(spot()), source="1", seconds=0)
        assert writer.finish(BOXES).ids == ["a"]
    assert victim.read_bytes() == b"precious"


def test_a_file_is_no_label_set(tmp_path: Path) -> None:
    (tmp_path / "prediction.csv").touch()
    with pytest.raises(UserError, match=r"prediction\.csv is a file, expected the folder"):
        LabelSet(tmp_path / "prediction.csv")


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
    ["[]", "null", '{"settings": 1}', '{"settings": {}, "counts": {"a": 1}}', "[" * 9999],
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


def test_records_that_are_lost_are_said(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "records.jsonl").unlink()
    with pytest.raises(UserError, match="unfinished; run what makes it again"):
        LabelSet(tmp_path / "set")
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


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


def test_equal_maps_are_known_without_reading_them(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one", ["a", "b"]), make(tmp_path / "two", ["a", "b"])
    assert one.content == two.content
    assert make(tmp_path / "three", ["a"]).content != one.content
    with LabelSetWriter(tmp_path / "four", {"producer": "other"}) as writer:
        writer.add("a", Content(spot()), source="2", seconds=3)
        writer.add("b", Content(spot()), source="2", seconds=3)
        assert writer.finish(BOXES).content == one.content
    with LabelSetWriter(tmp_path / "five", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
        writer.add("b", Content(spot(0.7)), source="1", seconds=0)
        assert writer.finish(BOXES).content != one.content


def test_the_same_command_started_twice_is_told_so(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as first:
        second = LabelSetWriter(tmp_path / "set", SETTINGS)
        first.add("a", Content(spot()), source="1", seconds=0)
        with pytest.raises(UserError, match=r"is at work on .*set; wait"):
            second.add("a", Content(spot()), source="1", seconds=0)
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path / "set", SETTINGS)
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path / "set", SETTINGS, share=Share(0, 2))
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


def test_shares_of_one_number_work_side_by_side_and_of_another_do_not(tmp_path: Path) -> None:
    first, second = open_share(tmp_path, 0), open_share(tmp_path, 1)
    for share in (Share(0, 2), Share(0, 3), Share()):
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path, {"producer": "test"}, share=share)
    assert work_on(*first) is None
    assert work_on(*second) is not None


def test_without_locks_one_process_works_and_several_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert make(tmp_path / "set", ["a"]).ids == ["a"]
    assert "see that nothing else works on" in caplog.text
    with pytest.raises(UserError, match="has no file locks"):
        open_share(tmp_path / "shared", 0)


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


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("do not lose me")
    with pytest.raises(UserError, match="holds other files"):
        LabelSetWriter(tmp_path, SETTINGS)


def test_a_bare_folder_of_masks_of_0_and_1_is_noticed(tmp_path: Path) -> None:
    mask = np.array([[0, 1, 1]], np.uint8)
    for image_id, values in {"empty": 0 * mask, "a": mask, "b": 255 * mask, "c": 2 * mask}.items():
        write_image(tmp_path / f"{image_id}.png", values)
    label_set = LabelSet(tmp_path)
    assert label_set.read("empty").max() == 0
    assert label_set.read("b").max() == 1
    assert label_set.read("c").max() == np.float32(2 / 255)
    with pytest.raises(
        UserError, match=r"a\.png has the values 0 and 1 of 255.*multiply it by 255"
    ):
        label_set.read("a")
    Image.fromarray(mask.astype(np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"values 0 and 1 of 65535.*multiply it by 65535"):
        label_set.read("a")


def test_a_bare_folder_of_gray_pngs_can_be_read(tmp_path: Path) -> None:
    write_soft_label(tmp_path / "sub" / "x.png", spot())
    label_set = LabelSet(tmp_path)
    assert label_set.ids == ["sub/x"]
    write_boxes_anew(label_set, BOXES)
    assert len(read_bbox_csv(tmp_path / "prediction.csv")) == 1


def test_boxes_can_be_found_anew_in_maps_that_somebody_has_mended(tmp_path: Path) -> None:
    label_set = make(tmp_path / "set", ["a"])
    write_soft_label(label_set.path("a"), np.zeros((10, 20)))
    versions = label_set.manifest["versions"]
    write_boxes_anew(label_set, BOXES)
    assert read_bbox_csv(tmp_path / "set" / "prediction.csv").empty
    assert LabelSet(tmp_path / "set").manifest["versions"] == versions


def make_weighted(folder: Path, names: list[str], settings: dict[str, object]) -> LabelSet:
    with LabelSetWriter(folder, settings) as writer:
        for name in names:
            writer.add(name, Content(spot(), weights=1 - spot(0.25)), source="1", seconds=0)
        return writer.finish(BOXES)


def test_weights_of_pixels_lie_beside_the_maps_and_are_no_maps(tmp_path: Path) -> None:
    label_set = make_weighted(tmp_path / "set", ["a", "b/ä"], SETTINGS)
    assert label_set.ids == ["a", "b/ä"]
    assert (tmp_path / "set" / "weights" / "b" / "ä.png").is_file()
    weights = label_set.read_weights("b/ä")
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, 1 - spot(0.25), atol=0.5 / 255)
    for name in ("label_set.json", "records.jsonl"):
        (tmp_path / "set" / name).unlink()
    assert LabelSet(tmp_path / "set").ids == ["a", "b/ä"]


def test_without_a_file_every_pixel_has_full_weight(tmp_path: Path) -> None:
    weights = make(tmp_path / "set", ["a"]).read_weights("a")
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, np.ones((10, 20)))


def test_maps_in_a_folder_named_weights_are_maps_where_they_weigh_nothing(tmp_path: Path) -> None:
    write_soft_label(tmp_path / "weights" / "x.png", spot())
    assert LabelSet(tmp_path).ids == ["weights/x"]
    write_soft_label(tmp_path / "x.png", spot())
    assert LabelSet(tmp_path).ids == ["x"]


def test_an_image_that_lies_where_weights_belong_is_refused(tmp_path: Path) -> None:
    with (
        LabelSetWriter(tmp_path, SETTINGS) as writer,
        pytest.raises(UserError, match="weights/x would lie where a label set"),
    ):
        writer.pending({"x": "1", "weights/x": "1"})
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        assert writer.pending({"y": "1", "weights/x": "1"}) == ["y", "weights/x"]


def test_an_image_that_lost_its_weights_is_pending(tmp_path: Path) -> None:
    make_weighted(tmp_path / "set", ["a", "b"], SETTINGS)
    (tmp_path / "set" / "weights" / "a.png").unlink()
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == ["a"]


def test_no_old_weights_are_left_by_other_settings_or_by_a_map_without(tmp_path: Path) -> None:
    make_weighted(tmp_path / "set", ["a", "b"], SETTINGS)
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot()), source="2", seconds=0)
    assert not (tmp_path / "set" / "weights" / "a.png").exists()
    with LabelSetWriter(tmp_path / "set", {"producer": "other"}, overwrite=True) as writer:
        writer.add("a", Content(spot()), source="1", seconds=0)
        assert writer.finish(BOXES).read_weights("a").min() == 1
    assert not list((tmp_path / "set" / "weights").glob("*.png"))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_weights_lie_between_0_and_1(tmp_path: Path, value: float) -> None:
    with LabelSetWriter(tmp_path, SETTINGS) as writer, pytest.raises(ValueError, match="weights"):
        writer.add("a", Content(spot(), weights=np.full((10, 20), value)), source="1", seconds=0)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "label_set.json").write_text("{")
    with pytest.raises(UserError, match=r"label_set\.json is damaged"):
        LabelSet(tmp_path / "set")


def test_a_missing_label_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        LabelSet(tmp_path / "nowhere")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_soft_label(tmp_path / "x.png", np.full((2, 2), 0.5))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_soft_label(tmp_path / "x.png", np.full((2, 2), 0.9))
    assert read_soft_label(tmp_path / "x.png")[0, 0] == pytest.approx(0.5, abs=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_sets_with_different_images_are_refused_with_the_list(
    write_label_set: Callable[..., LabelSet],
) -> None:
    one = write_label_set("one", {"a": spot(), "b": spot()})
    two = write_label_set("two", {"a": spot(), "c": spot()})
    with pytest.raises(UserError, match=r"one lacks c; two lacks b"):
        check_same_images([one, two])


def test_the_fingerprint_follows_settings_and_sources(tmp_path: Path) -> None:
    first = make(tmp_path / "one", ["a"]).fingerprint()
    assert make(tmp_path / "two", ["a"]).fingerprint() == first
    assert make(tmp_path / "three", ["a", "b"]).fingerprint() != first


def test_the_settings_hash_is_in_the_manifest_and_ignores_the_order_of_keys(
    tmp_path: Path,
) -> None:
    make(tmp_path / "set", ["a"])
    manifest = json.loads((tmp_path / "set" / "label_set.json").read_text())
    with LabelSetWriter(tmp_path / "other", dict(reversed(SETTINGS.items()))) as writer:
        assert writer.finish(BOXES).manifest["settings_hash"] == manifest["settings_hash"]


def sources(count: int) -> dict[str, str]:
    return {f"image {number}": "1" for number in range(count)}


def open_share(folder: Path, index: int, count: int = 2) -> tuple[LabelSetWriter, list[str]]:
    """Open a set of six images as one of several processes; what it has still to do."""
    share = Share(index, count)
    writer = LabelSetWriter(folder, {"producer": "test"}, share=share)
    mine = share.of(list(sources(6)))
    others = set(sources(6)).difference(mine)
    pending = writer.pending(dict.fromkeys(mine, "1"), others)
    if pending:
        writer.begin()
    return writer, pending


def work_on(writer: LabelSetWriter, pending: list[str]) -> LabelSet | None:
    with writer:
        for image_id in pending:
            number = int(image_id.split()[1])
            writer.add(image_id, Content(np.full((2, 2), number / 10)), "1", 0.0)
        return writer.finish_share(BoxSettings())


def test_the_last_of_several_processes_finishes_the_set(tmp_path: Path) -> None:
    first, second = open_share(tmp_path, 0), open_share(tmp_path, 1)
    assert work_on(*first) is None
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path)
    label_set = work_on(*second)
    assert label_set is not None
    assert label_set.ids == sorted(sources(6))
    assert label_set.manifest["counts"] == {"labelled": 5, "empty": 1, "failed": 0}
    assert not list(tmp_path.glob("progress*"))


def test_boxes_travel_with_the_records_so_that_no_map_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util.label_set.writing.folding, "read_soft_label", full_disk)
    maps = {f"image {number}": np.roll(spot(), number, axis=1) for number in range(6)}
    for index in range(4):
        share = Share(index, 4)
        mine = share.of(list(maps))
        writer = LabelSetWriter(tmp_path / "set", SETTINGS, share=share, box_settings=BOXES)
        with writer:
            for name in writer.pending(dict.fromkeys(mine, "1"), maps.keys() - set(mine)):
                writer.add(name, Content(maps[name]), "1", 0.0)
            label_set = writer.finish_share(BOXES)
    assert label_set is not None
    assert len(read_bbox_csv(tmp_path / "set" / "prediction.csv")) == 6


def test_a_process_that_died_holds_the_set_open_until_its_share_is_done(tmp_path: Path) -> None:
    first, (second, pending) = open_share(tmp_path, 0), open_share(tmp_path, 1)
    with second:
        second.add(pending[0], Content(np.zeros((2, 2))), "1", 0.0)  # and then it is killed
    assert work_on(*first) is None
    again = open_share(tmp_path, 0)
    assert again[1] == []
    assert work_on(*again) is None
    second, left = open_share(tmp_path, 1)
    assert left == pending[1:]
    assert work_on(second, left) is not None


def test_any_number_of_processes_can_go_on_with_the_work_of_others(tmp_path: Path) -> None:
    work_on(*open_share(tmp_path, 0))
    alone, pending = open_share(tmp_path, 0, count=1)
    assert len(pending) == 3
    label_set = work_on(alone, pending)
    assert label_set is not None
    assert len(label_set.ids) == 6


def test_processes_that_find_everything_done_change_nothing(tmp_path: Path) -> None:
    for index in (0, 1):
        work_on(*open_share(tmp_path, index))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert work_on(*open_share(tmp_path, 1)) is None
    assert work_on(*open_share(tmp_path, 0)) is not None
    after = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {p: t for p, t in after.items() if p.name != ".lock"} == {
        p: t for p, t in before.items() if p.name != ".lock"
    }


def test_one_process_of_several_that_tries_a_failed_image_again_loses_nothing(
    tmp_path: Path,
) -> None:
    first, (second, pending) = open_share(tmp_path, 0), open_share(tmp_path, 1)
    with second:
        second.fail(pending[0], "no memory")
        for image_id in pending[1:]:
            second.add(image_id, Content(np.ones((2, 2))), "1", 0.0)
        assert second.finish_share(BoxSettings()) is None
    label_set = work_on(*first)
    assert label_set is not None
    assert list(label_set.failed) == [pending[0]]
    retry, left = open_share(tmp_path, 1)
    assert left == [pending[0]]
    mended = work_on(retry, left)
    assert mended is not None
    assert len(mended.ids) == 6


def test_two_processes_that_retry_one_image_each_lose_neither(tmp_path: Path) -> None:
    for index in (0, 1):
        writer, pending = open_share(tmp_path, index)
        with writer:
            writer.fail(pending[0], "no memory")
            for image_id in pending[1:]:
                writer.add(image_id, Content(np.ones((2, 2))), "1", 0.0)
            writer.finish_share(BoxSettings())
    slow, quick = open_share(tmp_path, 0), open_share(tmp_path, 1)
    assert work_on(*quick) is None  # the slow one has begun
    label_set = work_on(*slow)
    assert label_set is not None
    assert not label_set.failed


def test_a_process_stopped_after_its_last_image_is_ready_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    first, pending = open_share(tmp_path, 0)
    with first:
        for image_id in pending:
            first.add(image_id, Content(np.ones((2, 2))), "1", 0.0)  # and then it is killed
    assert work_on(*open_share(tmp_path, 0)) is None
    assert work_on(*open_share(tmp_path, 1)) is not None


def test_of_two_records_of_an_image_the_later_counts(tmp_path: Path) -> None:
    many, pending = open_share(tmp_path, 5, count=6)
    with many:
        many.fail(pending[0], "no memory")
    for index in (0, 1):
        label_set = work_on(*open_share(tmp_path, index))
    assert label_set is not None
    assert not label_set.failed


def test_boxes_of_fewer_images_are_not_taken_for_those_of_all_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, ["a"])
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        writer.pending({"a": "1", "b": "1"})
        writer.add("b", Content(spot()), source="1", seconds=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(util.label_set.writing.folding, "write_boxes", full_disk)
            with pytest.raises(OSError, match="No space"):
                writer.finish(BOXES)
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path)
    with LabelSetWriter(tmp_path, SETTINGS) as writer:
        assert writer.pending({"a": "1", "b": "1"}) == []
        writer.finish(BOXES)
    assert read_bbox_csv(tmp_path / "prediction.csv")["image"].tolist() == ["a", "b"]


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


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


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
