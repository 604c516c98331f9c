"""Label sets on disk, read or refused."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import util.label_set.reading
from tests.util.label_set.example_sets import BOXES, SETTINGS, make, spot
from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import write_image, write_soft_label
from util.label_set import Content, LabelSet, LabelSetWriter, write_boxes_anew
from util.label_set.records import Place, Record, read_records

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


def test_records_that_are_lost_are_said(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "records.jsonl").unlink()
    with pytest.raises(UserError, match="unfinished; run what makes it again"):
        LabelSet(tmp_path / "set")
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


def test_all_that_records_say_of_images_is_read_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as writer:
        writer.add("a", Content(spot(), weights=spot(), proposals=[spot() > 0]), "1", 0)
        writer.add("b", Content(spot()), "1", 0)
        writer.fail("c", "it is truncated")
        label_set = writer.finish(BOXES)
    passes = []

    def read(files: Sequence[Path]) -> Iterator[tuple[Record, Place]]:
        passes.append(files)
        return read_records(files)

    monkeypatch.setattr(util.label_set.reading, "read_records", read)
    assert label_set.ids == ["a", "b"]
    assert label_set.failed == {"c": "it is truncated"}
    assert [label_set.is_weighted(name) for name in "ab"] == [True, False]
    assert label_set.num_masks == {"a": 1}
    assert len(passes) == 1


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


def test_a_bare_folder_may_name_its_files_as_other_tools_do(tmp_path: Path) -> None:
    write_soft_label(tmp_path / "a.png", spot())
    (tmp_path / "a.png").rename(tmp_path / "a.PNG")
    write_soft_label(tmp_path / "0001.jpg.png", spot())
    write_soft_label(tmp_path / "weights" / "a.png", np.zeros(spot().shape, np.float32))
    (tmp_path / "weights" / "a.png").rename(tmp_path / "weights" / "a.PNG")
    label_set = LabelSet(tmp_path)
    assert label_set.ids == ["0001", "a"]
    for image_id in label_set.ids:
        np.testing.assert_allclose(label_set.read(image_id), spot(), atol=1e-4)
    assert label_set.read_weights("a").max() == 0
    assert label_set.read_weights("0001").min() == 1
    before = label_set.fingerprint()
    write_soft_label(tmp_path / "0001.jpg.png", spot() / 2)
    assert LabelSet(tmp_path).fingerprint() != before


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    make(tmp_path / "set", ["a"])
    (tmp_path / "set" / "label_set.json").write_text("{")
    with pytest.raises(UserError, match=r"label_set\.json is damaged"):
        LabelSet(tmp_path / "set")


def test_a_missing_label_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        LabelSet(tmp_path / "nowhere")


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


@pytest.mark.parametrize("seed_threshold", [0.0, 0.5, 0.6])
def test_boxes_of_a_version_that_asked_for_a_sure_pixel_are_refused(
    tmp_path: Path, seed_threshold: float
) -> None:
    path = make(tmp_path / "set", ["a"]).folder / "label_set.json"
    said = {"threshold": 0.5, "object_class": "bird", "seed_threshold": seed_threshold}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boxes": said}))
    label_set = LabelSet(path.parent)
    if seed_threshold <= 0.5:  # it asked for nothing
        assert label_set.box_settings == BoxSettings(object_class="bird", box_rule="thesis")
    else:
        with pytest.raises(UserError, match="earlier version, whose boxes had a seed_threshold"):
            _ = label_set.box_settings
