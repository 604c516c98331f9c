"""Where the files of an export lie, and what becomes of those that are there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from util.errors import UserError
from util.export_label_set import main
from util.exporting.formats import FORMATS
from util.label_set import LabelSet


@pytest.mark.parametrize("kind", FORMATS)
def test_a_finished_export_has_nothing_in_it_but_its_files(
    kind: str, export: Callable[..., Path]
) -> None:
    out = export(kind)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("kind", ["coco", "label-studio"])
def test_one_file_of_all_goes_on_where_it_was_stopped(
    kind: str, export: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(each for each in export(kind).iterdir() if not each.name.startswith("."))
    whole = path.read_bytes()
    written = path.stat().st_mtime_ns
    export(kind)
    assert path.stat().st_mtime_ns == written  # the same is not written again
    path.write_bytes(whole + b" ")
    for other in ([], ["--evaluation.threshold=0.7"]):
        with pytest.raises(UserError, match="is there already with other content; give --overwr"):
            export(kind, *other)
    assert path.read_bytes() == whole + b" "
    path.unlink()
    read, asked = LabelSet.read, list[str]()

    def read_one(self: LabelSet, image_id: str) -> np.ndarray:
        asked.append(image_id)
        if image_id == "leer":
            raise KeyboardInterrupt
        return read(self, image_id)

    with monkeypatch.context() as patched:
        patched.setattr(LabelSet, "read", read_one)
        with pytest.raises(KeyboardInterrupt):
            export(kind)
        assert not path.exists()
        asked.clear()
        with pytest.raises(KeyboardInterrupt):
            export(kind)
        assert asked == ["leer"]
        with pytest.raises(KeyboardInterrupt):  # other objects: nothing is taken over
            export(kind, "--evaluation.threshold=0.7")
        assert set(asked) == {"leer", "flight 1/möwe"}
    export(kind)
    assert path.read_bytes() == whole
    assert not [each for each in path.parent.iterdir() if each.name.endswith(".unfinished")]


@pytest.mark.parametrize("kind", ["yolo-seg", "voc", "masks", "labelme"])
def test_files_that_are_there_are_kept_and_others_refused(
    kind: str, export: Callable[..., Path]
) -> None:
    files = [path for path in export(kind).rglob("*") if path.is_file()]
    times = [path.stat().st_mtime_ns for path in files]
    export(kind)
    assert [path.stat().st_mtime_ns for path in files] == times
    files[0].write_text("mine")
    with pytest.raises(UserError, match="1 file is there already, with other content"):
        export(kind)
    assert files[0].read_text() == "mine"
    export(kind, "--overwrite")
    assert files[0].read_bytes() != b"mine"


def test_the_files_that_are_counted_are_those_that_are_written(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    made = [path for path in export("labelme").rglob("*") if path.is_file()]
    assert f"write: 100%|##########| {len(made)}/{len(made)} " in capsys.readouterr().err
    (made[0].parent / "damaged.json").write_text("of an earlier label set")
    export("labelme", "--overwrite")
    assert "write: 100%|##########| 1/1 " in capsys.readouterr().err
    assert not (made[0].parent / "damaged.json").exists()
    export("labelme")
    assert "write" not in capsys.readouterr().err


def test_each_label_set_and_format_has_a_folder_of_its_own_beside_the_config(
    export: Callable[..., Path], tmp_path: Path
) -> None:
    for kind in ("yolo", "yolo-seg", "coco"):
        export(kind, "--export_label_set.output=null", "--evaluation.object_class=gull")
    exports = tmp_path / "exports" / "bird"
    assert {path.name for path in exports.iterdir()} == {"yolo", "yolo-seg", "coco"}
    assert (exports / "yolo" / "leer.txt").read_text() == ""
    assert COCO(str(exports / "coco" / "annotations.json")).cats[1]["name"] == "gull"


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("../label_sets/bird", "bird"),
        ("../runs/student/predicted/photos", "student/predicted/photos"),
    ],
)
def test_a_label_set_that_is_named_by_a_way_back_is_exported_by_its_name(
    way: str, name: str, label_set: LabelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(label_set.folder, tmp_path / "runs" / "student" / "predicted" / "photos")
    (tmp_path / "config.json").write_text('{"data": {"images": "images"}}')
    monkeypatch.chdir(tmp_path / "images")
    told = ["--config", "../config.json", "--export_label_set.label_set", way]
    assert main([*told, "--format=masks"]) == 0
    assert (tmp_path / "exports" / name / "masks" / "leer.png").is_file()
    assert not [*tmp_path.glob("label_sets/**/masks"), *tmp_path.glob("runs/**/masks")]
