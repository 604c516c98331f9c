"""Label sets of maps as files of other programs, read by these or by what knows their formats."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from pycocotools.coco import COCO

from tests.conftest import read_gray
from util.bbox_csv import COORDINATES
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.export_label_set import main
from util.exporting.formats import FORMATS
from util.ground_truth.reading import GroundTruthFormat, read_ground_truth
from util.images.files import find_images, write_image
from util.images.masks import open_folder
from util.label_set import Content, LabelSet, LabelSetWriter
from util.shapes.polygons import fill_polygon

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE_HW = (40, 60)
SETTINGS = BoxSettings(object_class="möwe")


def paint_maps() -> dict[str, np.ndarray]:
    """A ring, with two pixels near it that belong to it, and a single pixel far away; nothing."""
    rows, columns = np.mgrid[:40, :60]
    distance = np.hypot(rows - 15, columns - 20)
    bird = np.where((distance < 12) & (distance > 5), 0.75, 0.25)
    bird[15, 35:37] = 0.625
    bird[39, 59] = 1.0
    return {"flight 1/möwe": bird, "leer": np.zeros(SIZE_HW)}


@pytest.fixture
def label_set(tmp_path: Path) -> LabelSet:
    with LabelSetWriter(tmp_path / "label_sets" / "bird", {"producer": "test"}) as writer:
        for image_id, soft_label in paint_maps().items():
            writer.add(image_id, Content(soft_label), source="1", seconds=0.0)
            write_image(tmp_path / f"images/{image_id}.jpg", np.zeros((*SIZE_HW, 3), np.uint8))
        writer.fail("damaged", "it is truncated")
        return writer.finish(SETTINGS)


@pytest.fixture
def export(tmp_path: Path, label_set: LabelSet) -> Callable[..., Path]:
    """Run the script: `export(format, option, ...)` gives the folder that it wrote."""
    path = tmp_path / "config.json"
    told = {"label_set": label_set.name, "output": "out", "polygon_tolerance_px": 0}
    path.write_text(json.dumps({"data": {"images": "images"}, "export_label_set": told}))

    def run(kind: str, *options: str) -> Path:
        assert main(["--config", str(path), "--format", kind, *options]) == 0
        return tmp_path / "out"

    return run


def object_masks(threshold: float = 0.5) -> list[np.ndarray]:
    """The two objects of the first image."""
    first = paint_maps()["flight 1/möwe"] > threshold
    corner = np.zeros(SIZE_HW, bool)
    corner[39, 59] = True
    return [first & ~corner, corner]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_finished_export_has_nothing_in_it_but_its_files(
    kind: str, export: Callable[..., Path]
) -> None:
    out = export(kind)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


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


def test_another_threshold_gives_other_objects_and_is_said(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    read = COCO(str(export("coco", "--evaluation.threshold", "0.7") / "annotations.json"))
    for annotation, mask in zip(read.loadAnns([1, 2]), object_masks(0.7), strict=True):
        np.testing.assert_array_equal(read.annToMask(annotation), mask)
    assert "2 boxes in 1 of 2 images, of the classes möwe (2), found in pixels above 0.7" in (
        capsys.readouterr().out
    )


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


def test_images_that_are_not_there_cannot_be_named(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    (tmp_path / "images" / "leer.jpg").unlink()
    for kind in ("coco", "voc", "labelme", "label-studio"):
        with pytest.raises(UserError, match=r"1 of 2 images .* not in data\.images: leer"):
            export(kind)
    export("masks")


def test_maps_of_another_size_than_the_images_that_are_named_are_refused(
    tmp_path: Path, export: Callable[..., Path]
) -> None:
    write_image(tmp_path / "images" / "leer.jpg", np.zeros((80, 120, 3), np.uint8))
    for kind in ("coco", "voc", "labelme", "label-studio"):
        with pytest.raises(UserError, match=r"1 map .*: leer \(40 x 60, image 80 x 120\); this"):
            export(kind)
    assert not (tmp_path / "out").exists()
    export("yolo-seg")  # is relative


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


def test_masks_never_become_images(export: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lies in data\.images, so masks would be images"):
        export("masks", f"--export_label_set.output={tmp_path / 'images' / 'out'}")
    assert not (tmp_path / "images" / "out").exists()


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
