"""Several label sets as one data set of their classes, read by what knows the formats."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO

from tests.conftest import read_gray
from util.config import DataSection
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError
from util.export_label_set import main
from util.images.files import find_images, write_image
from util.images.masks import open_masks
from util.label_set import Content, LabelSet, LabelSetWriter
from util.shapes.polygons import fill_polygon

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE_HW = (40, 60)
BOAT, SURE_BIRD, FAINT_BIRD, CREST = (
    (slice(5, 15), slice(5, 25)),
    (slice(10, 20), slice(20, 30)),
    (slice(8, 12), slice(40, 50)),
    (slice(9, 11), slice(41, 55)),
)
"""Rows and columns of rectangles: a bird hides a part of the boat, a crest one of a bird."""

LABELLED = {
    "boat": {"cam/a": [(BOAT, 0.7)], "b": []},
    "sea bird": {"cam/a": [(SURE_BIRD, 0.9), (FAINT_BIRD, 0.6)], "b": [(BOAT, 0.8)]},
    "white crest": {"cam/a": [(CREST, 0.95)], "b": []},
    "whale": {"cam/a": [], "b": []},
}
"""What each prompt has marked in each image, and how sure it is."""


def write_maps(
    folder: Path, marked: dict[str, list[tuple[tuple[slice, slice], float]]], prompt: str
) -> None:
    with LabelSetWriter(folder, {"producer": "test", "prompt": prompt}) as writer:
        for image_id, things in marked.items():
            soft_label = np.zeros(SIZE_HW)
            for place, probability in things:
                soft_label[place] = probability
            writer.add(image_id, Content(soft_label), source="1", seconds=0.0)
        writer.fail("damaged", "it is truncated")
        writer.finish(BoxSettings(object_class=prompt))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for prompt, marked in LABELLED.items():
        write_maps(tmp_path / "label_sets" / prompt.replace(" ", "_"), marked, prompt)
    for image_id in ("cam/a", "b", "damaged"):
        write_image(tmp_path / f"images/{image_id}.jpg", np.zeros((*SIZE_HW, 3), np.uint8))
    path = tmp_path / "config.json"
    told = {"label_set": ["white crest", "boat", "sea bird"], "polygon_tolerance_px": 0}
    path.write_text(json.dumps({"data": {"images": "images"}, "export_label_set": told}))
    return path


@pytest.fixture
def export(project: Path) -> Callable[..., Path]:
    """Run the script: `export(format, option, ...)` gives the folder that it wrote."""

    def run(kind: str, *options: str) -> Path:
        out = project.parent / "out" / kind
        output = f"--export_label_set.output={out}"
        assert main(["--config", str(project), "--format", kind, output, *options]) == 0
        return out

    return run


def rectangle(*places: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    for place in places:
        mask[place] = True
    return mask


OBJECTS = [
    ("white crest", rectangle(CREST)),
    ("boat", rectangle(BOAT)),
    ("sea bird", rectangle(SURE_BIRD)),
    ("sea bird", rectangle(FAINT_BIRD)),
]
"""Of the first image, one label set after the other."""


def by_class(objects: list[tuple[str, np.ndarray]]) -> list[tuple[str, bytes]]:
    return sorted((name, mask.tobytes()) for name, mask in objects)


def test_each_label_set_is_a_category_of_coco(export: Callable[..., Path]) -> None:
    read = COCO(str(export("coco") / "annotations.json"))
    names = {number: category["name"] for number, category in read.cats.items()}
    assert names == {1: "boat", 2: "sea bird", 3: "white crest"}
    ids = {image["file_name"]: number for number, image in read.imgs.items()}
    assert set(ids) == {"cam/a.jpg", "b.jpg"}
    of_a = read.loadAnns(read.getAnnIds([ids["cam/a.jpg"]]))
    found = [(names[each["category_id"]], read.annToMask(each) > 0) for each in of_a]
    assert by_class(found) == by_class(OBJECTS)
    (of_b,) = read.loadAnns(read.getAnnIds([ids["b.jpg"]]))
    assert (names[of_b["category_id"]], of_b["bbox"]) == ("sea bird", [5.0, 5.0, 20.0, 10.0])
    assert of_b["score"] == pytest.approx(0.8, abs=0.01)


def test_boxes_of_yolo_have_numbers_in_the_order_of_classes(export: Callable[..., Path]) -> None:
    classes = ("sea bird", "white crest", "boat", "whale")
    out = export("yolo", *(f"--export_label_set.classes={name}" for name in classes))
    lines = (out / "cam" / "a.txt").read_text().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["0", "0", "1", "2"]
    assert (out / "b.txt").read_text() == f"0 0.25 0.25 {25 / 60 - 5 / 60} 0.25\n"
    assert '  3: "whale"' in (out / "data.yaml").read_text()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_supervision_reads_the_classes_of_voc(project: Path, export: Callable[..., Path]) -> None:
    supervision = pytest.importorskip("supervision")
    images = project.parent / "images" / "cam"
    read = supervision.Dataset.from_pascal_voc(str(images), str(export("voc") / "cam"))
    found = read.annotations["a.jpg"]
    boxes = zip(found.class_id.tolist(), found.xyxy.tolist(), strict=True)
    assert sorted((read.classes[number], box) for number, box in boxes) == [
        ("boat", [6.0, 6.0, 25.0, 15.0]),
        ("sea bird", [21.0, 11.0, 30.0, 20.0]),
        ("sea bird", [41.0, 9.0, 50.0, 12.0]),
        ("white crest", [42.0, 10.0, 55.0, 11.0]),
    ]


@pytest.mark.parametrize("kind", ["labelme", "label-studio", "yolo-seg"])
def test_polygons_have_the_class_of_their_label_set(kind: str, export: Callable[..., Path]) -> None:
    out, size_wh = export(kind), np.array(SIZE_HW[::-1])
    if kind == "labelme":
        shapes = json.loads((out / "cam" / "a.json").read_text())["shapes"]
        found = [(shape["label"], np.array(shape["points"])) for shape in shapes]
    elif kind == "label-studio":
        tasks = json.loads((out / "tasks.json").read_text())
        (prediction,) = tasks[1]["predictions"]
        assert prediction["model_version"] == "white_crest+boat+sea_bird"
        values = [each["value"] for each in prediction["result"]]
        found = [
            (value["polygonlabels"][0], (np.array(value["points"]) / 100 * size_wh).round(3))
            for value in values
        ]
    else:
        names = yaml.safe_load((out / "data.yaml").read_text())["names"]
        lines = [line.split() for line in (out / "cam" / "a.txt").read_text().splitlines()]
        found = [
            (names[int(number)], np.array(points, float).reshape(-1, 2) * size_wh)
            for number, *points in lines
        ]
    filled = [(name, fill_polygon(points, SIZE_HW)) for name, points in found]
    assert by_class(filled) == by_class(OBJECTS)


def test_masks_have_the_number_of_the_surer_class_and_are_true_masks(
    project: Path, export: Callable[..., Path]
) -> None:
    out = export("masks")
    expected = np.zeros(SIZE_HW, np.uint8)
    for place, number in ((FAINT_BIRD, 2), (BOAT, 1), (SURE_BIRD, 2), (CREST, 3)):
        expected[place] = number
    np.testing.assert_array_equal(read_gray(out / "cam" / "a.png"), expected)
    names = json.loads((out / "classes.json").read_text())
    assert names == {"1": "boat", "2": "sea bird", "3": "white crest"}
    assert not (out / "damaged.png").exists()
    images = find_images(project.parent / "images")
    data = DataSection(masks=out, ground_truth_classes=["sea bird"])
    truth = open_masks(data, images).of(["cam/a"]).read("cam/a")
    np.testing.assert_array_equal(truth == 1, expected == 2)


def test_of_equal_scores_the_first_label_set_has_the_pixels(
    project: Path, export: Callable[..., Path]
) -> None:
    for prompt in ("one", "two"):
        marked = {image_id: [(BOAT, 0.8)] for image_id in ("cam/a", "b")}
        write_maps(project.parent / "label_sets" / prompt, marked, prompt)
    named = "--export_label_set.label_set"
    mask = read_gray(export("masks", named, "two", named, "one") / "b.png")
    assert set(mask[BOAT].ravel().tolist()) == {2}


def test_a_class_alone_is_black_and_white_and_names_are_left_out(
    export: Callable[..., Path],
) -> None:
    out, boat = export("masks"), "--export_label_set.label_set=boat"
    with pytest.raises(
        UserError, match=r"3 files are there already.*: \S+b\.png, \S+a\.png, \S+cl"
    ):
        export("masks", boat)
    export("masks", boat, "--overwrite")
    np.testing.assert_array_equal(read_gray(out / "cam" / "a.png"), rectangle(BOAT) * 255)
    assert not (out / "classes.json").exists()


def test_a_class_that_is_nowhere_keeps_its_number(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    named = "--export_label_set.label_set"
    out = export("yolo", named, "whale", named, "boat")
    assert "the classes boat (1), whale (0), found in pixels above 0.5" in capsys.readouterr().out
    assert (out / "data.yaml").read_text().endswith('names:\n  0: "boat"\n  1: "whale"\n')


def test_several_label_sets_share_a_folder_named_after_all(project: Path) -> None:
    (project.parent / "label_sets" / "boat").rename(project.parent / "label_sets" / "x")
    write_maps(project.parent / "runs" / "boat" / "Test", LABELLED["boat"], "boat")
    given = [f"--export_label_set.label_set={name}" for name in ("boat", "sea bird")]
    assert main(["--config", str(project), "--format=yolo", *given]) == 0
    assert (project.parent / "exports" / "boat-Test+sea_bird" / "yolo" / "b.txt").exists()


def test_each_label_set_has_its_own_threshold(
    project: Path, export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project.parent / "label_sets" / "sea_bird"
    settings = replace(LabelSet(folder).box_settings, threshold=0.7)
    manifest = json.loads((folder / "label_set.json").read_text())
    manifest["boxes"]["threshold"] = settings.threshold
    (folder / "label_set.json").write_text(json.dumps(manifest))
    (folder / "prediction.csv").unlink()
    read = COCO(str(export("coco") / "annotations.json"))
    assert len(read.getAnnIds(catIds=[2])) == 2  # the faint one is none
    said = capsys.readouterr().out
    assert "found in pixels above 0.5 in white_crest, 0.5 in boat, 0.7 in sea_bird" in said
    assert "Left out: 1 image that " in said


def test_boxes_of_a_detector_stand_beside_objects_of_maps(
    project: Path, export: Callable[..., Path]
) -> None:
    boxes = Boxes(np.array([[3.0, 4.0, 33.0, 24.0]]), np.array([0.5]), ("car",))
    with LabelSetWriter(project.parent / "label_sets" / "cars", {"producer": "test"}) as writer:
        for image_id in ("cam/a", "b"):
            content = Content(boxes=boxes, size_hw=SIZE_HW)
            writer.add(image_id, content, source="1", seconds=0.0)
        writer.finish(BoxSettings())
    named = "--export_label_set.label_set"
    out = export("voc", named, "cars", named, "boat")
    objects = ElementTree.parse(out / "cam" / "a.xml").getroot().findall("object")
    assert [each.findtext("name") for each in objects] == ["car", "boat"]
    read = COCO(str(export("coco", named, "cars", named, "boat") / "annotations.json"))
    (car,) = read.loadAnns(read.getAnnIds(catIds=[2], imgIds=[1]))
    assert (car["bbox"], "segmentation" in car) == ([3.0, 4.0, 30.0, 20.0], False)
    with pytest.raises(UserError, match="holds the boxes of a detector and no maps"):
        export("masks", named, "cars", named, "boat")


def test_all_that_is_wrong_with_label_sets_is_told_together(export: Callable[..., Path]) -> None:
    given = [f"--export_label_set.label_set={name}" for name in ("boat", "ship", "boat", "fish")]
    with pytest.raises(UserError) as caught:
        export("yolo", *given)
    first, second, third = str(caught.value).splitlines()
    assert "no label set, run, file or folder 'ship'" in first
    assert "boat is named twice" in second
    assert "'fish'" in third


def test_label_sets_of_other_images_or_of_one_class_are_refused(
    project: Path, export: Callable[..., Path]
) -> None:
    write_maps(project.parent / "label_sets" / "few", {"b": []}, "few")
    named = "--export_label_set.label_set"
    with pytest.raises(UserError, match="different images: few lacks cam/a; let what made them"):
        export("yolo", named, "boat", named, "few")
    with pytest.raises(UserError, match=r"one thing would count twice: thing \(boat, sea_bird\)"):
        export("yolo", named, "boat", named, "sea bird", "--evaluation.object_class=thing")
    assert not (project.parent / "out").exists()


def make_of(project: Path, name: str, made_by: dict[str, object]) -> None:
    """Write a label set whose manifest says what it was made of."""
    with LabelSetWriter(project.parent / "label_sets" / name, made_by) as writer:
        for image_id in ("cam/a", "b"):
            writer.add(image_id, Content(np.zeros(SIZE_HW)), source="1", seconds=0.0)
        writer.finish(BoxSettings(object_class=name))


def test_what_was_made_of_another_label_set_is_refused_beside_it(
    project: Path, export: Callable[..., Path]
) -> None:
    folder = project.parent / "label_sets"
    members = [["boat", LabelSet(folder / "boat").manifest["settings_hash"]], ["gone", None]]
    make_of(project, "combined", {"producer": "combination", "members": members})
    combined = ["combined", LabelSet(folder / "combined").manifest["settings_hash"]]
    make_of(project, "refined", {"producer": "refinement", "label_set": combined})
    named = "--export_label_set.label_set"
    expected = (
        "combined was made of boat, refined was made of combined, refined was made of boat, so "
        "that each thing would count twice; export"
    )
    with pytest.raises(UserError, match=expected):
        export("coco", named, "combined", named, "boat", named, "refined")
    (folder / "boat").rename(folder / "renamed")
    with pytest.raises(UserError, match="refined was made of renamed, so"):
        export("coco", named, "refined", named, "renamed")
    assert not (project.parent / "out").exists()
    export("coco", named, "refined", named, "white crest")


def test_images_without_a_pixel_that_counts_are_left_out_and_told(
    project: Path, export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {"cam/a": np.pad([[1.0]], ((0, SIZE_HW[0] - 1), (0, SIZE_HW[1] - 1)))}
    weights["b"] = np.zeros(SIZE_HW)
    with LabelSetWriter(project.parent / "label_sets" / "ship", {"producer": "review"}) as writer:
        for image_id, of_image in weights.items():
            soft_label = np.zeros(SIZE_HW)
            soft_label[BOAT] = 0.7
            content = Content(soft_label, weights=of_image)
            writer.add(image_id, content, source="1", seconds=0.0)
        writer.finish(BoxSettings(object_class="ship"))
    named = "--export_label_set.label_set"
    read = COCO(str(export("coco", named, "ship", named, "sea bird") / "annotations.json"))
    assert [image["file_name"] for image in read.imgs.values()] == ["cam/a.jpg"]
    assert len(read.anns) == 3
    shown = capsys.readouterr().out
    assert "3 boxes in 1 of 1 image, of the classes sea bird (2), ship (1)" in shown
    assert "Left out: 1 image of which all pixels have weight 0, as what is marked" in shown
    out = export("masks", named, "boat")
    assert (out / "b.png").exists()
    export("masks", named, "ship", "--overwrite")
    assert sorted(path.name for path in out.rglob("*.png")) == ["a.png"]


def test_maps_of_several_sizes_are_refused(project: Path, export: Callable[..., Path]) -> None:
    path = project.parent / "label_sets" / "sea_bird" / "b.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((20, 30), np.uint16))[1].tobytes())
    with pytest.raises(UserError, match=r"sea_bird/b\.png has 30 x 20 pixels.* 60 x 40; label"):
        export("masks")


def test_a_stopped_export_goes_on_and_other_label_sets_begin_anew(
    export: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export("coco") / "annotations.json"
    whole = path.read_bytes()
    path.unlink()
    read, asked = LabelSet.read, list[str]()

    def read_one(self: LabelSet, image_id: str) -> np.ndarray:
        asked.append(image_id)
        if image_id == "cam/a":
            raise KeyboardInterrupt
        return read(self, image_id)

    with monkeypatch.context() as patched:
        patched.setattr(LabelSet, "read", read_one)
        for given in ([], [], ["--export_label_set.label_set=boat"]):
            asked.append("begin")
            with pytest.raises(KeyboardInterrupt):
                export("coco", *given)
    runs = " ".join(asked).split("begin")[1:]
    assert ["b" in run.split() for run in runs] == [True, False, True]
    export("coco")
    assert path.read_bytes() == whole
