"""Label sets of maps as files of other programs, read by these or by what knows their formats."""

import json
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.conftest import read_gray
from tests.util.exporting.ring import SETTINGS, SIZE_HW, object_masks
from util.bbox_csv import COORDINATES
from util.ground_truth.formats import GroundTruthFormat
from util.ground_truth.reading import read_ground_truth
from util.images.files import find_images
from util.images.masks import open_folder
from util.label_set import Content, LabelSet, LabelSetWriter
from util.shapes.polygons import fill_polygon

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_coco_is_read_by_pycocotools(export: Callable[..., Path]) -> None:
    read = COCO(str(export("coco") / "annotations.json"))
    assert read.cats == {1: {"id": 1, "name": "möwe"}}
    assert [image["file_name"] for image in read.loadImgs([1, 2])] == [
        "flight 1/möwe.jpg",
        "leer.jpg",
    ]
    assert read.imgs[2] == {"id": 2, "file_name": "leer.jpg", "width": 60, "height": 40}
    assert read.getAnnIds([2]) == []
    found = read.loadAnns(read.getAnnIds([1]))
    for annotation, mask in zip(found, object_masks(), strict=True):
        np.testing.assert_array_equal(read.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum()
    assert found[0]["bbox"] == [9.0, 4.0, 28.0, 23.0]
    assert found[0]["score"] == pytest.approx(0.75, abs=0.01)
    results = read.loadRes([{k: v for k, v in each.items() if k != "id"} for each in found])
    assert len(results.anns) == 2


def fill(points: np.ndarray) -> np.ndarray:
    return fill_polygon(points, SIZE_HW)


def test_polygons_of_yolo_are_one_line_an_object_with_all_its_pieces(
    export: Callable[..., Path],
) -> None:
    out = export("yolo-seg")
    lines = (out / "flight 1" / "möwe.txt").read_text().splitlines()
    for line, mask in zip(lines, object_masks(), strict=True):
        number, *values = line.split()
        points = np.array(values, float).reshape(-1, 2) * SIZE_HW[::-1]
        np.testing.assert_array_equal(fill(points), mask)
        assert number == "0"
    assert (out / "leer.txt").read_text() == ""
    assert '0: "möwe"' in (out / "data.yaml").read_text()
    assert not (out / "damaged.txt").exists()


def test_boxes_of_voc_count_pixels_from_one(export: Callable[..., Path]) -> None:
    out = export("voc", "--export_label_set.confidence", "true")
    root = ElementTree.parse(out / "flight 1" / "möwe.xml").getroot()
    assert (root.findtext("folder"), root.findtext("filename")) == ("flight 1", "möwe.jpg")
    assert [root.findtext(f"size/{side}") for side in ("width", "height")] == ["60", "40"]
    boxes = [[int(edge.text or "") for edge in box] for box in root.iter("bndbox")]
    assert boxes == [[10, 5, 37, 27], [60, 40, 60, 40]]
    assert [each.findtext("name") for each in root.iter("object")] == ["möwe", "möwe"]
    assert root.findtext("object[2]/confidence") == "1.0"
    assert ElementTree.parse(out / "leer.xml").getroot().find("object") is None


def test_files_of_voc_say_how_many_channels_an_image_has(
    export: Callable[..., Path], tmp_path: Path
) -> None:
    assert ElementTree.parse(export("voc") / "leer.xml").getroot().findtext("size/depth") == "3"
    picture = Image.open(tmp_path / "images/leer.jpg")
    for mode, depth in {"L": 1, "P": 3, "RGBA": 4}.items():
        (tmp_path / "images/leer.jpg").unlink(missing_ok=True)
        picture.convert(mode).save(tmp_path / "images/leer.png")
        root = ElementTree.parse(export("voc", "--overwrite") / "leer.xml").getroot()
        assert root.findtext("size/depth") == f"{depth}"


def test_a_photograph_that_is_damaged_has_its_file_of_voc_all_the_same(
    export: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "images/leer.jpg").write_bytes(b"no image")
    out = export("voc")
    size = ElementTree.parse(out / "leer.xml").getroot().find("size")
    assert size is not None
    assert [side.text for side in size] == ["60", "40", "3"]
    assert (out / "flight 1" / "möwe.xml").exists()


def test_masks_say_that_pieces_in_them_are_not_the_boxes(
    export: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, images = export("masks"), find_images(tmp_path / "images")
    said = capsys.readouterr().out
    assert ": 2 boxes in 1 of 2 images" in said
    assert "finds each piece that hangs together" in said
    found = read_ground_truth(out, "masks", images, [])
    assert len(found) == 3  # two pixels near the ring are one of their own
    export("coco", f"--export_label_set.output={tmp_path / 'coco'}")
    assert "each piece" not in capsys.readouterr().out


def test_masks_are_black_and_white(export: Callable[..., Path]) -> None:
    out = export("masks")
    expected = np.any(object_masks(), axis=0) * np.uint8(255)
    mask = cv2.imdecode(np.fromfile(out / "flight 1" / "möwe.png", np.uint8), -1)
    np.testing.assert_array_equal(mask, expected)
    assert not read_gray(out / "leer.png").any()


def test_shapes_of_labelme_are_pieces_and_find_their_image(export: Callable[..., Path]) -> None:
    path = export("labelme") / "flight 1" / "möwe.json"
    content = json.loads(path.read_text())
    assert (path.parent / content["imagePath"]).exists()
    assert (content["imageHeight"], content["imageWidth"], content["imageData"]) == (40, 60, None)
    assert [shape["group_id"] for shape in content["shapes"]] == [0, 0, None]
    assert {shape["label"] for shape in content["shapes"]} == {"möwe"}
    filled = [fill(np.array(shape["points"])) for shape in content["shapes"]]
    np.testing.assert_array_equal(filled[0] | filled[1], object_masks()[0])
    np.testing.assert_array_equal(filled[2], object_masks()[1])


def test_tasks_of_label_studio_have_percent_and_addresses(export: Callable[..., Path]) -> None:
    path = export("label-studio", "--export_label_set.image_url", "/?d=") / "tasks.json"
    tasks = json.loads(path.read_text())
    assert [task["data"]["image"] for task in tasks] == [
        "/?d=flight%201/m%C3%B6we.jpg",
        "/?d=leer.jpg",
    ]
    (prediction,) = tasks[0]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("bird", 1.0)
    results = prediction["result"]
    assert {each["type"] for each in results} == {"polygonlabels"}
    assert results[2]["value"]["polygonlabels"] == ["möwe"]
    points = np.array(results[2]["value"]["points"]) / 100 * SIZE_HW[::-1]
    np.testing.assert_array_equal(fill(points.round(3)), object_masks()[1])
    assert tasks[1]["predictions"][0]["result"] == []


@pytest.mark.parametrize(
    ("kind", "file", "name"),
    [
        ("coco", "annotations.json", r"m\udcf6we.jpg"),
        ("label-studio", "tasks.json", "m%F6we.jpg"),
        ("voc", r"m%F6we.xml", r"m\udcf6we.jpg"),
    ],
)
def test_names_that_are_no_utf_8_are_escaped(
    kind: str, file: str, name: str, tmp_path: Path, export: Callable[..., Path]
) -> None:
    path = os.fsdecode(b"m\xf6we.jpg")
    (tmp_path / "images/leer.jpg").rename(tmp_path / "images" / path)
    with LabelSetWriter(tmp_path / "label_sets" / "old", {"producer": "test"}) as writer:
        image_id = next(i for i in find_images(tmp_path / "images") if i.startswith("m"))
        writer.add(image_id, Content(np.zeros(SIZE_HW, np.float32)), source="1", seconds=0.0)
        writer.finish(SETTINGS)
    folder = export(kind, "--export_label_set.label_set", "old")
    (written,) = [each for each in folder.rglob("*") if each.suffix == Path(file).suffix]
    assert name in written.read_text(encoding="utf-8")


def test_a_simplified_polygon_has_fewer_points_and_nearly_all_pixels(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    rows, columns = np.mgrid[:200, :200]
    disc = np.hypot(rows - 90, columns - 110) < 80
    with LabelSetWriter(tmp_path / "label_sets" / "disc", {"producer": "test"}) as writer:
        writer.add("leer", Content(disc.astype(float)), source="1", seconds=0.0)
        writer.finish(SETTINGS)

    def read(tolerance: str) -> np.ndarray:
        options = {"polygon_tolerance_px": tolerance, "label_set": "disc"}
        given = [f"--export_label_set.{key}={value}" for key, value in options.items()]
        text = (export("yolo-seg", *given, "--overwrite") / "leer.txt").read_text()
        return np.array(text.split()[1:], float).reshape(-1, 2) * 200

    exact, simple = read("0"), read("2")
    assert len(simple) < len(exact) / 4
    filled = fill_polygon(simple, disc.shape)
    assert 0.99 <= (filled & disc).sum() / (filled | disc).sum() < 1


@pytest.mark.parametrize(
    ("kind", "file_format", "place"),
    [
        ("coco", "coco", "annotations.json"),
        ("yolo", "yolo", ""),
        ("yolo-seg", "yolo", ""),
        ("voc", "voc", ""),
        ("labelme", "labelme", ""),
    ],
)
def test_what_is_exported_is_a_ground_truth_of_the_same_boxes(
    kind: str,
    file_format: GroundTruthFormat,
    place: str,
    export: Callable[..., Path],
    label_set: LabelSet,
    tmp_path: Path,
) -> None:
    truth = export(kind) / place
    images = find_images(tmp_path / "images")
    read = read_ground_truth(truth, file_format, images, ["möwe"])
    table = label_set.read_boxes()
    assert read["image"].tolist() == table["image"].tolist()
    np.testing.assert_allclose(read[COORDINATES], table[COORDINATES], rtol=0, atol=1e-9)


def test_exported_masks_are_true_masks(
    export: Callable[..., Path], label_set: LabelSet, tmp_path: Path
) -> None:
    masks = open_folder(export("masks"), find_images(tmp_path / "images"))
    np.testing.assert_array_equal(masks.read("flight 1/möwe") == 1, np.any(object_masks(), axis=0))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_supervision_reads_files_of_voc(export: Callable[..., Path], tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    read = supervision.Dataset.from_pascal_voc(
        str(tmp_path / "images" / "flight 1"), str(export("voc") / "flight 1")
    )
    assert read.classes == ["möwe"]
    assert read.annotations["möwe.jpg"].xyxy.tolist() == [[10, 5, 37, 27], [60, 40, 60, 40]]


def test_label_studio_says_that_a_thing_of_several_pieces_is_several_there(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    export("label-studio")
    assert "a polygon for each of them" in capsys.readouterr().out
