"""Images that are odd, broken, exchanged or gone, through the stages."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.stages import arguments, combine, evaluate, label, train
from util.images.files import read_soft_label, write_image
from util.label_set import LabelSet


def test_an_unreadable_image_is_listed_and_the_rest_is_done(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((project.parent / "images").rglob("*.png"))
    images[0].write_bytes(images[0].read_bytes()[:200])
    images[1].write_text("no image")
    assert label(arguments(project)) == 1
    err = capsys.readouterr().err
    assert "2 images failed, the rest is done" in err
    assert images[0].name in err
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    assert len(label_set.ids) == 10
    assert len(label_set.failed) == 2
    assert combine(arguments(project)) == 0
    assert train(arguments(project)) == 0  # learns from the others


def test_odd_images_go_through_all_stages(project: Path) -> None:
    folder = project.parent / "images"
    paths = sorted(folder.rglob("*.png"))
    Image.open(paths[0]).convert("L").save(paths[0])
    Image.open(paths[1]).convert("RGBA").save(paths[1])
    gray = np.asarray(Image.open(paths[2]).convert("L"))
    Image.fromarray(gray.astype(np.uint16) * 257).save(paths[2])
    turned = Image.open(paths[3]).convert("RGB")
    exif = turned.getexif()
    exif[0x0112] = 6
    paths[3].unlink()
    turned.save(paths[3].with_suffix(".jpg"), exif=exif, quality=95)
    shutil.move(paths[9], folder / "a;b 'c' ü.png")
    splits = project.parent / "splits" / "Test.txt"
    name = paths[9].relative_to(folder).with_suffix("").as_posix()
    splits.write_text(splits.read_text().replace(name, "a;b 'c' ü"))
    for stage in (label, combine, train, evaluate):
        assert stage(arguments(project)) == 0
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    image_id = paths[3].relative_to(folder).with_suffix("").as_posix()
    assert label_set.read(image_id).shape == turned.size  # height and width swapped


def test_a_removed_image_and_a_shorter_split_leave_nothing_behind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sorted((project.parent / "images").rglob("*.png"))[0]
    good = bad.read_bytes()
    bad.write_text("no image")
    assert label(arguments(project)) == 1
    bad.write_bytes(good)
    assert label(arguments(project)) == 0
    for stage in (combine, train, evaluate):
        assert stage(arguments(project)) == 0
    split = project.parent / "splits" / "Test.txt"
    split.write_text("\n".join(split.read_text(encoding="utf-8").splitlines()[1:]) + "\n")
    assert evaluate(arguments(project, "--evaluation.pictures", "9")) == 0
    assert len(LabelSet(project.parent / "runs" / "student" / "Test").ids) == 2
    assert len(list((project.parent / "runs" / "student" / "Test_pictures").rglob("*.png"))) == 2


def test_a_link_to_nowhere_is_a_failed_image(project: Path) -> None:
    (project.parent / "images" / "lost.png").symlink_to(project.parent / "nowhere.png")
    assert label(arguments(project)) == 1
    label_set = LabelSet(project.parent / "label_sets" / "bird")
    assert list(label_set.failed) == ["lost"]
    assert len(label_set.ids) == 12


def test_an_image_that_was_exchanged_is_labelled_again(project: Path) -> None:
    label(arguments(project))
    path = sorted((project.parent / "images").rglob("*.png"))[0]
    image_id = path.relative_to(project.parent / "images").with_suffix("").as_posix()
    write_image(path, np.zeros((30, 40, 3), np.uint8))
    label(arguments(project))
    map_path = project.parent / "label_sets" / "bird" / f"{image_id}.png"
    assert read_soft_label(map_path).shape == (30, 40)
