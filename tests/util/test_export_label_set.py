"""Label sets as files of other programs, by the script."""

import json
from pathlib import Path

import numpy as np
import pytest

from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.export_label_set import main
from util.ground_truth.yolo import read_yolo
from util.label_set import Content, LabelSetWriter

BANK = "cam1/week1/bank/images"
CAR, BUS = [2.0, 2.0, 4.0, 6.0], [0.0, 0.0, 8.0, 16.0]
FRAMES = {f"{BANK}/1": ["car"], f"{BANK}/2": [], "cam1/test/images/1": ["bus", "car"]}
"""Classes of the boxes of each image, of 16x8 pixels."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with LabelSetWriter(tmp_path / "label_sets" / "teacher", {"producer": "test"}) as writer:
        for image_id, classes in FRAMES.items():
            corners = np.array([CAR if name == "car" else BUS for name in classes], float)
            boxes = Boxes(corners.reshape(-1, 4), np.full(len(classes), 0.5), tuple(classes))
            content = Content(boxes=boxes, size_hw=(16, 8))
            writer.add(image_id, content, source="1", seconds=0.0)
        writer.fail(f"{BANK}/3", "it is truncated")
        writer.finish(BoxSettings())
    path = tmp_path / "config.json"
    told = {"label_set": "teacher", "output": "out"}
    path.write_text(json.dumps({"export_label_set": told}))
    return path


def export(config: Path, *more: str) -> dict[str, str]:
    """Run the script: the text of each file by its name."""
    options = [each if each == "--overwrite" else f"--export_label_set.{each}" for each in more]
    assert main(["--config", str(config), "--format=yolo", *options]) == 0
    return texts(config.parent / "out")


def texts(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_each_image_has_a_file_and_failed_ones_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = export(config)
    assert written == {
        f"{BANK}/1.txt": "1 0.375 0.25 0.25 0.25\n",
        f"{BANK}/2.txt": "",
        "cam1/test/images/1.txt": "0 0.5 0.5 1.0 1.0\n1 0.375 0.25 0.25 0.25\n",
        "classes.txt": "bus\ncar\n",
        "data.yaml": f'path: "{config.parent / "out"}"\nnames:\n  0: "bus"\n  1: "car"\n',
    }
    said = capsys.readouterr().out
    assert "3 boxes in 2 of 3 images, of the classes bus (1), car (2)" in said
    assert f"Left out: 1 image that {config.parent / 'label_sets/teacher'} has failed on" in said


def test_files_lie_where_names_say_and_have_confidences_where_asked(config: Path) -> None:
    names = "names=/images/=/labels_student_w_conf/"
    written = export(config, "classes=car", "classes=bus", "confidence=true", names)
    assert written["cam1/week1/bank/labels_student_w_conf/1.txt"] == "0 0.375 0.25 0.25 0.25 0.5\n"
    assert written["cam1/week1/bank/labels_student_w_conf/2.txt"] == ""
    images = {image_id: Path(image_id) for image_id in FRAMES}
    read = read_yolo(config.parent / "out", images, {"/images/": "/labels_student_w_conf/"})
    assert read["obj_class"].tolist() == ["bus", "car", "car"]


def test_labels_of_an_image_never_lie_in_the_place_of_the_list_of_classes(config: Path) -> None:
    with pytest.raises(UserError, match=r"would lie in the place of .*classes\.txt"):
        export(config, f"names=^{BANK}/1$=classes")
    assert not (config.parent / "out").exists()


def test_other_classes_are_left_out_and_lacking_ones_keep_their_number(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = export(config, "classes=truck", "classes=car")
    assert written["cam1/test/images/1.txt"] == "1 0.375 0.25 0.25 0.25\n"
    assert "left out 1 box of other classes: bus (1)" in caplog.text
    with pytest.raises(UserError, match="no box is of the classes ship, but of bus, car"):
        export(config, "classes=ship")
    with pytest.raises(UserError, match="names a class twice: car, bus, car"):
        export(config, "classes=car", "classes=bus", "classes=car")


def test_files_of_others_are_never_lost(config: Path) -> None:
    label = config.parent / "out" / "cam1" / "test" / "images" / "1.txt"
    failed = config.parent / "out" / BANK / "3.txt"
    for path in (label, failed):
        path.parent.mkdir(parents=True)
        path.write_text("0 0.5 0.5 0.1 0.1\n")
    before = texts(config.parent / "out")
    with pytest.raises(UserError, match="2 files are there already, with other content"):
        export(config)
    assert texts(config.parent / "out") == before
    written = export(config, "--overwrite")
    assert "0.1 0.1" not in "".join(written.values())
    assert f"{BANK}/3.txt" not in written


def test_a_stopped_export_goes_on_and_keeps_what_is_there(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    whole = export(config)
    kept = config.parent / "out" / BANK / "1.txt"
    written_at = kept.stat().st_mtime_ns
    (config.parent / "out" / BANK / "2.txt").unlink()
    with monkeypatch.context() as patched:
        patched.setattr("util.exporting.writing.write_bytes", stop)
        with pytest.raises(KeyboardInterrupt):
            export(config)
    assert export(config) == whole
    assert kept.stat().st_mtime_ns == written_at


def test_label_sets_without_boxes_or_with_those_of_others_are_refused(config: Path) -> None:
    label_set = config.parent / "label_sets" / "teacher"
    table = label_set / "prediction.csv"
    table.write_text(table.read_text() + "cam9/x;0;0;1;1;0;car;1\n")
    with pytest.raises(UserError, match="boxes of images that are no part of the label set: cam9"):
        export(config)
    table.unlink()
    with pytest.raises(UserError, match=r"has no prediction\.csv; find its boxes by util/csv_from"):
        export(config)
