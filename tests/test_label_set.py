import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings
from util.errors import UserError
from util.image_files import read_soft_label, write_soft_label
from util.label_set import LabelSet, LabelSetWriter, check_same_images

SETTINGS = {"producer": "test", "threshold": 0.1}
BOXES = BoxSettings(dilation_iterations=0)


def spot(value: float = 0.8) -> np.ndarray:
    soft_label = np.zeros((10, 20), np.float32)
    soft_label[2:4, 5:9] = value
    return soft_label


def make(folder: Path, names: list[str]) -> LabelSet:
    with LabelSetWriter(folder, SETTINGS) as writer:
        for name in names:
            writer.add(name, spot(), source="1", seconds=0.5)
        return writer.finish(BOXES)


def test_a_label_set_has_maps_boxes_and_the_status_of_every_image(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("b/ä", spot(), source="1", seconds=0.25)
        writer.add("a", np.zeros((3, 4)), source="1", seconds=0.25)
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
            writer.add(name, spot(), source="1", seconds=0)
        writer.fail("failed", "no reason")
        writer.finish(BOXES)
    (tmp_path / "set" / "lost.png").unlink()
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        sources = {"kept": "1", "lost": "1", "changed": "2", "failed": "1", "new": "1"}
        assert writer.pending(sources) == ["lost", "changed", "failed", "new"]


def test_a_stopped_run_goes_on_even_after_half_a_line(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", spot(), source="1", seconds=0)
        writer.add("b", spot(), source="1", seconds=0)
    progress = tmp_path / "set" / "progress.jsonl"
    progress.write_text(progress.read_text()[:-20])  # killed while it wrote
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path / "set")
    with LabelSetWriter(tmp_path / "set", SETTINGS) as again:
        assert again.pending({"a": "1", "b": "1"}) == ["b"]
        again.add("b", spot(), source="1", seconds=0)
        assert again.finish(BOXES).ids == ["a", "b"]
    assert not progress.exists()


def test_a_run_stopped_before_its_first_image_goes_on(tmp_path: Path) -> None:
    LabelSetWriter(tmp_path / "set", SETTINGS)
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path / "set")
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


def test_nothing_is_written_where_nothing_has_changed(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").iterdir()}
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
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
        writer.add("a", spot(), source="1", seconds=0)
        assert writer.finish(BOXES).ids == ["a"]
    assert not (tmp_path / "set" / "b.png").exists()


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("do not lose me")
    with pytest.raises(UserError, match="holds other files"):
        LabelSetWriter(tmp_path, SETTINGS)


def test_a_bare_folder_of_gray_pngs_can_be_read(tmp_path: Path) -> None:
    write_soft_label(tmp_path / "sub" / "x.png", spot())
    label_set = LabelSet(tmp_path)
    assert label_set.ids == ["sub/x"]
    assert len(label_set.write_boxes(BOXES)) == 1


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

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
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
