"""What Ultralytics learns from: it is read here as that does, by its paths and lists alone."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.export_label_set import main
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images, write_image
from util.label_set import Content, LabelSetWriter

IDS = ["a", "cam1/images/1", "cam1/images/2", "möwe. 3"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with LabelSetWriter(tmp_path / "label_sets" / "teacher", {"producer": "test"}) as writer:
        for number, image_id in enumerate(IDS):
            write_image(tmp_path / f"photos/{image_id}.jpg", np.full((16, 8, 3), number, np.uint8))
            corners = np.array([[0.0, 0.0, number + 1.0, 4.0]])
            boxes = Boxes(corners, np.array([0.5]), ("bird",))
            writer.add(image_id, Content(boxes=boxes, size_hw=(16, 8)), source="1", seconds=0.0)
        writer.finish(BoxSettings())
    (tmp_path / "splits").mkdir()
    for split, ids in {"Train": IDS[:2], "Validation": IDS[2:3], "Test": IDS[3:]}.items():
        (tmp_path / "splits" / f"{split}.txt").write_text("\n".join(ids), encoding="utf-8")
    path = tmp_path / "config.json"
    told = {
        "data": {"images": "photos", "splits": "splits"},
        "export_label_set": {"label_set": "teacher", "output": "out"},
    }
    path.write_text(json.dumps(told))
    return path


@pytest.fixture
def export(project: Path) -> Callable[..., Path]:
    """Run the script: `export(option, ...)` gives the folder that it wrote by default."""

    def run(*options: str) -> Path:
        assert main(["--config", str(project), "--format=yolo", *options]) == 0
        return project.parent / "out"

    return run


def learn(data_yaml: Path) -> dict[str, list[tuple[int, str]]]:
    """Read a data set as Ultralytics does: the gray of each image, and the text of its labels."""
    told = yaml.safe_load(data_yaml.read_text(encoding="utf-8"))
    read: dict[str, list[tuple[int, str]]] = {}
    for key in {"train", "val", "test"} & set(told):
        lines = (Path(told["path"]) / told[key]).read_text(encoding="utf-8").splitlines()
        for line in lines:
            image = line.replace("./", f"{told['path']}/") if line.startswith("./") else line
            *before, behind = image.split("/images/")
            labels = f"{'/images/'.join(before)}/labels/{behind}" if before else image
            text = Path(f"{labels[: labels.rindex('.')]}.txt").read_text()
            gray = int(cv2.imread(image)[0, 0, 0])
            read.setdefault(key, []).append((gray, text))
    return read


def labels_of(number: int) -> tuple[int, str]:
    return number, f"0 {(number + 1) / 16!r} 0.125 {(number + 1) / 8!r} 0.25\n"


WHOLE = {
    "train": [labels_of(0), labels_of(1)],
    "val": [labels_of(2)],
    "test": [labels_of(3)],
}


NAMES = "--export_label_set.names=/images/=/labels/"


def test_images_of_splits_are_listed_beside_their_labels(
    export: Callable[..., Path], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = export(NAMES)
    assert learn(out / "data.yaml") == WHOLE
    shown = capsys.readouterr().out
    assert "listed for Ultralytics: train 2, val 1, test 1, by 4 links to data.images" in shown
    assert shown.splitlines()[-1] == f"Next: yolo detect train data={out}/data.yaml"
    assert (out / "a.jpg").readlink() == project.parent / "photos" / "a.jpg"
    assert export(NAMES) == out  # all is there
    assert learn(out / "data.yaml") == WHOLE


def test_lists_of_an_earlier_export_go_with_what_named_them(
    export: Callable[..., Path], project: Path
) -> None:
    out = export(NAMES)
    with pytest.raises(UserError, match=r"there already.*train\.txt"):
        export(NAMES, "--data.splits=null")
    assert learn(out / "data.yaml") == WHOLE
    export(NAMES, "--data.splits=null", "--overwrite")
    assert not {"train.txt", "val.txt", "test.txt"} & {path.name for path in out.iterdir()}
    (out / "test.txt").write_text("a user's own, which data.yaml does not name")
    export(NAMES, "--data.splits=null", "--overwrite")
    assert (out / "test.txt").exists()
    (project.parent / "splits/Test.txt").unlink()
    export(NAMES, "--overwrite")
    assert (out / "train.txt").exists()
    assert (out / "test.txt").exists()


def test_lists_of_a_data_set_that_was_not_exported_stay(export: Callable[..., Path]) -> None:
    out = export(NAMES, "--data.splits=null")
    (out / "data.yaml").write_text("path: ../datasets/birds\ntrain: train.txt\nval: val.txt\n")
    (out / "train.txt").write_text("images/mine.jpg\n")
    export(NAMES, "--data.splits=null", "--overwrite")
    assert (out / "train.txt").exists()


def test_labels_of_an_image_stay_where_an_earlier_list_lay(
    export: Callable[..., Path], project: Path
) -> None:
    out = export(NAMES)
    photos, folder = project.parent / "photos", project.parent / "label_sets" / "train"
    write_image(photos / "train.jpg", np.zeros((16, 8, 3), np.uint8))
    with LabelSetWriter(folder, {"producer": "test"}) as writer:
        boxes = Boxes(np.array([[0.0, 0.0, 8.0, 16.0]]), np.array([0.5]), ("bird",))
        writer.add("train", Content(boxes=boxes, size_hw=(16, 8)), source="1", seconds=0.0)
        writer.finish(BoxSettings())
    export("--export_label_set.label_set=train", "--data.splits=null", "--overwrite")
    assert (out / "train.txt").read_text() == "0 0.5 0.5 1.0 1.0\n"
    assert not (out / "val.txt").exists()


def test_lists_of_images_are_no_labels_where_an_export_is_the_truth(
    export: Callable[..., Path], project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, images = export(NAMES), find_images(project.parent / "photos")
    names = {"/images/": "/labels/"}
    assert (out / "train.txt").is_file()
    truth = read_ground_truth(out, "yolo", images, ["bird"], mask_names=names)
    assert truth["image"].tolist() == IDS
    assert not caplog.records
    (out / "other.txt").write_text("")
    images["val"] = images["a"]  # its labels, if these are in the place of the list
    with pytest.raises(UserError, match=r"val\.txt, line 1, './cam1"):
        read_ground_truth(out, "yolo", images, ["bird"], mask_names=names)
    assert "1 txt files belong to no image: other" in caplog.text


def test_labels_beside_the_folders_of_images_need_no_links(
    export: Callable[..., Path],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    photos = project.parent / "photos"
    (photos / "a.jpg").rename(photos / "cam1/images/a.jpg")
    splits = project.parent / "splits"
    (splits / "Train.txt").write_text("cam1/images/1")
    (splits / "Test.txt").unlink()
    export(NAMES, f"--export_label_set.output={photos}")
    assert learn(photos / "data.yaml") == {"train": [labels_of(1)], "val": [labels_of(2)]}
    assert "train 1, val 1\n" in capsys.readouterr().out
    assert not [path for path in photos.rglob("*") if path.is_symlink()]
    assert "data.yaml names no test images" in caplog.text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "would not find {out}/cam1/images/1.txt, {out}/cam1/images/2.txt; give an"),
        (["--data.splits=null"], "data.splits is not set.*util/make_splits.py makes some"),
        (["--data.train_split=None"], "None.txt cannot be read.*util/make_splits.py"),
        (["--data.images={out}"], "is not there|does not exist"),
        (
            ["--export_label_set.names=/images/=/new/", "--export_label_set.output={photos}"],
            "would not find {photos}/cam1/new/1.txt",
        ),
        ([NAMES, "--export_label_set.confidence=true"], "export_label_set.confidence"),
    ],
)
def test_why_nothing_can_be_learnt_from_is_the_last_line(
    options: list[str],
    why: str,
    export: Callable[..., Path],
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"out": project.parent / "out", "photos": project.parent / "photos"}
    export(*(each.format(**places) for each in options))
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.search(
        f"data.yaml names no images for `yolo train`: .*(?:{why.format(**places)})", last
    )
    assert last.count("util/make_splits.py") <= 1
    assert not list(project.parent.rglob("train.txt"))


def test_a_label_set_of_the_test_split_alone_teaches_nobody(
    export: Callable[..., Path], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.parent / "splits" / "Validation.txt").write_text("other")
    write_image(project.parent / "photos/other.jpg", np.zeros((16, 8, 3), np.uint8))
    export(NAMES)
    assert (
        "none of Validation is exported; a label set of all images has" in capsys.readouterr().out
    )


def test_an_image_that_lies_beside_its_labels_already_stays(
    export: Callable[..., Path], project: Path
) -> None:
    photo = project.parent / "out" / "a.jpg"
    write_image(photo, np.full((16, 8, 3), 0, np.uint8))
    before = photo.read_bytes()
    out = export(NAMES, "--overwrite")
    assert (photo.is_symlink(), photo.read_bytes()) == (False, before)
    assert learn(out / "data.yaml") == WHOLE


def test_a_link_that_leads_elsewhere_is_kept_unless_it_may_be_replaced(
    export: Callable[..., Path], project: Path
) -> None:
    link = project.parent / "out" / "a.jpg"
    link.parent.mkdir()
    link.symlink_to("nowhere")
    with pytest.raises(UserError, match=r"1 file is there already, .*out/a\.jpg"):
        export(NAMES)
    assert learn(export(NAMES, "--overwrite") / "data.yaml") == WHOLE


def test_where_no_links_can_be_made_one_sentence_says_so(
    export: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(UserError, match=r"cannot be a link \(Operation not permitted\); give an"):
        export(NAMES)


def test_labels_of_an_image_named_as_a_list_are_refused(
    export: Callable[..., Path], project: Path
) -> None:
    with pytest.raises(UserError, match=r"in the place of \S+train\.txt, which tells of all"):
        export(NAMES, "--export_label_set.names=^a$=train")
    assert not (project.parent / "out").exists()
