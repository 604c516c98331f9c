"""True masks of polygons and RLE, by the script, against pycocotools and pixels by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from tests.conftest import read_gray
from util.config import DataSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.export_label_set import main as export
from util.images.files import find_images, write_image
from util.images.masks import open_masks
from util.label_set import Content, LabelSetWriter
from util.masks_from_truth import main

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SQUARE = [10, 10, 30, 10, 30, 20, 10, 20]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("sub/möwe", "leer", "fremd"):
        write_image(tmp_path / f"images/{name}.png", np.zeros((40, 60, 3), np.uint8))
    path = tmp_path / "config.json"
    data = {"images": "images", "ground_truth": "truth.json", "ground_truth_format": "coco"}
    path.write_text(json.dumps({"data": data}))
    return path


def write_coco(config: Path, *annotations: dict[str, Any]) -> Path:
    names = ["sub/möwe.png", "leer.png"]
    images = [
        {"id": n, "file_name": name, "width": 60, "height": 40} for n, name in enumerate(names, 1)
    ]
    boxes = [
        {"id": n, "image_id": 1, "category_id": 2, "iscrowd": 0, "area": 1, **each}
        for n, each in enumerate(annotations, 1)
    ]
    categories = [{"id": 1, "name": "boat"}, {"id": 2, "name": "gull"}]
    path = config.parent / "truth.json"
    content = {"images": images, "annotations": boxes, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def paint(config: Path, *options: str) -> dict[str, np.ndarray]:
    output = config.parent / "masks"
    assert main(["--config", str(config), "--output", str(output), *options]) == 0
    return {
        path.relative_to(output).with_suffix("").as_posix(): read_gray(path)
        for path in output.rglob("*.png")
    }


def test_polygons_and_rle_are_painted_as_pycocotools_does(config: Path) -> None:
    triangle = [35.5, 5.2, 55.1, 30.7, 33.3, 33.9]
    counts = [5 * 40 + 3, 4, 36, 4, 40 * 60 - 5 * 40 - 3 - 44]
    path = write_coco(
        config,
        {"segmentation": [SQUARE, triangle], "bbox": [10, 5, 46, 29]},
        {"segmentation": {"size": [40, 60], "counts": counts}, "bbox": [5, 3, 2, 4]},
    )
    masks = paint(config)
    assert set(masks) == {"sub/möwe", "leer"}  # the third was not annotated
    assert not masks["leer"].any()
    read = COCO(str(path))
    of_two = [read.annToMask(each) for each in read.loadAnns([1, 2])]
    expected = np.maximum(*of_two)
    found = masks["sub/möwe"] > 0
    # At the border of the triangle pycocotools paints pixels whose centres are outside, too.
    assert (found & (expected > 0)).sum() > 0.97 * (found | (expected > 0)).sum()
    differs = found != (expected > 0)
    assert not differs[:, :33].any()
    np.testing.assert_array_equal(masks["sub/möwe"][10:20, 10:30], 1)
    np.testing.assert_array_equal(masks["sub/möwe"][:10, :10] > 0, of_two[1][:10, :10] > 0)
    assert json.loads((config.parent / "masks/classes.json").read_text()) == {"1": "gull"}


def test_what_nobody_knows_is_ignored_and_below_what_is_known(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_coco(
        config,
        {"segmentation": [SQUARE]},
        {"bbox": [0, 0, 20, 15], "category_id": 1},
        {"segmentation": [[40, 30, 50, 30, 50, 40, 40, 40]], "iscrowd": 1},
    )
    mask = paint(config)["sub/möwe"]
    expected = np.zeros((40, 60), np.uint8)
    expected[:15, :20] = expected[30:, 40:50] = 255
    expected[10:20, 10:30] = 2
    np.testing.assert_array_equal(mask, expected)
    assert "Ignored (255): 2 regions to ignore, or boxes" in capsys.readouterr().out


def test_the_masks_are_read_as_data_masks(config: Path) -> None:
    write_coco(config, {"segmentation": [SQUARE]}, {"bbox": [0, 0, 5, 5], "category_id": 1})
    paint(config)
    images = find_images(config.parent / "images")
    data = DataSection(masks=config.parent / "masks", ground_truth_classes=["gull"])
    masks = open_masks(data, images)
    assert set(masks.paths) == {"sub/möwe", "leer"}
    truth = masks.read("sub/möwe")
    assert (truth[10:20, 10:30] == 1).all()
    assert (truth[:5, :5] == 255).all()
    assert (truth == 1).sum() == 200


def test_shapes_of_labelme_are_painted_and_groups_are_one_object(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shapes = [
        {"label": "gull", "points": [[10, 10], [30, 20]], "shape_type": "rectangle"},
        {"label": "boat", "points": [[40, 20], [40, 26]], "shape_type": "circle"},
        {"label": "boat", "points": [[1, 1]], "shape_type": "point"},
        {
            "label": "boat",
            "points": [[50, 0], [58, 8], [54, 12], [46, 4]],
            "shape_type": "oriented_rectangle",
        },
    ]
    content = {"shapes": shapes, "imageWidth": 60, "imageHeight": 40}
    (config.parent / "labels").mkdir()
    (config.parent / "labels" / "leer.json").write_text(json.dumps(content))
    options = ["--data.ground_truth", str(config.parent / "labels")]
    masks = paint(config, *options, "--data.ground_truth_format=labelme")
    assert set(masks) == {"leer"}
    mask = masks["leer"]
    assert (mask[10:20, 10:30] == 255).all()  # a box, of which nobody knows what is the gull
    assert (mask == 255).sum() == 200
    assert (mask[:14] == 1).sum() == pytest.approx(8 * 8, rel=0.15)
    assert mask[6, 52] == 1
    assert mask[10, 47] == 0
    assert "left out 1 points and lines, which have no area: leer (point)" in caplog.text
    mask[:14] = 0
    assert (mask == 1).sum() == pytest.approx(np.pi * 36, rel=0.03)
    rows, columns = np.nonzero(mask == 1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (14, 25, 34, 45)


def test_an_outline_counts_also_where_a_box_is_in_its_group(config: Path) -> None:
    square = [[10, 10], [20, 10], [20, 20], [10, 20]]
    shapes = [
        {"label": "gull", "points": square, "shape_type": "polygon", "group_id": 1},
        {"label": "gull", "points": [[5, 5], [25, 25]], "shape_type": "rectangle", "group_id": 1},
    ]
    content = {"shapes": shapes, "imageWidth": 60, "imageHeight": 40}
    (config.parent / "labels").mkdir()
    (config.parent / "labels" / "leer.json").write_text(json.dumps(content))
    options = ["--data.ground_truth", str(config.parent / "labels")]
    mask = paint(config, *options, "--data.ground_truth_format=labelme")["leer"]
    assert (mask[10:20, 10:20] == 1).all()
    assert (mask == 1).sum() == 100
    assert (mask == 255).sum() == 400 - 100


def test_relative_to_another_size_outlines_fit_the_image(config: Path) -> None:
    path = write_coco(config, {"segmentation": [SQUARE]})
    content = json.loads(path.read_text())
    for each in content["images"]:
        each |= {"width": 120, "height": 80}
    runs = {"size": [80, 120], "counts": [0, 80 * 8, 80 * 112]}
    content["annotations"].append({"image_id": 2, "category_id": 2, "segmentation": runs})
    path.write_text(json.dumps(content))
    masks = paint(config)
    assert (masks["sub/möwe"][5:10, 5:15] == 1).all()
    assert (masks["sub/möwe"] > 0).sum() == 50
    assert (masks["leer"][:, :4] == 1).all()
    assert (masks["leer"] > 0).sum() == 160


def test_what_is_wrong_is_refused_and_nothing_is_written(config: Path) -> None:
    write_coco(config, {"segmentation": [[1, 2, 3, 4]]}, {"segmentation": {"size": [40, 60]}})
    with pytest.raises(UserError, match="2 annotations have no outline: annotation 1: a polygon"):
        paint(config)
    with pytest.raises(UserError, match="outlines are in coco, labelme, yolo"):
        paint(config, "--data.ground_truth_format=csv")
    write_coco(config, {"segmentation": [SQUARE]})
    with pytest.raises(UserError, match="no object of whale, but of gull"):
        paint(config, "--data.ground_truth_classes=whale")
    with pytest.raises(UserError, match=r"lies in data\.images"):
        main(["--config", str(config), "--output", str(config.parent / "images" / "masks")])
    assert not (config.parent / "masks").exists()


def test_what_is_told_in_other_units_is_refused(config: Path) -> None:
    write_coco(config, {"segmentation": {"size": [60, 40], "counts": [0, 2400]}})
    with pytest.raises(UserError, match=r"the size of its RLE is \[60, 40\], its image \[40, 60\]"):
        paint(config)
    write_coco(config, {"segmentation": [[0.1, 0.1, 0.5, 0.1, 0.5, 0.6]]})
    with pytest.raises(UserError, match="look as if they are relative to the image"):
        paint(config)
    assert not (config.parent / "masks").exists()


def test_images_that_cannot_be_read_are_left_out_and_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_coco(config, {"segmentation": [SQUARE]})
    (config.parent / "images/leer.png").write_bytes(b"")
    assert set(paint(config)) == {"sub/möwe"}
    assert "Left out 1 image that cannot be read: leer" in capsys.readouterr().out


def test_masks_do_not_come_among_the_images_by_a_link(config: Path) -> None:
    write_coco(config, {"segmentation": [SQUARE]})
    (config.parent / "link").symlink_to(config.parent)
    images = config.parent / "link" / "images"
    with pytest.raises(UserError, match=r"lies in data\.images"):
        paint(config, "--data.images", str(images), "--output", str(images / "masks"))
    assert not (images / "masks").exists()


def test_masks_that_are_there_are_replaced_by_wish_alone(config: Path) -> None:
    write_coco(config, {"segmentation": [SQUARE]})
    first = paint(config)
    np.testing.assert_array_equal(paint(config)["sub/möwe"], first["sub/möwe"])
    write_coco(config, {"segmentation": [SQUARE]}, {"bbox": [0, 0, 5, 5]})
    with pytest.raises(UserError, match="1 file is there already, with other content"):
        paint(config)
    assert (paint(config, "--overwrite")["sub/möwe"][:5, :5] == 255).all()


def test_masks_of_an_earlier_truth_stay_and_are_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_coco(config, {"segmentation": [SQUARE]})
    assert "an earlier one" not in (paint(config), capsys.readouterr().out)[1]
    path = config.parent / "truth.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"images": told["images"][:1]}))
    assert sorted(paint(config, "--overwrite")) == ["leer", "sub/möwe"]
    said = "has masks of 1 image that this truth does not annotate, and they count as truth, too: "
    assert f"{said}leer; delete them if they are of an earlier one" in capsys.readouterr().out


def test_outlines_beside_the_image_and_boxes_without_an_area_are_nothing(config: Path) -> None:
    outside = [70.0, 5.0, 80.0, 5.0, 80.0, 15.0]
    write_coco(config, {"segmentation": [outside]}, {"bbox": [60, 0, 5, 5]}, {"bbox": [5, 5, 0, 4]})
    assert not paint(config)["sub/möwe"].any()


def test_masks_have_the_names_by_which_masks_are_found(config: Path) -> None:
    write_coco(config, {"segmentation": [SQUARE]})
    names = {"$": "_mask"}
    masks = paint(config, "--data.mask_names", json.dumps(names))
    assert set(masks) == {"sub/möwe_mask", "leer_mask"}
    paths = find_images(config.parent / "images")
    data = DataSection(
        images=config.parent / "images",
        masks=config.parent / "masks",
        mask_names=names,
        ground_truth_classes=["gull"],
    )
    assert open_masks(data, {"sub/möwe": paths["sub/möwe"]}).read("sub/möwe").sum() == 200


def test_a_coco_file_of_other_images_is_refused(config: Path) -> None:
    path = write_coco(config)
    path.write_text(path.read_text().replace("m\\u00f6we", "x").replace("leer", "y"))
    with pytest.raises(UserError, match=r"which are no images in data\.images"):
        paint(config)


def test_a_truth_of_boxes_alone_is_refused(config: Path) -> None:
    write_coco(config, {"bbox": [0, 0, 5, 5]})
    with pytest.raises(UserError, match=r"truth\.json: none of 1 objects has an outline"):
        paint(config)
    options = write_yolo(config, **{"leer": "0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2 0.9\n"})
    with pytest.raises(UserError, match=r"none of 2 objects has .* four or five numbers is a box"):
        paint(config, *options)


def write_yolo(config: Path, **texts: str) -> list[str]:
    """Write a file an image, and give the options that name them."""
    folder = config.parent / "yolo"
    for name, text in texts.items():
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [f"--data.ground_truth={folder}", "--data.ground_truth_format=yolo"]


def test_polygons_of_yolo_are_painted_boxes_are_ignored_and_no_file_is_no_mask(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corners = np.array(SQUARE).reshape(-1, 2) / [60, 40]
    polygon = f"7 {' '.join(map(str, corners.ravel()))}\n"
    told = {"sub/möwe": "3 0.25 0.25 0.5 0.5\n" + polygon, "leer": ""}
    masks = paint(config, *write_yolo(config, **told))
    expected = np.zeros((40, 60), np.uint8)
    expected[:20, :30] = 255
    expected[10:20, 10:30] = 2
    np.testing.assert_array_equal(masks["sub/möwe"], expected)
    assert not masks["leer"].any()
    assert set(masks) == {"sub/möwe", "leer"}
    assert json.loads((config.parent / "masks/classes.json").read_text()) == {"1": "3", "2": "7"}
    said = capsys.readouterr().out
    assert "2 masks of 3 images, 1 object of the classes 3 (0), 7 (1)" in said
    assert "Ignored (255): 1 region to ignore, or boxes without outline" in said


def test_numbers_of_yolo_are_names_of_classes_in_their_masks(config: Path) -> None:
    text = "0 0 0 0.5 0 0.5 1 0 1\n1 0.5 0 1 0 1 0.5 0.5 0.5\n"
    paint(config, *write_yolo(config, leer=text))
    data = DataSection(
        masks=config.parent / "masks", ground_truth_classes=["1"], ground_truth_format="yolo"
    )
    truth = open_masks(data, find_images(config.parent / "images")).read("leer") == 1
    assert truth[:20, 30:].all()
    assert truth.sum() == 600


def test_all_lines_of_yolo_that_are_no_objects_are_told_and_pixels_are_refused(
    config: Path,
) -> None:
    options = write_yolo(config, **{"leer": "0 0.5\n0 0 0 1 0 1 1\n", "sub/möwe": "x y\n"})
    with pytest.raises(
        UserError, match=r"2 lines are .*leer\.txt, line 1, '0 0\.5', .*möwe\.txt, l"
    ):
        paint(config, *options)
    options = write_yolo(config, **{"leer": "0 10 10 30 10 30 20 10 20\n", "sub/möwe": ""})
    with pytest.raises(UserError, match=r"1 boxes are no numbers.* or lie outside of their image"):
        paint(config, *options)
    assert not (config.parent / "masks").exists()


def test_masks_of_our_own_polygons_are_those_that_were_exported(config: Path) -> None:
    label_sets, rows_columns = config.parent / "label_sets", np.mgrid[:40, :60]
    distance = np.hypot(rows_columns[0] - 15, rows_columns[1] - 20)
    maps = {
        "ring": np.where((distance < 12) & (distance > 5), 0.75, 0.0),
        "pieces": np.zeros((40, 60)),
    }
    maps["pieces"][30:34, 50:53] = maps["pieces"][30:34, 55:57] = 1.0  # three pixels apart: one
    for name, soft_label in maps.items():
        with LabelSetWriter(label_sets / name, {"producer": "test"}) as writer:
            writer.add("leer", Content(soft_label), source="1", seconds=0.0)
            writer.finish(BoxSettings(object_class=name))
    told = ["--config", str(config), "--export_label_set.polygon_tolerance_px=0"]
    told += [f"--export_label_set.label_set={name}" for name in maps]
    for kind in ("yolo-seg", "masks"):
        assert export([*told, "--format", kind]) == 0
    exported = config.parent / "exports" / "ring+pieces"
    lines = (exported / "yolo-seg" / "leer.txt").read_text().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["0", "1"]
    options = [f"--data.ground_truth={exported / 'yolo-seg'}", "--data.ground_truth_format=yolo"]
    masks = paint(config, *options)
    expected = np.where(maps["ring"] > 0.5, 2, maps["pieces"] > 0.5)
    np.testing.assert_array_equal(masks["leer"], expected)
    np.testing.assert_array_equal(masks["leer"], read_gray(exported / "masks" / "leer.png"))
