"""What is said of true boxes, masks and labels of images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.util.checking.checked_data import NAMES, Checked
from util.errors import UserError
from util.images.files import write_image
from util.make_splits import main as make_splits


def test_images_without_a_true_box_and_those_that_look_alike_are_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    rows = (root / "truth.csv").read_text().splitlines()
    kept = [row for row in rows if not row.startswith(("a/02", "b/03"))]
    (root / "truth.csv").write_text("\n".join(kept))
    (root / "truth.csv").write_text("\n".join([*kept, *(r for r in rows if r.startswith("a/02"))]))
    assert Checked(config, capsys).fact("true boxes").endswith("; 1 has none: b/03")
    (root / "truth.csv").write_text("\n".join(kept))
    shutil.copy(root / "images/a/00.png", root / "images/a/01.png")
    checked = Checked(config, capsys)
    assert checked.fact("true boxes").endswith("; 2 have none: a/02, b/03")
    assert checked.fact("near-duplicates") == (
        "1 pair of images, such as a/00 = a/01; 0 of them in two splits"
    )


def test_swapped_masks_and_labels_of_images_are_said(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    (root / "labels.csv").write_text(
        "image;label\n" + "".join(f"{name};smoke\n" for name in NAMES[:11]) + "c/03;\n"
    )
    swapped = '{"0": "anomalous", "255": "normal"}'
    options = ["--data.image_labels", str(root / "labels.csv"), "--data.mask_values", swapped]
    checked = Checked(config, capsys, *options)
    assert checked.fact("labels") == "of 12 images: smoke 11, none 1"
    assert any("masks mark 92% of an image: are normal and" in each for each in checked.warnings)
    assert '<th scope="row">smoke</th><td>4</td><td>4</td><td>3</td>' in checked.page
    (root / "labels.csv").write_text("image,label\na/00,smoke\n")
    checked = Checked(config, capsys, *options, status=2)
    assert "expected ';'" in "".join(checked.errors)
    assert "labels:" not in "\n".join(checked.lines)


def test_masks_that_ignore_everything_are_told_apart_from_those_that_mark_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = config.parent / "masks"
    paths = sorted(masks.rglob("*.png"))
    for path in paths[:2]:
        write_image(path, np.full((60, 80), 128, np.uint8))
    meanings = '{"0": "normal", "128": "ignored", "255": "anomalous"}'
    checked = Checked(config, capsys, "--data.mask_values", meanings)
    assert any(
        f"2 masks ignore all pixels, of {len(paths)} loo" in each for each in checked.warnings
    )
    assert f"0 of {len(paths) - 2} masks looked at mark nothing" in checked.fact("marked")


def test_what_is_wrong_with_masks_of_boxes_and_pixels_is_told_once(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = config.parent / "masks"
    write_image(masks / "b/01.png", np.linspace(0, 255, 4800).reshape(60, 80).astype(np.uint8))
    options = ["--data.ground_truth", str(masks), "--data.ground_truth_format=masks"]
    (error,) = Checked(config, capsys, *options, status=2).errors
    assert "(1 of 12 masks: b/01.png)" in error


def test_masks_that_are_the_ground_truth_are_said_as_they_are_read(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = config.parent / "masks"
    for path in masks.rglob("*.png"):
        mask = np.zeros((60, 80), np.uint8)
        mask[10:20, 10:20], mask[10:20, 20:30] = 1, 2
        write_image(path, mask)
    (masks / "classes.json").write_text('{"1": "duck", "2": "goose"}')
    options = ["--data.ground_truth", str(masks), "--data.ground_truth_format=masks"]
    taken = "read as 0 = normal, 1-2 = anomalous (1 duck, 2 goose)"
    checked = Checked(config, capsys, *options)
    assert checked.fact("masks") == f"12, {taken}"
    assert "24 in 12 of 12 images (duck 12, goose 12)" in checked.fact("true boxes")
    checked = Checked(config, capsys, *options, "--data.masks", "null")
    assert checked.fact("boxes of masks") == f"12, {taken}"


def test_only_images_that_are_judged_need_a_truth(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    annotated = [
        {"id": number, "file_name": f"{name}.png", "width": 80, "height": 60}
        for number, name in enumerate(NAMES)
        if not name.startswith("a")
    ]
    truth = {"images": annotated, "annotations": [], "categories": [{"id": 1, "name": "gull"}]}
    box = {"image_id": annotated[0]["id"], "category_id": 1, "bbox": [1, 2, 30, 40]}
    truth["annotations"] = [box]
    (root / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(root / "truth.json"), "--data.ground_truth_format=coco"]
    checked = Checked(config, capsys, *options)
    assert checked.fact("true boxes").endswith("; 4 others are not annotated, nor judged")
    assert not any("lists" in each for each in checked.warnings)
    truth["images"] = [*annotated, {"id": 99, "file_name": "a/O1.png", "width": 80, "height": 60}]
    (root / "truth.json").write_text(json.dumps(truth))
    told = [each for each in Checked(config, capsys, *options).warnings if "lists" in each]
    assert len(told) == 1
    assert told[0].startswith("look at: truth.json lists 1 image that data.images has not: a/O1; ")
    doubled = [{**each, "width": 160, "height": 120} for each in annotated]
    (root / "truth.json").write_text(json.dumps({**truth, "images": doubled}))
    told = Checked(config, capsys, *options).warnings
    assert any("width and height than 8 images have: b/00.png (160 x 120 for" in e for e in told)
    truth["annotations"] = [{**box, "category_id": 7}]
    truth["images"] = [*annotated, annotated[0]]
    (root / "truth.json").write_text(json.dumps(truth))
    assert len(Checked(config, capsys, *options, status=2).errors) == 2
    truth["annotations"] = [box]
    truth["images"] = annotated[:4]
    (root / "truth.json").write_text(json.dumps(truth))
    checked = Checked(config, capsys, *options, status=2)
    assert "does not list 4 of 8 images (c/00, c/01, c/02, c/03)" in checked.errors[0]
    checked = Checked(config, capsys, *options, "--data.test_split=Validation")
    assert checked.errors == []


def test_boxes_of_some_images_and_masks_of_others_are_refused_where_lists_are_to_be_made(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    annotated = [
        {"id": number, "file_name": f"{name}.png", "width": 80, "height": 60}
        for number, name in enumerate(NAMES)
        if name.startswith("c")
    ]
    box = {"image_id": annotated[0]["id"], "category_id": 1, "bbox": [1, 2, 30, 40]}
    truth = {"images": annotated, "annotations": [box], "categories": [{"id": 1, "name": "gull"}]}
    (root / "truth.json").write_text(json.dumps(truth))
    options = ["--data.ground_truth", str(root / "truth.json"), "--data.ground_truth_format=coco"]
    assert Checked(config, capsys, *options).errors == []
    shutil.rmtree(root / "masks/c")
    assert Checked(config, capsys, *options).errors == []  # masks are learnt from, boxes judge
    (root / "new").mkdir()
    options += ["--data.splits", str(root / "new")]
    checked = Checked(config, capsys, *options, status=2)
    with pytest.raises(UserError) as caught:
        make_splits(["--config", str(config), *options])
    assert checked.errors[1:] == [f"error: {caught.value}"]
    assert "no image has both a truth in" in checked.errors[1]


def test_a_folder_of_another_format_is_an_error_beside_all_others(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = config.parent / "labels"
    labels.mkdir()
    (labels / "a.txt").write_text("")
    options = ["--data.ground_truth", str(labels), "--data.ground_truth_format=coco"]
    (error,) = Checked(config, capsys, *options, status=2).errors
    assert error.endswith("coco expects a file; is its data.ground_truth_format yolo?")
