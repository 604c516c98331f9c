"""What becomes an object: of maps, of a detector's boxes, of images that lie on their sides."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from pycocotools.coco import COCO

from tests.util.exporting.ring import SETTINGS, SIZE_HW, object_masks, paint_maps
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSetWriter

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_another_threshold_gives_other_objects_and_is_said(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    read = COCO(str(export("coco", "--evaluation.threshold", "0.7") / "annotations.json"))
    for annotation, mask in zip(read.loadAnns([1, 2]), object_masks(0.7), strict=True):
        np.testing.assert_array_equal(read.annToMask(annotation), mask)
    assert "2 boxes in 1 of 2 images, of the classes möwe (2), found in pixels above 0.7" in (
        capsys.readouterr().out
    )


def test_a_label_set_of_boxes_gives_rectangles_and_has_no_masks(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    boxes = Boxes(np.array([[3.5, 4.0, 10.0, 20.25]]), np.array([0.5]), ("gull",))
    with LabelSetWriter(tmp_path / "label_sets" / "detected", {"producer": "test"}) as writer:
        writer.add("leer", Content(boxes=boxes, size_hw=SIZE_HW), source="1", seconds=0.0)
        writer.finish(BoxSettings())
    named = "--export_label_set.label_set=detected"
    shape = json.loads((export("labelme", named) / "leer.json").read_text())["shapes"][0]
    assert (shape["shape_type"], shape["points"]) == ("rectangle", [[3.5, 4.0], [10.0, 20.25]])
    annotation = COCO(str(export("coco", named) / "annotations.json")).anns[1]
    assert annotation["bbox"] == [3.5, 4.0, 6.5, 16.25]
    assert "segmentation" not in annotation
    tasks = json.loads((export("label-studio", named) / "tasks.json").read_text())
    value = tasks[0]["predictions"][0]["result"][0]["value"]
    assert value["rectanglelabels"] == ["gull"]
    assert (value["y"], value["height"]) == (10.0, 40.625)
    for kind in ("yolo-seg", "masks"):
        with pytest.raises(UserError, match="holds the boxes of a detector and no maps"):
            export(kind, named)


def test_a_detectors_own_boxes_get_the_pixels_in_them(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    boxes = Boxes(np.array([[0.0, 0.0, 20.0, 40.0], [45, 0, 50, 5]]), np.array([0.5, 0.25]))
    with LabelSetWriter(tmp_path / "label_sets" / "both", {"producer": "test"}) as writer:
        soft_label = paint_maps()["flight 1/möwe"]
        writer.add("leer", Content(soft_label, boxes=boxes), source="1", seconds=0.0)
        writer.finish(SETTINGS)
    out = export("coco", "--export_label_set.label_set=both")
    read = COCO(str(out / "annotations.json"))
    expected = object_masks()[0]
    expected[:, 20:] = False
    np.testing.assert_array_equal(read.annToMask(read.anns[1]), expected)
    assert "segmentation" not in read.anns[2]


@pytest.mark.parametrize("kind", ["bird", "detected"])
def test_boxes_lie_where_things_are_seen_in_the_upright_image(
    kind: str, export: Callable[..., Path], tmp_path: Path
) -> None:
    boxes = Boxes(np.array([[9.0, 4.0, 37.0, 27.0]]), np.array([0.75]))
    with LabelSetWriter(tmp_path / "label_sets" / "detected", {"producer": "test"}) as writer:
        writer.add("flight 1/möwe", Content(boxes=boxes, size_hw=SIZE_HW), source="1", seconds=0.0)
        writer.finish(SETTINGS)
    bird = np.zeros(SIZE_HW, np.uint8)
    bird[4:27, 9:37] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise
    path = tmp_path / "images/flight 1/möwe.png"
    path.with_suffix(".jpg").unlink()
    Image.fromarray(bird).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    seen = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    out = export("coco", f"--export_label_set.label_set={kind}")
    read = COCO(str(out / "annotations.json"))
    x, y, width, height = map(int, read.anns[1]["bbox"])
    boxed = np.zeros((read.imgs[1]["height"], read.imgs[1]["width"]), np.uint8)
    boxed[y : y + height, x : x + width] = 255
    np.testing.assert_array_equal(boxed, seen)
