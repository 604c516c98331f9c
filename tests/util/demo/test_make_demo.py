"""The painted data set: repeatable, exact, and in the layout that the stages read."""

import csv
import itertools
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import analysis.pixel_evaluation
from util import label_set_from_truth
from util.bbox_csv import read_bbox_csv
from util.demo.canvas import Canvas, Layer
from util.demo.data_set import CSV_HEADER, make_data_set
from util.demo.sea.data_set import PAINTER_VERSION, SEA
from util.demo.sea.scene import CLASSES, NUMBERS, OBJECT_CLASS, SeaScene, make_scene
from util.errors import UserError
from util.images.files import find_images
from util.images.masks import open_folder


@pytest.fixture(scope="module")
def scenes() -> list[SeaScene]:
    return [make_scene((3, number), 256) for number in range(80)]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    make_data_set(folder, SEA, num_scenes=40, size_px=96, seed=5)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def square(x: int, y: int, side: int, alpha: float = 1.0) -> Layer:
    rgba = np.full((side, side, 4), alpha, np.float32)
    return Layer(rgba, x, y)


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "ground_truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_the_same_seed_gives_the_same_bytes(data_set: Path, tmp_path: Path) -> None:
    make_data_set(tmp_path, SEA, num_scenes=40, size_px=96, seed=5)
    assert files_of(tmp_path) == files_of(data_set)


def test_another_seed_gives_other_scenes() -> None:
    first, second = make_scene((0, 1), 64), make_scene((1, 1), 64)
    assert not np.array_equal(first.image_rgb, second.image_rgb)


def test_a_scene_and_its_split_do_not_depend_on_the_size_of_the_set(
    data_set: Path, tmp_path: Path
) -> None:
    make_data_set(tmp_path, SEA, num_scenes=7, size_px=96, seed=5)
    large = files_of(data_set)
    for name, data in files_of(tmp_path).items():
        if name.startswith(("JPEGImages", "SegmentationClass")):
            assert large[name] == data
        if name.startswith("ImageSets"):
            assert large[name].startswith(data)


@pytest.mark.parametrize("size_px", [32, 97, 200, 512])
def test_any_size_works(size_px: int) -> None:
    for number in range(4):
        scene = make_scene((11, number), size_px)
        assert scene.image_rgb.shape == (size_px, size_px, 3)
        assert scene.image_rgb.dtype == np.uint8
        assert scene.class_mask.shape == (size_px, size_px)
        assert scene.class_mask.dtype == np.uint8


def test_the_mask_holds_exactly_the_classes_of_the_instances(scenes: list[SeaScene]) -> None:
    for scene in scenes:
        ids = {CLASSES.index(name) for name, _ in scene.instances}
        assert set(np.unique(scene.class_mask)) - {0} == ids
    assert {name for scene in scenes for name, _ in scene.instances} == set(OBJECT_CLASS)


def test_every_box_is_tight_around_its_class_where_nothing_else_of_it_is_near(
    scenes: list[SeaScene],
) -> None:
    num_checked = 0
    for scene in scenes:
        for name in {name for name, _ in scene.instances}:
            boxes = [box for other, box in scene.instances if other == name]
            if len(boxes) > 1:
                continue
            ys, xs = np.nonzero(scene.class_mask == CLASSES.index(name))
            assert boxes[0] == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            num_checked += 1
    assert num_checked > 20


def test_the_boxes_of_a_class_cover_all_its_pixels(scenes: list[SeaScene]) -> None:
    for scene in scenes:
        uncovered = scene.class_mask.copy()
        for name, (x0, y0, x1, y1) in scene.instances:
            part = uncovered[y0:y1, x0:x1]
            part[part == CLASSES.index(name)] = 0
        assert not uncovered.any()


def test_an_instance_keeps_only_its_visible_pixels() -> None:
    canvas = Canvas(np.zeros((10, 10, 3), np.float32))
    canvas.paint(square(1, 2, 4), "bird")
    canvas.paint(square(3, 2, 4), "boat")
    assert canvas.instances() == [("bird", (1, 2, 3, 6)), ("boat", (3, 2, 7, 6))]
    assert canvas.class_mask(NUMBERS)[2].tolist() == [0, 1, 1, 2, 2, 2, 2, 0, 0, 0]


def test_an_instance_that_is_hidden_or_outside_is_dropped() -> None:
    canvas = Canvas(np.zeros((10, 10, 3), np.float32))
    canvas.paint(square(2, 2, 3), "bird")
    canvas.paint(square(20, 2, 3), "bird")
    canvas.paint(square(1, 1, 5), "boat")
    assert canvas.instances() == [("boat", (1, 1, 6, 6))]


def test_an_instance_that_is_hidden_too_far_is_dropped_where_asked() -> None:
    canvas = Canvas(np.zeros((10, 10, 3), np.float32))
    canvas.paint(square(-2, 2, 4), "bird")  # 2 x 4 pixels lie inside
    canvas.paint(square(0, 5, 2), "boat")  # hides 2 of them
    both = [("bird", (0, 2, 2, 5)), ("boat", (0, 5, 2, 7))]
    assert canvas.instances() == canvas.instances(0.75) == both
    assert canvas.instances(0.76) == both[1:]


def test_an_instance_is_cut_off_at_the_border() -> None:
    canvas = Canvas(np.zeros((10, 10, 3), np.float32))
    canvas.paint(square(-2, 8, 4), "bird")
    assert canvas.instances() == [("bird", (0, 8, 2, 10))]


def test_half_covered_pixels_are_object_and_fainter_ones_are_not() -> None:
    canvas = Canvas(np.zeros((10, 10, 3), np.float32))
    canvas.paint(square(0, 0, 2, alpha=0.5), "bird")
    canvas.paint(square(4, 4, 2, alpha=0.49), "bird")
    assert canvas.instances() == [("bird", (0, 0, 2, 2))]


def test_some_scenes_have_no_bird_and_most_do(scenes: list[SeaScene]) -> None:
    num_empty = sum(all(name != "bird" for name, _ in scene.instances) for scene in scenes)
    assert 0.1 < num_empty / len(scenes) < 0.35


def test_most_birds_take_one_to_five_percent_of_the_side(scenes: list[SeaScene]) -> None:
    shares = np.array(
        [
            max(x1 - x0, y1 - y0) / 256
            for scene in scenes
            for name, (x0, y0, x1, y1) in scene.instances
            if name == "bird"
        ]
    )
    assert np.mean((shares >= 0.01) & (shares <= 0.05)) > 0.7
    assert 0.02 < np.median(shares) < 0.04
    assert shares.max() <= 0.1


def test_some_birds_are_cut_by_the_border(scenes: list[SeaScene]) -> None:
    boxes = [box for scene in scenes for name, box in scene.instances if name == "bird"]
    num_cut = sum(min(box) == 0 or max(box) == 256 for box in boxes)
    assert 0.02 * len(boxes) < num_cut < 0.3 * len(boxes)


def test_birds_stand_out_from_the_water_around_them(scenes: list[SeaScene]) -> None:
    contrasts = []
    for scene in scenes:
        image = scene.image_rgb.astype(np.float32)
        for name, (x0, y0, x1, y1) in scene.instances:
            around = (slice(max(y0 - 6, 0), y1 + 6), slice(max(x0 - 6, 0), x1 + 6))
            is_bird = scene.class_mask[around] == CLASSES.index("bird")
            is_sea = scene.class_mask[around] == 0
            if name == "bird" and is_sea.any():
                pixels = image[around]
                difference = pixels[is_bird].mean(axis=0) - np.median(pixels[is_sea], axis=0)
                contrasts.append(float(np.abs(difference).max()))
    assert np.median(contrasts) > 40
    assert np.mean(np.array(contrasts) < 12) < 0.1


def test_the_layout_is_voc(data_set: Path) -> None:
    stems = [f"scene_{number:04d}" for number in range(40)]
    expected = {f"JPEGImages/{stem}.jpg" for stem in stems}
    expected |= {f"SegmentationClass/{stem}.png" for stem in stems}
    expected.add("SegmentationClass/classes.json")
    expected |= {f"ImageSets/Segmentation/{split}.txt" for split in ("Train", "Validation", "Test")}
    assert set(files_of(data_set)) == expected | {"ground_truth.csv", "scenes.json"}
    assert json.loads((data_set / "scenes.json").read_text()) == {
        "num_scenes": 40,
        "size_px": 96,
        "seed": 5,
        "version": PAINTER_VERSION,
    }


def test_the_files_hold_the_scene(data_set: Path) -> None:
    scene = make_scene((5, 8), 96)
    mask = cv2.imread(str(data_set / "SegmentationClass/scene_0008.png"), cv2.IMREAD_UNCHANGED)
    image_bgr = cv2.imread(str(data_set / "JPEGImages/scene_0008.jpg"), cv2.IMREAD_COLOR)
    assert np.array_equal(mask, scene.class_mask)
    difference = image_bgr[..., ::-1].astype(int) - scene.image_rgb
    assert np.abs(difference).mean() < 5


def test_the_csv_holds_every_instance_with_its_thesis_class(data_set: Path) -> None:
    rows = read_rows(data_set)
    assert list(rows[0]) == CSV_HEADER.split(";")
    for number in range(40):
        found = [row for row in rows if row["image"] == f"scene_{number:04d}"]
        instances = make_scene((5, number), 96).instances
        assert [row["obj_id"] for row in found] == [str(i) for i in range(len(instances))]
        assert [row["obj_class"] for row in found] == [OBJECT_CLASS[n] for n, _ in instances]
        for row, (_, box) in zip(found, instances, strict=True):
            edges = [float(row[edge]) * 96 for edge in ("xmin", "ymin", "xmax", "ymax")]
            assert edges == pytest.approx(box, abs=1e-3)
            assert float(row["confidence"]) == 1.0


def test_the_splits_are_disjoint_complete_and_of_the_right_size(data_set: Path) -> None:
    splits = [
        (data_set / "ImageSets" / "Segmentation" / f"{name}.txt").read_text().split()
        for name in ("Train", "Validation", "Test")
    ]
    assert [len(split) for split in splits] == [24, 6, 10]
    assert sorted(itertools.chain(*splits)) == [f"scene_{number:04d}" for number in range(40)]


def test_a_stopped_set_is_completed(data_set: Path, tmp_path: Path) -> None:
    def stop_at_third(items: object) -> object:
        yield from range(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_data_set(tmp_path, SEA, 40, 96, 5, progress=stop_at_third)
    assert not (tmp_path / "scenes.json").exists()
    make_data_set(tmp_path, SEA, 40, 96, 5)
    assert files_of(tmp_path) == files_of(data_set)


def test_a_complete_set_is_left_alone(data_set: Path) -> None:
    def fail(items: object) -> object:
        raise AssertionError("painted again")

    make_data_set(data_set, SEA, 40, 96, 5, progress=fail)


def test_the_masks_name_their_classes_as_the_csv_does(data_set: Path) -> None:
    names = json.loads((data_set / "SegmentationClass" / "classes.json").read_text())
    assert {number: having[0] for number, having in names.items()} == {
        str(CLASSES.index(name)): thesis_name for name, thesis_name in OBJECT_CLASS.items()
    }
    assert {number: having[-1] for number, having in names.items()} == {
        str(number): name for number, name in enumerate(CLASSES) if number
    }


def test_a_complete_set_of_an_earlier_version_gets_the_names_it_lacks(
    data_set: Path, tmp_path: Path
) -> None:
    older = tmp_path / "scenes"
    shutil.copytree(data_set, older)
    (older / "SegmentationClass" / "classes.json").unlink()
    (older / "SegmentationClass" / "scene_0000.png").write_bytes(b"not painted again")
    make_data_set(older, SEA, 40, 96, 5)
    name = "SegmentationClass/classes.json"
    assert files_of(older)[name] == files_of(data_set)[name]
    assert (older / "SegmentationClass" / "scene_0000.png").read_bytes() == b"not painted again"


def test_perfect_maps_of_birds_are_perfect_by_pixels_too(data_set: Path, tmp_path: Path) -> None:
    content = {
        "paths": {"demo": str(data_set), "label_sets": "label_sets", "runs": "runs"},
        "demo": {"scenes": 40, "size_px": 96, "seed": 5},
    }
    (tmp_path / "config.json").write_text(json.dumps(content))
    given = ["--config", str(tmp_path / "config.json")]
    assert label_set_from_truth.main(given) == 0
    assert analysis.pixel_evaluation.main(given) == 0
    row = pd.read_csv(tmp_path / "runs" / "pixel_evaluation.csv").iloc[0]
    assert row[["average_precision", "iou", "recall"]].tolist() == [1, 1, 1]


def test_masks_and_boxes_of_a_class_are_of_the_same_scenes(data_set: Path) -> None:
    table = read_bbox_csv(data_set / "ground_truth.csv")
    image_ids = find_images(data_set / "JPEGImages")
    for name in ("bird", "anthro", "mammal", "misc"):
        masks = open_folder(data_set / "SegmentationClass", image_ids, [name])
        has_pixels = {image_id for image_id in image_ids if (masks.read(image_id) == 1).any()}
        assert has_pixels == set(table["image"][table["obj_class"] == name])


def test_a_folder_with_other_scenes_is_refused(data_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="already holds scenes made with"):
        make_data_set(data_set, SEA, 40, 96, seed=6)
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"not of this set: holiday\.jpg"):
        make_data_set(tmp_path, SEA, 2, 96, seed=6)


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "scenes.json").write_text("{")
    with pytest.raises(UserError, match=r"scenes\.json is damaged"):
        make_data_set(tmp_path, SEA, 1, 64, 0)


def test_numbers_out_of_range_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"num_scenes is 0.*size_px is 8.*seed is -1"):
        make_data_set(tmp_path, SEA, 0, 8, -1)
    assert not list(tmp_path.iterdir())
