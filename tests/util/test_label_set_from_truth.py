"""The ground truth as a label set, alone and joined with a teacher's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import student.test
import student.train
import util.label_set_from_truth
from student.data.loading import SoftLabelPairs, check_pairs
from tests.conftest import read_gray
from util.bbox_csv import read_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.label_set import Content, LabelSet, LabelSetWriter, open_label_set
from util.label_set_from_truth import draw_ellipses


def write_truth(project: Path, *more: str) -> int:
    return util.label_set_from_truth.main(["--config", str(project), *more])


def set_data(project: Path, **data: Any) -> None:
    """Change the data section of a project's config."""
    content = json.loads(project.read_text())
    content["data"] |= data
    project.write_text(json.dumps(content))


@pytest.fixture
def boxed_project(project: Path) -> Path:
    """A project whose truth is boxes alone."""
    set_data(project, masks=None)
    return project


def test_masks_become_exact_maps_and_ignored_pixels_do_not_count(project: Path) -> None:
    path = sorted((project.parent / "masks").rglob("*.png"))[0]
    mask = read_image(path)[..., 0].copy()
    mask[:3] = 255
    mask[3, :5] = 7
    write_image(path, mask)
    assert write_truth(project) == 0
    label_set = LabelSet(project.parent / "label_sets" / "truth")
    assert len(label_set.ids) == 12
    image_id = path.relative_to(project.parent / "masks").with_suffix("").as_posix()
    np.testing.assert_array_equal(label_set.read(image_id), (mask > 0) & (mask != 255))
    np.testing.assert_array_equal(label_set.read_weights(image_id), mask != 255)
    assert len(list((label_set.folder / "weights").rglob("*.png"))) == 1  # others are all known
    assert label_set.manifest["settings"] == {
        "producer": "ground truth",
        "format": "masks",
        "mask_values": {"0": "normal", "1-49": "anomalous", "255": "ignored"},
    }
    set_data(project, masks=None, ground_truth="masks", ground_truth_format="masks")
    for classes, is_object, is_known in (
        (["1"], mask == 1, mask != 255),
        (["255", "7"], (mask == 255) | (mask == 7), np.ones_like(mask)),
        ([], (mask > 0) & (mask != 255), mask != 255),
    ):
        set_data(project, ground_truth_classes=classes)
        assert write_truth(project, "--overwrite") == 0
        np.testing.assert_array_equal(label_set.read(image_id), is_object)
        np.testing.assert_array_equal(label_set.read_weights(image_id), is_known)


def test_masks_with_names_of_their_own_are_a_truth_like_any_other(project: Path) -> None:
    for path in sorted((project.parent / "masks").rglob("*.png")):
        path.rename(path.with_name(f"{path.stem}_labels.png"))
    set_data(project, mask_names={"$": "_labels"})
    assert write_truth(project, "--name", "first") == 0
    set_data(project, masks=None, ground_truth="masks", ground_truth_format="masks")
    assert write_truth(project, "--name", "second") == 0
    first, second = (LabelSet(project.parent / "label_sets" / n) for n in ("first", "second"))
    assert first.ids == second.ids
    assert any(first.read(image_id).any() for image_id in first.ids)
    for image_id in first.ids:
        np.testing.assert_array_equal(first.read(image_id), second.read(image_id))


def test_boxes_of_a_label_set_become_the_ellipses_in_them(boxed_project: Path) -> None:
    root = boxed_project.parent
    ids = sorted(find_images(root / "images"))
    size_hw = read_image(find_images(root / "images")[ids[0]]).shape[:2]
    corners = np.array([[4.0, 6.0, 14.0, 12.0]])
    with LabelSetWriter(root / "label_sets" / "detector", {"producer": "test"}) as writer:
        for image_id in ids:
            num_boxes = int(image_id == ids[0])
            boxes = Boxes(corners[:num_boxes], np.full(num_boxes, 0.4), ("car",) * num_boxes)
            writer.add(image_id, Content(boxes=boxes, size_hw=size_hw), "1", 0.0)
        writer.finish(BoxSettings())
    set_data(
        boxed_project,
        ground_truth="label_sets/detector/prediction.csv",
        ground_truth_classes=["car"],
    )
    assert write_truth(boxed_project, "--name", "ellipses") == 0
    ellipses = LabelSet(root / "label_sets" / "ellipses")
    assert ellipses.ids == ids
    height, width = size_hw
    truth, is_known = draw_ellipses(corners / [width, height, width, height], size_hw)
    assert 0 < truth.sum() < 60
    np.testing.assert_array_equal(ellipses.read(ids[0]), truth)
    np.testing.assert_array_equal(ellipses.read_weights(ids[0]), is_known)
    assert not any(ellipses.read(image_id).any() for image_id in ids[1:])


def test_true_neighbours_are_two_boxes(project: Path) -> None:
    path = sorted((project.parent / "masks").rglob("*.png"))[0]
    mask = np.zeros_like(read_image(path)[..., 0])
    mask[5:9, 5:9] = mask[5:9, 10:14] = 1
    write_image(path, mask)
    assert write_truth(project) == 0
    label_set = LabelSet(project.parent / "label_sets" / "truth")
    boxes = read_bbox_csv(label_set.folder / "prediction.csv")
    image_id = path.relative_to(project.parent / "masks").with_suffix("").as_posix()
    assert (boxes["image"] == image_id).sum() == 2
    assert label_set.box_settings.dilation_iterations == 0


def test_only_images_with_a_mask_or_of_a_split_are_labelled(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = sorted((project.parent / "masks").rglob("*.png"))
    for path in masks[8:]:
        path.unlink()
    assert write_truth(project) == 0
    assert "Left out: 4 images without a mask" in capsys.readouterr().out
    assert len(LabelSet(project.parent / "label_sets" / "truth").ids) == 8
    assert write_truth(project, "--split", "Train", "--name", "few") == 0
    assert len(LabelSet(project.parent / "label_sets" / "few").ids) == 6


def test_boxes_become_ellipses_whose_corners_do_not_count(boxed_project: Path) -> None:
    assert write_truth(boxed_project) == 0
    label_set = LabelSet(boxed_project.parent / "label_sets" / "truth")
    truths = pd.read_csv(boxed_project.parent / "truth.csv", sep=";")
    for image_id in label_set.ids[:4]:
        soft_label, weights = label_set.read(image_id), label_set.read_weights(image_id)
        assert not soft_label[weights == 0].any()
        boxes = truths[truths["image"] == f"{image_id}.png"]
        inside = np.zeros_like(soft_label)
        height, width = soft_label.shape
        for x0, y0, x1, y1 in boxes[["xmin", "ymin", "xmax", "ymax"]].to_numpy():
            edges = np.array([y0 * height, y1 * height, x0 * width, x1 * width])
            top, bottom, left, right = edges.round().astype(int)  # they lie between pixels
            inside[top:bottom, left:right] = 1
        assert 0 < (soft_label > 0).sum() < inside.sum()
        np.testing.assert_array_equal((soft_label > 0) | (weights == 0), inside)


def test_boxes_that_grow_together_are_counted(
    boxed_project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [*find_images(boxed_project.parent / "images")]
    rows = [f"{ids[0]};0.1;0.1;0.5;0.5", f"{ids[0]};0.3;0.1;0.7;0.5", f"{ids[0]};0.8;0.8;1;1"]
    header = "image;xmin;ymin;xmax;ymax;obj_class"
    for rows_there, told in (
        (rows, "3 true boxes, 2 in the maps: 1 grew together with others, as their ellipses"),
        (rows[1:], "2 true boxes, 2 in the maps\n"),
    ):
        text = "\n".join([header, *(f"{row};object" for row in rows_there)])
        (boxed_project.parent / "truth.csv").write_text(text, "utf-8")
        set_data(boxed_project, ground_truth_classes=[])
        assert write_truth(boxed_project, "--overwrite") == 0
        assert told in capsys.readouterr().out
    assert write_truth(boxed_project, "--split", "Test", "--name", "few") == 0
    assert "true boxes, " in capsys.readouterr().out


def test_boxes_of_a_small_split_are_taken_from_a_truth_of_all_images(boxed_project: Path) -> None:
    name = (boxed_project.parent / "splits" / "Test.txt").read_text("utf-8").splitlines()[0]
    (boxed_project.parent / "splits" / "One.txt").write_text(name, "utf-8")
    assert write_truth(boxed_project, "--split", "One") == 0
    assert LabelSet(boxed_project.parent / "label_sets" / "truth").ids == [name]


def test_boxes_of_an_image_that_was_resized_are_drawn_anew(boxed_project: Path) -> None:
    assert write_truth(boxed_project) == 0
    path = next(iter(find_images(boxed_project.parent / "images").values()))
    write_image(path, np.zeros((30, 40, 3), np.uint8))
    assert write_truth(boxed_project) == 0
    label_set = LabelSet(boxed_project.parent / "label_sets" / "truth")
    assert label_set.read(label_set.ids[0]).shape == (30, 40)


def test_an_ellipse_has_the_area_it_should_and_a_sliver_has_a_pixel() -> None:
    truth, weights = draw_ellipses(np.array([[0.1, 0.2, 0.9, 0.7]]), (200, 300))
    assert truth.sum() == pytest.approx(np.pi / 4 * 240 * 100, rel=0.01)
    assert weights.sum() == pytest.approx(200 * 300 - (1 - np.pi / 4) * 240 * 100, rel=0.01)
    for box in ([0.5, 0.5, 0.501, 0.501], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]):
        truth, weights = draw_ellipses(np.array([box]), (10, 12))
        assert truth.sum() == 1
        assert weights.all()
    truth, weights = draw_ellipses(np.zeros((0, 4)), (3, 4))
    assert not truth.any()
    assert weights.all()


def test_nothing_is_known_of_regions_to_ignore_but_of_objects_in_them(project: Path) -> None:
    images = find_images(project.parent / "images")
    height, width = read_image(next(iter(images.values()))).shape[:2]
    coco = {
        "images": [
            {"id": image_id, "file_name": f"{image_id}.png", "width": width, "height": height}
            for image_id in list(images)[:1]
        ],
        "categories": [{"id": 1, "name": "bird"}],
        "annotations": [
            {"id": 1, "image_id": next(iter(images)), "category_id": 1, "bbox": [10, 10, 20, 10]},
            {"id": 2, "image_id": next(iter(images)), "category_id": 1, "bbox": [8, 8, 30, 30]},
        ],
    }
    coco["annotations"][1]["iscrowd"] = 1  # type: ignore[index]
    (project.parent / "t.json").write_text(json.dumps(coco))
    (project.parent / "splits" / "One.txt").write_text(f"{next(iter(images))}\n", "utf-8")
    set_data(project, masks=None, ground_truth="t.json", ground_truth_format="coco")
    assert write_truth(project, "--split", "One") == 0
    label_set = LabelSet(project.parent / "label_sets" / "truth")
    (image_id,) = label_set.ids
    soft_label, weights = label_set.read(image_id), label_set.read_weights(image_id)
    region = np.zeros((height, width), bool)
    region[8:38, 8:38] = True
    assert 0.7 * 200 < soft_label.sum() < 200
    np.testing.assert_array_equal(weights == 0, region & (soft_label == 0))


def test_a_truth_without_any_object_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = sorted((project.parent / "masks").rglob("*.png"))
    write_image(masks[0], np.zeros_like(read_gray(masks[0])))
    (project.parent / "splits" / "One.txt").write_text(
        f"{masks[0].relative_to(project.parent / 'masks').with_suffix('')}\n", "utf-8"
    )
    assert write_truth(project, "--split", "One") == 0
    assert "No object at all" in capsys.readouterr().out
    for path in masks:
        write_image(path, np.zeros_like(read_gray(path)))
    with pytest.raises(UserError, match="has an anomalous pixel"):
        write_truth(project, "--name", "none")
    assert not (project.parent / "label_sets" / "none").exists()


def test_bad_truths_are_one_sentence(boxed_project: Path) -> None:
    for options, message in (
        (["--name", "a b"], r"letters, digits and _, such as a_b"),
        (["--name", ""], "such as truth"),
        (["--split", "Nowhere"], "splits in this folder"),
        (["--data.ground_truth", "nowhere.csv"], "does not exist"),
        (
            ["--data.ground_truth", "nowhere", "--data.ground_truth_format", "masks"],
            "true masks .*nowhere does not exist; .*data.ground_truth",
        ),
        (["--data.masks", "nowhere"], "the folder of true masks .*nowhere does not exist"),
        (["--data.masks", str(boxed_project.parent / "splits")], "no mask of any image"),
    ):
        with pytest.raises(UserError, match=message):
            write_truth(boxed_project, *options)


def test_a_bad_mask_or_image_fails_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *others = sorted((project.parent / "masks").rglob("*.png"))
    write_image(first, np.zeros((3, 4), np.uint8))
    second.write_bytes(b"no mask")
    assert write_truth(project) == 1
    label_set = LabelSet(project.parent / "label_sets" / "truth")
    assert len(label_set.ids) == len(others)
    reasons = list(label_set.failed.values())
    assert "is 4 x 3, its image 64 x 64 (width x height)" in reasons[0]
    assert "cannot be read as a mask" in reasons[1]
    assert "2 images have no truth, the rest is done" in capsys.readouterr().err
    image = next(iter(find_images(project.parent / "images").values()))
    image.write_bytes(b"no image")
    assert write_truth(project, "--data.masks", "null", "--name", "boxes") == 1
    boxes = LabelSet(project.parent / "label_sets" / "boxes")
    assert len(boxes.ids) == len(others) + 1
    assert "cannot be read as an image" in next(iter(boxes.failed.values()))


def test_processes_share_a_truth(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_truth(project, "--name", "alone") == 0
    for rank in ("0", "1"):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", rank)
        assert write_truth(project) == 0
    out = capsys.readouterr().out
    assert "share 1 of 2 is done" in out
    both = [LabelSet(project.parent / "label_sets" / name) for name in ("alone", "truth")]
    assert both[0].ids == both[1].ids
    assert both[0].content == both[1].content


def test_a_student_learns_from_the_truth_and_from_a_mix(project: Path) -> None:
    assert write_truth(project) == 0
    assert write_truth(project, "--split", "Train", "--name", "few") == 0
    given = ["--config", str(project), "--student.epochs", "1"]
    images = find_images(project.parent / "images")
    with LabelSetWriter(project.parent / "label_sets" / "half", {"producer": "test"}) as writer:
        for image_id, path in images.items():
            writer.add(image_id, Content(np.full(read_image(path).shape[:2], 0.5)), "1", 0)
        writer.finish(BoxSettings())
    for run, label_set in {"truth": "truth", "mix": "few+half"}.items():
        options = ["--student.run", run, "--student.label_set", label_set]
        assert student.train.main([*given, *options]) == 0
    weighted = ["--student.run", "weighted", "--student.label_set", "boxes+half"]
    assert write_truth(project, "--data.masks", "null", "--name", "boxes", "--split", "Train") == 0
    assert student.train.main([*given, *weighted, "--student.pixel_weights", "label_set"]) == 0
    mixed = open_label_set(project.parent / "label_sets", "few+half")
    train_ids = (project.parent / "splits" / "Train.txt").read_text("utf-8").split("\n")[:-1]
    assert [*check_pairs(list(images), images, mixed)] == list(images)
    pairs = SoftLabelPairs(list(images), images, mixed, 1.0)
    for index, image_id in enumerate(images):
        targets = pairs.batch([index]).targets
        has_truth = image_id in train_ids
        assert set(targets.unique().tolist()) <= ({0.0, 1.0} if has_truth else {0.5000076293945312})


def test_joined_label_sets_take_the_first_that_has_an_image(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    ones, zeros = np.ones((2, 3)), np.zeros((2, 3))
    write_label_set("a", {"x": ones})
    with LabelSetWriter(tmp_path / "b", {"producer": "test"}) as writer:
        for image_id in ("x", "y"):
            writer.add(image_id, Content(zeros, weights=zeros + 0.2, logits=zeros - 7), "1", 0)
        writer.fail("z", "broken")
        writer.fail("v", "broken")
        writer.finish(BoxSettings())
    write_label_set("c", {"z": ones})
    joined = open_label_set(tmp_path, "a+b+c")
    assert joined.ids == ["x", "y", "z"]
    assert joined.failed == {"v": "broken"}
    assert [joined.read(image_id).mean() for image_id in joined.ids] == [1, 0, 1]
    assert joined.read_weights("x").all()
    assert joined.read_weights("y").max() == pytest.approx(0.2)
    assert joined.read_logits("x").mean() == -7  # of the first that has some
    assert joined.fingerprint() != open_label_set(tmp_path, "b+a+c").fingerprint()
    assert open_label_set(tmp_path, "a").ids == ["x"]
    for name in ("a+", "a+a", "+"):
        with pytest.raises(UserError, match="different names joined by"):
            open_label_set(tmp_path, name)
    with pytest.raises(UserError, match=r"nowhere does not exist; there are: a, b, c\."):
        open_label_set(tmp_path, "a+nowhere")
    with pytest.raises(UserError, match=r"a.*, .*z does not exist; there are: none\."):
        open_label_set(tmp_path / "empty", "a+z")
